"""Labels and names as text that the exported formats can hold."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Literal

_SET_ASIDE = str.maketrans("{}\\", "\ue000\ue001\ue002")
_PUT_BACK = str.maketrans("\ue000\ue001\ue002", "{}\\")


def one_line(text: str) -> str:
    """Return text in one line, with a space in place of each control character.

    XML and Praat cannot hold all of them, and an empty line would end a subtitle.

    >>> one_line("a\\n\\nb\\0")
    'a  b '
    """
    odd = ("Cc", "Cs", "Zl", "Zp")  # control, surrogate, line and paragraph separator
    return "".join(" " if unicodedata.category(c) in odd else c for c in text)


def cue_text(text: str, form: Literal["vtt", "srt"]) -> str:
    """Return text for a cue that no player takes for markup.

    WebVTT has escapes. SubRip has none, so there ``<`` and ``>`` become ``‹`` and ``›``.

    >>> cue_text("<i> & {b} -->", "vtt")
    '&lt;i&gt; &amp; {b} --&gt;'
    >>> cue_text("<i> & {\\\\an8} -->", "srt")
    '‹i› & (\\\\an8} --›'
    """
    line = one_line(text)
    if form == "vtt":
        return html.escape(line, quote=False)
    return re.sub(r"\{(?=\\)", "(", line).translate({ord("<"): "‹", ord(">"): "›"})


def set_aside(text: str) -> str:
    """Return text in which pysubs2 finds no markup of its own; ``put_back`` undoes it.

    >>> put_back(set_aside("{b} a\\\\Nb"))
    '{b} a\\\\Nb'
    """
    return text.translate(_SET_ASIDE)


def put_back(text: str) -> str:
    """Return the text that was given to ``set_aside``."""
    return text.translate(_PUT_BACK)
