"""Worker of an export: it writes the files of the videos of one shard after the other."""

from __future__ import annotations

import contextlib
import errno
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.analysis.files import PICTURE_FORMATS, TEXT_FORMATS, picture_files, text_file
from emotion.errors import InputError, VideoError
from emotion.export.names import ArchiveNames
from emotion.package.trust import TrustNote
from emotion.report.video import VideoRows
from jobs.common.faults import Fault
from jobs.ledger.entries import Entry, read_entry, remove_entry, write_entry
from jobs.ledger.lock import Fence
from jobs.ledger.parts import part_uri, required_parts
from jobs.ledger.shards import ShardRef
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
"""Formats with one file per video, and the suffix of the file."""
MOST_PATH, MOST_KEY = 3900, 900
"""Bytes of a path on a disk and of a key on S3 that are surely allowed: 4,096 and 1,024 are the
limits, less the names that the job adds."""
_NAME_ERRNOS = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
_TABLES = ("segments", "timeline", "tracks", "people", "faces")
Row = dict[str, Any]


@dataclass(frozen=True)
class ExportSettings:
    """Settings of every export worker.

    Attributes:
        scores: address of the score set.
        out: address of the folder for the files.
        videos: address of the archive; empty if no format needs it.
        formats: some of ``VIDEO_FORMATS``.
        labels: label set of the package.
        fps: samples per second of the extraction spec.
        embed_bytes: size in bytes of the largest video that a report contains.
        note: warning and recall of the model, for the formats that can hold a remark.
        names: names of people, by the uri of their video.
        only: uris of the videos that are exported; None: all.
        fence: lock of the run.
    """

    scores: str
    out: str
    videos: str
    formats: tuple[str, ...]
    labels: tuple[str, ...]
    fps: float
    embed_bytes: int
    note: TrustNote = TrustNote()
    names: ArchiveNames = field(default_factory=dict)
    only: frozenset[str] | None = None
    fence: Fence | None = None

    def chooses(self, uri: object) -> bool:
        """Return True if a video is exported."""
        return self.only is None or uri in self.only


class ExportShard:
    """Ray actor that writes the files and the ledger entry of a shard."""

    def __init__(self, settings: ExportSettings) -> None:
        self._settings = settings

    def __call__(self, item: Row) -> Row:
        """Export one shard; return the counts videos, files and failed, and notes and fault.

        ``notes`` has a line for each video that failed or lost its sound. ``fault`` is the message
        of an expected failure, such as unreachable storage, or empty.
        """
        ref = ShardRef.from_item(item)
        with Fault() as fault:
            return self._shard(ref) | {"fault": ""}
        return {"videos": 0, "files": 0, "failed": 0, "notes": [], "fault": fault.line}

    def _shard(self, ref: ShardRef) -> Row:
        planned = {str(row["video_id"]): row for row in ref.rows()}
        tables = {name: self._table(name, ref.shard_id) for name in _TABLES}
        videos = [
            row
            for row in self._table("videos", ref.shard_id).to_pylist()
            if self._settings.chooses(row["uri"])
        ]
        failed: Counter[str] = Counter()
        files, notes = 0, list[str]()
        for video in videos:
            of_video = {name: _of_video(table, video["video_id"]) for name, table in tables.items()}
            names = self._settings.names.get(video["uri"], {})
            rows = VideoRows(video, **of_video, names=names)
            try:
                with _name_errors():
                    files += self._video(rows, planned[video["video_id"]], notes)
            except VideoError as err:
                failed[err.reason] += 1
                notes.append(f"{video['uri']}: {err}")
        entry = Entry(
            shard_id=ref.shard_id,
            counts={"videos": len(videos), "files": files},
            rejects=dict(failed),  # to_do repeats a shard that has a storage_error
            retired=len(ref.retired),
        )
        write_entry(self._settings.out, entry, self._settings.fence)
        counts = {"videos": len(videos), "files": files, "failed": failed.total()}
        return counts | {"notes": notes}

    def _table(self, name: str, shard_id: str) -> pa.Table:
        scores = self._settings.scores
        with required_parts("scores", scores, "jobs.score"):
            return storage.read_part(part_uri(scores, name, shard_id))

    def _video(self, rows: VideoRows, planned: Row, notes: list[str]) -> int:
        """Write the files of one video; return the number of files.

        Raises:
            VideoError: if a format needs the video file and the file cannot be read, or a file
                cannot be encoded.
        """
        settings, count = self._settings, 0
        uri = str(rows.video["uri"])
        media = storage.locate(settings.videos, uri)
        for form in set(settings.formats) & set(TEXT_FORMATS):
            target = file_uri(settings.out, form, uri)
            folder = target.rpartition("/")[0]
            content = text_file(form, rows, media=media, folder=folder, note=settings.note)
            storage.write_bytes(target, content)
            count += 1
        pictures = [form for form in PICTURE_FORMATS if form in settings.formats]
        if pictures:
            with fetched(planned, settings.videos) as path, TemporaryDirectory() as folder:
                files = picture_files(
                    pictures,
                    rows,
                    path,
                    Path(folder),
                    labels=settings.labels,
                    fps=settings.fps,
                    embed_bytes=settings.embed_bytes,
                    note=settings.note,
                )
                for form, file, lost_sound in files:
                    storage.put_file(file, file_uri(settings.out, form, uri))
                    count += 1
                    if lost_sound:
                        notes.append(f"{uri}: {form} has no sound, which cannot be encoded")
        return count


