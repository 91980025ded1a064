"""The palette: one colour per label, in pages, plots and videos."""

from __future__ import annotations

from collections.abc import Sequence

# Okabe and Ito's palette, told apart by colour-blind eyes too; the web page has the same.
COLOURS = {
    "neutral": "#9aa0a6",
    "happy": "#e69f00",
    "sad": "#0072b2",
    "angry": "#d55e00",
    "surprise": "#56b4e9",
    "fear": "#cc79a7",
    "disgust": "#009e73",
}


_SPARE = ("#f0e442", "#332288", "#882255", "#44aa99", "#117733", "#aa4499")


def colour(label: str, labels: Sequence[str]) -> str:
    """The colour of a label: its own, or one by its place in the set.

    >>> colour("happy", ["happy"]), colour("tense", ["calm", "tense"])
    ('#e69f00', '#332288')
    """
    return COLOURS.get(label, _SPARE[list(labels).index(label) % len(_SPARE)])
