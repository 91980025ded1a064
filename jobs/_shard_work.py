"""What a build worker does: a shard, a segment of a long video, a join, or a revision."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emotion import storage
from emotion.errors import VideoError
from emotion.extract.decode import Limits, VideoFacts
from emotion.extract.extractor import Extractor, until_broken
from emotion.extract.observe import Observation
from emotion.extract.spec import ExtractionSpec
from emotion.extract.walk import Row, Table, VideoSummary
from jobs import _output
from jobs._cli import expected_errors, expected_line
from jobs._parts import ShardWriter
from jobs._revise import revise_shard
from jobs._segments import (
    join_segments,
    segment_name,
    segment_samples,
    segment_uri,
    write_segment,
)
from jobs._shards import ShardRef, read_shard
from jobs._trial import Trial
from jobs._videos import content_sha256, fetched, opened, reject_row, video_row
from schemas.tables import DATASETS, with_columns

DATA_TABLES = ("frames", "faces", "tracks", "clips")
KNOWN = {
    "tracks": ("subject_id", "label", "split"),
    "clips": ("subject_id", "label", "split", "fold"),
}
"""Columns of a video that rows of other tables repeat."""
_HUNG_EXIT_CODE = 86


@dataclass(frozen=True)
class Work:
    """What every worker of a build is told.

    Attributes:
        root: the archive.
        out: the dataset.
        spec: what is extracted, and how.
        limits: what one video, or one segment of it, may cost.
        keep_partial: whether what decoded before a break is kept.
        extra_columns: further columns of ``videos``.
        segment_s: length of a segment.
    """

    root: str
    out: str
    spec: ExtractionSpec
    limits: Limits
    keep_partial: bool
    extra_columns: tuple[str, ...]
    segment_s: float

    @property
    def segment_samples(self) -> int:
        """Samples per segment."""
        return max(1, round(self.segment_s * self.spec.sample_fps))


class BuildWorker:
    """Items of work to lines of progress; runs as an actor."""

    def __init__(self, work: Work, yunet_model: bytes | None) -> None:
        self._work, self._yunet = work, yunet_model
        self._extractor = Extractor(
            work.spec, yunet_model=yunet_model, limits=work.limits, keep_partial=work.keep_partial
        )
        videos = with_columns(DATASETS["videos"], work.extra_columns)
        self._schemas = DATASETS | {"videos": videos}

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Do one item; returns what to count: video_s, videos, faces, clips, rejects.

        ``fault`` is empty, or one line for a storage that failed; a bug is raised.
        """
        try:
            return self._do(item) | {"fault": ""}
        except expected_errors() as err:
            line = expected_line(err)
            if line is None:
                raise
            return _progress(0.0, {}) | {"fault": line}

    def _do(self, item: dict[str, Any]) -> dict[str, Any]:
        ref, task = ShardRef.from_item(item), item["task"]
        if task == "segment":
            return self._segment(ref, int(item["segment"]))
        if task == "revise":
            revise_shard(self._work.out, ref, self._schemas)
            return _progress(0.0, {})
        counts = self._shard(ref)["counts"]
        if ref.num_segments > 1:  # its time and faces were counted with its segments
            return _progress(0.0, counts | {"faces": 0})
        return _progress(ref.video_s, counts)

    def _shard(self, ref: ShardRef) -> dict[str, Any]:
        """Write the parts of one shard, then its ledger entry."""
        began = time.monotonic()
        reasons: Counter[str] = Counter()
        video_s, walls_s = 0.0, list[float]()
        rows = read_shard(ref)
        out, whole = self._work.out, ref.num_segments == 1
        with self._attempt(ref.shard_id) as trial, ShardWriter(self._schemas) as writer:
            for video in rows:
                summary = VideoSummary()
                try:
                    if whole:
                        self._add_video(writer, video, summary, trial)
                    else:
                        walls_s += self._join(writer, video, summary, _segment_uris(out, ref))
                    broken = summary.broken
                    video_s += summary.facts.duration_s
                except VideoError as err:
                    writer.drop_video(video["video_id"], DATA_TABLES)
                    broken = err
                if broken is not None:
                    reasons[broken.reason] += 1
                    writer.add("rejects", reject_row(video, broken))
            writer.commit(out, ref.shard_id)
            entry = {
                "shard_id": ref.shard_id,
                "counts": writer.counts,
                "rejects": dict(reasons),
                "video_s": video_s,
                "wall_s": time.monotonic() - began + sum(walls_s),
                "retired": len(ref.retired),
            }
        _output.write_entry(out, ref.shard_id, entry)
        if not whole:
            for uri in _segment_uris(out, ref):
                storage.remove(uri)
        return entry

    def _segment(self, ref: ShardRef, number: int) -> dict[str, Any]:
        """See one segment of a long video, and keep that for the join."""
        rows = read_shard(ref)
        if not rows:
            return _progress(0.0, {})
        name = segment_name(ref.shard_id, number)
        span = segment_samples(
            number, num_segments=ref.num_segments, samples=self._work.segment_samples
        )
        facts = VideoFacts()
        with self._attempt(name) as trial:
            seen = self._seen(rows[0], span, facts, trial)
            counts = write_segment(segment_uri(self._work.out, name), seen, facts)
        return _progress(ref.video_s / ref.num_segments, {"faces": counts["faces"]})

    def _seen(
        self, video: Row, span: tuple[int, int | None], facts: VideoFacts, trial: Trial | None
    ) -> Iterator[Observation]:
        """What is seen in some samples of a video.

        Raises:
            VideoError: if the video, or this part of it, cannot be used.
        """
        start, stop = span
        if trial is not None:
            with fetched(video, self._work.root) as path:
                trial.look(path, start=start, stop=stop)
        with opened(video, self._work.root) as source, self._watched():
            yield from self._extractor.observations(source, facts=facts, start=start, stop=stop)

    def _add_video(
        self, writer: ShardWriter, video: Row, summary: VideoSummary, trial: Trial | None
    ) -> None:
        video_id = str(video["video_id"])
        with fetched(video, self._work.root) as path, self._watched():
            if trial is not None:
                trial.look(path)
            rows = self._extractor.rows(path, video_id=video_id, summary=summary)
            _add_rows(writer, video, rows)
            writer.add("videos", video_row(video, storage.sha256(str(path)), summary))

    def _join(
        self, writer: ShardWriter, video: Row, summary: VideoSummary, uris: list[str]
    ) -> list[float]:
        """Walk through what the segments' workers saw; returns the seconds that they took."""
        walls_s: list[float] = []
        seen = join_segments(uris, summary, walls_s)
        if self._work.keep_partial:
            seen = until_broken(seen, summary)
        rows = self._extractor.walk(seen, video_id=str(video["video_id"]), summary=summary)
        _add_rows(writer, video, rows)
        sha256 = content_sha256(video, self._work.root)
        writer.add("videos", video_row(video, sha256, summary))
        return walls_s

    @contextlib.contextmanager
    def _attempt(self, name: str) -> Iterator[Trial | None]:
        """Leave a mark while ``name`` is being done; where one was left, look carefully first."""
        mark = storage.join(self._work.out, "_ledger", "attempts", name)
        with contextlib.ExitStack() as stack:
            trial = None
            if not storage.create_bytes(mark, b""):
                work = self._work
                trial = stack.enter_context(Trial(work.spec, self._yunet, limits=work.limits))
            yield trial
        storage.remove(mark)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """End the process if the decoder never comes back; the next attempt looks carefully."""
        after_s = 1.5 * self._work.limits.max_wall_s + 30
        timer = threading.Timer(after_s, os._exit, (_HUNG_EXIT_CODE,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _segment_uris(out: str, ref: ShardRef) -> list[str]:
    """Where the segments of a long video lie, in order."""
    names = [segment_name(ref.shard_id, number) for number in range(ref.num_segments)]
    return [segment_uri(out, name) for name in names]


def _add_rows(writer: ShardWriter, video: Row, rows: Iterator[tuple[Table, Row]]) -> None:
    for table, row in rows:
        writer.add(table, row | {column: video[column] for column in KNOWN.get(table, ())})


def _progress(video_s: float, counts: dict[str, int]) -> dict[str, Any]:
    """What one item adds to the count of work done."""
    names = ("videos", "faces", "clips", "rejects")
    return {"video_s": video_s} | {name: counts.get(name, 0) for name in names}