def file_uri(out: str, form: str, uri: str) -> str:
    """Return the address of the file of one video in one format.

    >>> file_uri("s3://b/out", "vtt", "s1/a.mp4")
    's3://b/out/vtt/s1/a.mp4.vtt'
    >>> file_uri("/out", "vtt", "s3://other/a.mp4"), file_uri("/out", "vtt", "/data/../a.mp4")
    ('/out/vtt/s3:/other/a.mp4.vtt', '/out/vtt/data/%2E%2E/a.mp4.vtt')
    """
    name = uri.replace("://", ":/", 1) if not storage.is_local(uri) else uri.removeprefix("/")
    if len(name.encode()) > (MOST_PATH if storage.is_local(out) else MOST_KEY) - len(out.encode()):
        name = name.replace("/", "\0")  # one part, which is shortened
    return storage.join(out, form, *storage.file_parts(name, VIDEO_FORMATS[form]))


def remove_retired_files(ref: ShardRef, settings: ExportSettings) -> None:
    """Remove the files of a shard's retired videos, and take them out of its ledger entry.

    Call this before any file is written, because the new files of a changed video have the same
    names. An entry that counts failed videos does not say which, so it is removed, and the
    shard is exported again.
    """
    entry = read_entry(settings.out, ref.shard_id)
    videos, files = entry.counts["videos"], entry.counts["files"]
    for row in ref.videos.select(["video_id", "uri"]).to_pylist():
        if row["video_id"] in ref.retired:
            uris = [file_uri(settings.out, form, row["uri"]) for form in settings.formats]
            removed = [uri for uri in uris if storage.exists(uri)]
            for uri in removed:
                storage.remove(uri)
            videos, files = videos - bool(removed), files - len(removed)
    if entry.rejects or not ref.num_videos:
        remove_entry(settings.out, ref.shard_id)
        return
    counts = {"videos": videos, "files": files}
    entry = replace(entry, counts=counts, retired=len(ref.retired))
    write_entry(settings.out, entry, settings.fence)


def num_stored(out: str, formats: Iterable[str]) -> int:
    """Return the number of files of single videos in an export that are not empty."""
    return sum(1 for _ in _stored(out, formats))


def forget_incomplete(refs: Iterable[ShardRef], settings: ExportSettings) -> list[str]:
    """Remove the ledger entries of shards of which a file is gone or empty; return their ids."""
    stored = set(_stored(settings.out, settings.formats))
    forgotten = []
    for ref in refs:
        wanted = (
            file_uri(settings.out, form, str(row["uri"]))
            for row in ref.rows()
            if settings.chooses(row["uri"])
            for form in settings.formats
        )
        there = sum(uri in stored or _is_hidden_file(uri) for uri in wanted)
        if there < read_entry(settings.out, ref.shard_id).counts.get("files", 0):
            remove_entry(settings.out, ref.shard_id)
            forgotten.append(ref.shard_id)
    return forgotten


def _is_hidden_file(uri: str) -> bool:
    """Return True for a file that exists and that listings leave out because of its name."""
    return "/." in uri and storage.exists(uri)


def _stored(out: str, formats: Iterable[str]) -> Iterator[str]:
    for form in formats:
        files = storage.list_files(storage.join(out, form))
        yield from (file.uri for file in files if file.size_bytes)


@contextlib.contextmanager
def _name_errors() -> Iterator[None]:
    """Turn an error that is due to one file's name into a VideoError.

    Such a file needs the name of another file for a folder, or the other way round.
    """
    try:
        yield
    except (OSError, InputError) as err:
        cause = err if isinstance(err, OSError) else err.__cause__
        if isinstance(cause, OSError) and cause.errno in _NAME_ERRNOS:
            raise VideoError("export_failed", f"cannot write its file: {err}") from err
        raise


def _of_video(table: pa.Table, video_id: str) -> list[Row]:
    rows: list[Row] = table.filter(pc.equal(table["video_id"], video_id)).to_pylist()
    return rows
