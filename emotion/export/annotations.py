"""Segments as annotation files: ELAN's .eaf and Praat's TextGrid.

Both have the tiers of ``emotion.predict.spans.by_person``, and for each of them a tier of
confidences and one of track numbers.
"""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pympi

from emotion.export.plain_text import one_line
from emotion.predict.spans import NO_NAMES, Names, Span, by_person

_BELOW = "below a person"
"""Name of the type of tiers whose annotations lie inside those of a person's tier."""


def elan(
    spans: Sequence[Span],
    *,
    media: str,
    names: Names = NO_NAMES,
    folder: str = "",
    author: str = "video-emotion",
    remarks: Sequence[str] = (),
) -> bytes:
    """Return the bytes of an ELAN annotation document (EAF 2.8), with times in milliseconds.

    Below each tier of labels is a tier of confidences and one of track numbers.

    Args:
        spans: spans of one video; without spans the document has no annotation.
        names: names of people.
        media: address of the video.
        folder: address of the document's folder; where both are local, the document also has the
            video's path relative to it. Empty: unknown.
        author: name of the annotator.
        remarks: lines for properties ``remark 1`` and so on in the document's header.
    """
    eaf = pympi.Eaf(author=author)
    kind = mimetypes.guess_type(media)[0] or "video/mp4"
    url, relative = _links(media, folder)
    eaf.add_linked_file(url, relpath=relative, mimetype=kind)
    eaf.header |= {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    for number, line in enumerate(remarks, start=1):
        eaf.add_property(f"remark {number}", one_line(line))
    eaf.remove_tier("default")
    eaf.add_linguistic_type(_BELOW, "Included_In")
    for name, runs in by_person(spans, names).items():
        tier = one_line(name)
        below = {kind: f"{tier} {kind}" for kind in ("confidence", "track")}
        eaf.add_tier(tier)
        for child in below.values():
            eaf.add_tier(child, ling=_BELOW, parent=tier)
        for run in runs:
            start, stop = _ms(run.start_s), max(_ms(run.stop_s), _ms(run.start_s) + 1)
            eaf.add_annotation(tier, start, stop, one_line(run.label_text))
            eaf.add_annotation(below["confidence"], start, stop, f"{run.confidence:.3f}")
            eaf.add_annotation(below["track"], start, stop, str(run.track_id))
    if not spans:  # a document needs a tier
        eaf.add_tier("person 1")
    return _file_bytes(eaf, "a.eaf")


def _links(media: str, folder: str) -> tuple[str, str]:
    """Return the URL of a video, and its path from a folder; the URL twice if there is no path.

    >>> _links("/videos/a b.mp4", "/out/eaf/s1")
    ('file:///videos/a%20b.mp4', '../../../videos/a b.mp4')
    >>> _links("s3://bucket/a.mp4", "/out/eaf")
    ('s3://bucket/a.mp4', 's3://bucket/a.mp4')
    """
    if not media.startswith("/"):
        return one_line(media), one_line(media)
    url = Path(media).as_uri()
    return url, one_line(os.path.relpath(media, folder)) if folder.startswith("/") else url


def textgrid(spans: Sequence[Span], *, duration_s: float, names: Names = NO_NAMES) -> bytes:
    """Return the bytes of a Praat TextGrid (long text form, UTF-8).

    Its interval tiers reach from 0 to the end of the video. After each tier of labels come a tier
    of confidences and one of track numbers.

    Args:
        spans: spans of one video; without spans the tiers have no text.
        duration_s: length of the video, seconds; spans are cut at this time.
        names: names of people.
    """
    end_s = max([duration_s, 0.001])
    grid = pympi.TextGrid(xmax=end_s)
    for name, runs in (by_person(spans, names) or {"person 1": []}).items():
        tier = one_line(name)
        labels = grid.add_tier(tier)
        confidences, tracks = grid.add_tier(f"{tier} confidence"), grid.add_tier(f"{tier} track")
        for run in runs:
            stop_s = min(run.stop_s, end_s)
            if run.start_s < stop_s:
                labels.add_interval(run.start_s, stop_s, one_line(run.label_text))
                confidences.add_interval(run.start_s, stop_s, f"{run.confidence:.3f}")
                tracks.add_interval(run.start_s, stop_s, str(run.track_id))
    return _file_bytes(grid, "a.TextGrid")


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _file_bytes(document: pympi.Eaf | pympi.TextGrid, name: str) -> bytes:
    """Return the bytes of a document; pympi can only write it to a path."""
    with tempfile.TemporaryDirectory(prefix="video-emotion-export-") as folder:
        path = Path(folder) / name
        document.to_file(str(path))
        return path.read_bytes()
