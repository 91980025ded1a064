"""Segments as subtitles: WebVTT (W3C) and SubRip, one cue per scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pysubs2 import SSAEvent, SSAFile, make_time

from emotion.export.plain_text import cue_text, put_back, set_aside
from emotion.predict.spans import NO_NAMES, Names, Span, person, scenes


def subtitles(
    spans: Sequence[Span],
    form: Literal["vtt", "srt"],
    *,
    remarks: Sequence[str] = (),
    names: Names = NO_NAMES,
) -> str:
    """Return the text of a subtitle file.

    A cue has one line per span, such as ``person 1: happy 87%``. In a video with only one person
    the lines have no name, unless the person was given one.

    Args:
        spans: spans of one video; without spans the file has no cue.
        form: ``vtt`` for WebVTT, ``srt`` for SubRip.
        names: names of people.
        remarks: lines for a NOTE at the start of WebVTT; SubRip has no comments and ignores them.
    """
    nameless = len({span.identity_id for span in spans}) <= 1 and not names
    file = SSAFile()
    for scene in scenes(spans):
        lines = [
            s.text if nameless else f"{person(s.identity_id, names)}: {s.text}" for s in scene.spans
        ]
        lines = [set_aside(cue_text(line, form)) for line in lines]
        file.append(
            SSAEvent(
                start=make_time(s=scene.start_s),
                end=make_time(s=scene.stop_s),
                text=r"\N".join(lines),
            )
        )
    text = put_back(str(file.to_string(form)))
    if form == "srt" or not remarks:
        return text
    head, _, cues = text.partition("\n")
    note = "\n".join(line.replace("-->", "to") for line in remarks)  # a NOTE must not hold -->
    return f"{head}\n\nNOTE\n{note}\n{cues}"
