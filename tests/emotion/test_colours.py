"""The palette stands in one file, and text on each of its colours can be read."""

from __future__ import annotations

import re

import pytest

from emotion.colours import LABEL_COLOURS, LINE_COLOURS, SPARE_COLOURS, ink, rgb
from tests.helpers.paths import ROOT

PALETTE = sorted({*LABEL_COLOURS.values(), *SPARE_COLOURS, *LINE_COLOURS[:6]})
SUFFIXES = {".py", ".html"}


def test_no_other_file_has_a_colour_of_the_palette() -> None:
    files = [
        path
        for folder in ("emotion", "jobs", "serve")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SUFFIXES and path != ROOT / "emotion" / "colours.py"
    ]
    assert len(files) > 100
    docstring = re.compile(r'"""[\s\S]*?"""')  # a doctest may show a colour
    texts = {path: docstring.sub("", path.read_text()).lower() for path in files}
    copies = {
        str(path.relative_to(ROOT)): colour
        for path, text in texts.items()
        for colour in PALETTE
        if colour in text
    }
    assert copies == {}


@pytest.mark.parametrize("colour", PALETTE)
def test_ink_is_readable(colour: str) -> None:
    """Contrast of at least 4.5 to 1, which WCAG 2 asks for normal text."""

    def luminance(channels: tuple[int, int, int]) -> float:
        shares = (c / 255 for c in channels)
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    text = {"#111": (17, 17, 17), "#fff": (255, 255, 255)}[ink(colour)]
    dark, light = sorted((luminance(rgb(colour)), luminance(text)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5
