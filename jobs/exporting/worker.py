"""The files of single videos, written by workers shard by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.errors import VideoError
from emotion.export.annotations import elan, textgrid
from emotion.export.drawn import drawn_tracks
from emotion.export.overlay import overlay
from emotion.export.subtitles import subtitles
from emotion.predict.spans import spans_of
from emotion.report.video import VideoRows, video_report
from jobs.common.faults import Fault
from jobs.ledger.entries import Entry, read_entry, write_entry
from jobs.ledger.parts import part_uri
from jobs.ledger.shards import ShardRef, read_shard
from jobs.reading.videos import fetched

VIDEO_FORMATS = {
    "vtt": ".vtt",
    "srt": ".srt",
    "eaf": ".eaf",
    "textgrid": ".TextGrid",
    "overlay": ".mp4",
    "blurred": ".mp4",
    "report": ".html",
}
"""A file per video, and what its name ends in."""
TEXTS = ("vtt", "srt", "eaf", "textgrid")
_TABLES = ("segments", "timeline", "tracks", "faces")
Row = dict[str, Any]


@dataclass(frozen=True)
class ExportWork:
    """What every worker is told.

    Attributes:
        scores: the score set.
        out: where files go.
        videos: the archive; empty where no format needs it.
        formats: some of ``VIDEO_FORMATS``.
        labels: the package's label set.
        fps: samples per second of its extraction spec.
        embed_bytes: a report carries its video up to this size.
    """

    scores: str
    out: str
    videos: str
    formats: tuple[str, ...]
    labels: tuple[str, ...]
    fps: float
    embed_bytes: int


class ExportShard:
    """A shard to its files and its ledger entry; runs as an actor."""

    def __init__(self, work: ExportWork) -> None:
        self._work = work

    def __call__(self, item: Row) -> Row:
        """Export one shard; returns counts of videos, files and videos that failed, and a fault."""
        ref = ShardRef.from_item(item)
        with Fault() as fault:
            return self._shard(ref) | {"fault": ""}
        return {"videos": 0, "files": 0, "failed": 0, "fault": fault.line}

    def _shard(self, ref: ShardRef) -> Row:
        planned = {str(row["video_id"]): row for row in read_shard(ref)}
        tables = {name: self._table(name, ref.shard_id) for name in _TABLES}
        videos = self._table("videos", ref.shard_id).to_pylist()
        failed: Counter[str] = Counter()
        files = 0
        for video in videos:
            rows = VideoRows(
                video=video,
                **{name: _of_video(table, video["video_id"]) for name, table in tables.items()},
            )
            try:
                files += self._video(rows, planned[video["video_id"]])
            except VideoError as err:
                failed[err.reason] += 1
        entry = Entry(
            shard_id=ref.shard_id,
            counts={"videos": len(videos), "files": files},
            rejects=dict(failed),  # with a storage_error the shard is done again
            retired=len(ref.retired),
        )
        write_entry(self._work.out, entry)
        return {"videos": len(videos), "files": files, "failed": failed.total()}

    def _table(self, name: str, shard_id: str) -> pa.Table:
        return storage.read_part(part_uri(self._work.scores, name, shard_id))

    def _video(self, rows: VideoRows, planned: Row) -> int:
        """Write the files of one video; returns how many.

        Raises:
            VideoError: if it is needed and cannot be read again.
        """
        work, count = self._work, 0
        uri = str(rows.video["uri"])
        for form in set(work.formats) & set(TEXTS):
            storage.write_bytes(file_uri(work.out, form, uri), self._text(form, rows))
            count += 1
        pictures = [f for f in ("overlay", "blurred", "report") if f in work.formats]
        if pictures:
            with fetched(planned, work.videos) as path, TemporaryDirectory() as folder:
                for form, made in self._pictures(pictures, rows, path, Path(folder)):
                    storage.put_file(made, file_uri(work.out, form, uri))
                    count += 1
        return count

    def _text(self, form: str, rows: VideoRows) -> bytes:
        spans = spans_of(rows.segments)
        if form == "eaf":
            return elan(spans, media=storage.join(self._work.videos, str(rows.video["uri"])))
        if form == "textgrid":
            return textgrid(spans, duration_s=rows.video["duration_s"])
        return subtitles(spans, "vtt" if form == "vtt" else "srt").encode()

    def _pictures(
        self, forms: Sequence[str], rows: VideoRows, path: Path, folder: Path
    ) -> Iterator[tuple[str, Path]]:
        """The files of a video's pictures; the page shows the overlay."""
        work = self._work
        tracks = drawn_tracks(rows.faces, rows.segments, rows.timeline, work.labels, fps=work.fps)
        drawn = folder / "overlay.mp4"
        if {"overlay", "report"} & set(forms):
            overlay(path, drawn, tracks)
        if "blurred" in forms:
            blurred = folder / "blurred.mp4"
            overlay(path, blurred, tracks, blur_faces=True)
            yield "blurred", blurred
        if "report" in forms:
            page = video_report(
                rows,
                path,
                drawn=drawn,
                labels=work.labels,
                fps=work.fps,
                embed_bytes=work.embed_bytes,
            )
            made = folder / "report.html"
            made.write_text(page, encoding="utf-8")
            yield "report", made
        if "overlay" in forms:
            yield "overlay", drawn  # last: who stores a file may move it


def file_uri(out: str, form: str, uri: str) -> str:
    """Where one video's file lies.

    >>> file_uri("s3://b/out", "vtt", "s1/a.mp4")
    's3://b/out/vtt/s1/a.mp4.vtt'
    """
    return storage.join(out, form, *f"{uri}{VIDEO_FORMATS[form]}".split("/"))


def remove_gone(ref: ShardRef, work: ExportWork) -> None:
    """Take away the files of a shard's videos that are no longer wanted.

    To be called before anything is written: a changed video's new files have the same names.
    """
    live = {row["video_id"] for row in read_shard(ref)}
    for row in read_shard(replace(ref, retired=())):
        if row["video_id"] not in live:
            for form in work.formats:
                storage.remove(file_uri(work.out, form, str(row["uri"])))
    entry = read_entry(work.out, ref.shard_id)
    write_entry(work.out, replace(entry, retired=len(ref.retired)))


def _of_video(table: pa.Table, video_id: str) -> list[Row]:
    found: list[Row] = table.filter(pc.equal(table["video_id"], video_id)).to_pylist()
    return found
