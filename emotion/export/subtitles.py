"""Segments as subtitles: WebVTT (W3C) and SubRip, a cue for every change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pysubs2 import SSAEvent, SSAFile, make_time

from emotion.predict.spans import Span, person, scenes


def subtitles(spans: Sequence[Span], form: Literal["vtt", "srt"]) -> str:
    """One line per person on screen, such as ``person 1: happy 87%``; just the label for one.

    Args:
        spans: of one video; none gives a file without cues.
        form: WebVTT or SubRip.
    """
    alone = len({span.identity_id for span in spans}) <= 1
    file = SSAFile()
    for scene in scenes(spans):
        lines = [s.text if alone else f"{person(s.identity_id)}: {s.text}" for s in scene.spans]
        file.append(
            SSAEvent(
                start=make_time(s=scene.start_s),
                end=make_time(s=scene.stop_s),
                text=r"\N".join(lines),
            )
        )
    return str(file.to_string(form))
