"""Files of one video: subtitles, annotations, overlay videos, a page; from the rows of its tables.

``jobs.export`` and ``Result.save`` write the same files.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emotion.errors import VideoError
from emotion.package.trust import TrustNote
from emotion.predict.spans import spans_of

if TYPE_CHECKING:
    from emotion.report.video import VideoRows

TEXT_FORMATS = ("vtt", "srt", "eaf", "textgrid")
"""Formats that need only the tables."""
PICTURE_FORMATS = ("overlay", "blurred", "report")
"""Formats that need the video file too."""
EMBED_BYTES = 20 * 2**20
"""Size in bytes of the largest video that a page contains by default."""
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


class PictureFile(NamedTuple):
    """File of one of ``PICTURE_FORMATS``; ``lost_sound``: its sound had to be left out."""

    form: str
    path: Path
    lost_sound: bool


def text_file(
    form: str, rows: VideoRows, *, media: str, folder: str = "", note: TrustNote
) -> bytes:
    """Return the content of a file of one of ``TEXT_FORMATS``.

    Args:
        form: the format.
        rows: rows of the video.
        media: address of the video, for the link in an ELAN file.
        folder: address of the file's folder, for the same; empty: unknown.
        note: warning and recall of the model, for the formats that can hold a remark.
    """
    first_s = float(rows.video["first_frame_s"])  # players, ELAN and Praat count with the sound
    spans = spans_of(rows.segments, first_frame_s=first_s)
    if form in ("eaf", "textgrid"):
        from emotion.export.annotations import elan, textgrid

        if form == "eaf":
            return elan(spans, media=media, folder=folder, names=rows.names, remarks=note.lines())
        return textgrid(spans, duration_s=first_s + rows.video["duration_s"], names=rows.names)
    from emotion.export.subtitles import subtitles

    if form == "vtt":
        return subtitles(spans, "vtt", remarks=note.lines(), names=rows.names).encode()
    return subtitles(spans, "srt", names=rows.names).encode()


def picture_files(
    forms: Sequence[str],
    rows: VideoRows,
    path: Path,
    folder: Path,
    *,
    labels: Sequence[str],
    fps: float,
    note: TrustNote,
    embed_bytes: int = EMBED_BYTES,
) -> Iterator[PictureFile]:
    """Write files of some of ``PICTURE_FORMATS``, and yield each.

    The page contains the overlay, so the overlay comes last: the caller may move a file.

    Args:
        forms: the formats.
        rows: rows of the video.
        path: the video.
        folder: folder for the files.
        labels: label set of the package.
        fps: samples per second of the extraction spec.
        note: warning and recall of the model.
        embed_bytes: size in bytes of the largest overlay that the page contains.

    Raises:
        VideoError: if the video cannot be read to its end, or a file cannot be encoded.
    """
    from emotion.export.drawn import drawn_tracks
    from emotion.export.overlay import overlay
    from emotion.report.video import video_report

    tracks = drawn_tracks(
        rows.faces, rows.segments, rows.timeline, labels, fps=fps, names=rows.names
    )
    drawn = folder / "overlay.mp4"
    lost = False
    if {"overlay", "report"} & set(forms):
        with _encoder_errors():
            made = overlay(path, drawn, tracks, remark="; ".join(note.lines()))
        lost = made.audio == "dropped"
    if "blurred" in forms:
        blurred = folder / "blurred.mp4"
        with _encoder_errors():
            made = overlay(path, blurred, tracks, blur_faces=True)
        yield PictureFile("blurred", blurred, made.audio == "dropped")
    if "report" in forms:
        page = folder / "report.html"
        html = video_report(
            rows, path, drawn=drawn, labels=labels, fps=fps, embed_bytes=embed_bytes, note=note
        )
        page.write_text(html, encoding="utf-8")
        yield PictureFile("report", page, lost)
    if "overlay" in forms:
        yield PictureFile("overlay", drawn, lost)


@contextlib.contextmanager
def _encoder_errors() -> Iterator[None]:
    """Turn an error of FFmpeg into a VideoError, but not that of a full or broken disk."""
    import av

    try:
        yield
    except av.FFmpegError as err:
        if err.errno in _DISK:
            raise OSError(err.errno, err.strerror) from err
        raise VideoError("export_failed", f"cannot be encoded: {err}") from err
