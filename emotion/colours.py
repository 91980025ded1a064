"""The palette of pages, plots and videos, which colour-blind people can distinguish.

The named colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), and a grey.
"""

from __future__ import annotations

from collections.abc import Sequence

ORANGE, SKY_BLUE, GREEN, YELLOW = "#e69f00", "#56b4e9", "#009e73", "#f0e442"
BLUE, VERMILION, PURPLE, GREY = "#0072b2", "#d55e00", "#cc79a7", "#9aa0a6"

LABEL_COLOURS = {
    "neutral": GREY,
    "happy": ORANGE,
    "sad": BLUE,
    "angry": VERMILION,
    "surprise": SKY_BLUE,
    "fear": PURPLE,
    "disgust": GREEN,
}
SPARE_COLOURS = (YELLOW, "#332288", "#882255", "#44aa99", "#117733", "#aa4499")
"""Colours of labels that ``LABEL_COLOURS`` lacks, by position in the label set, repeated."""
LINE_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE, "#000000", "#7f7f7f")
"""Colours of the lines of a plot, in order."""
DARK_INK, LIGHT_INK = "#111", "#fff"


def colour(label: str, labels: Sequence[str]) -> str:
    """Return the colour of a label, as "#rrggbb".

    A label in ``LABEL_COLOURS`` always has the same colour. Any other label gets one of
    ``SPARE_COLOURS`` by its position in ``labels``.

    Raises:
        ValueError: if ``label`` is not in ``labels``.

    >>> colour("happy", ["happy"]), colour("tense", ["calm", "tense"])
    ('#e69f00', '#332288')
    """
    spare = SPARE_COLOURS[list(labels).index(label) % len(SPARE_COLOURS)]
    return LABEL_COLOURS.get(label, spare)


def rgb(colour: str) -> tuple[int, int, int]:
    """Convert "#rrggbb" to red, green and blue, each 0 to 255.

    >>> rgb("#e69f00")
    (230, 159, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def ink(colour: str) -> str:
    """Return the text colour with more contrast on a background: ``DARK_INK`` or ``LIGHT_INK``.

    Contrast is defined as in WCAG 2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).

    >>> ink("#e69f00"), ink("#0072b2")
    ('#111', '#fff')
    """
    light = _luminance((255, 255, 255)) + 0.05
    dark, ground = _luminance((17, 17, 17)) + 0.05, _luminance(rgb(colour)) + 0.05
    return DARK_INK if ground / dark > light / ground else LIGHT_INK


def _luminance(channels: tuple[int, int, int]) -> float:
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
