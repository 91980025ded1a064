"""Reading one shard: its videos' rows as they come, or what is seen in a chunk of a long one."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from emotion import storage
from emotion.errors import VideoError
from emotion.extract.extractor import Extractor, until_broken
from emotion.extract.observe import Observation
from emotion.extract.spec import ExtractionSpec
from emotion.extract.walk import Row, Table, VideoSummary
from emotion.video.decode import Limits, VideoFacts
from jobs.ledger.shards import ShardRef, read_shard
from jobs.reading.chunks import (
    chunk_name,
    chunk_samples,
    chunk_uri,
    chunk_uris,
    join_chunks,
    write_chunk,
)
from jobs.reading.first_look import Trial
from jobs.reading.videos import content_sha256, fetched, opened

_HUNG_EXIT_CODE = 86


@dataclass(frozen=True)
class Reading:
    """What every worker is told that reads videos.

    Attributes:
        root: the archive.
        out: the output, whose ledger keeps chunks and attempts.
        spec: what is extracted, and how.
        limits: what one video, or one chunk of it, may cost.
        keep_partial: whether what decoded before a break is kept.
        chunk_s: length of a chunk.
    """

    root: str
    out: str
    spec: ExtractionSpec
    limits: Limits
    keep_partial: bool
    chunk_s: float

    @property
    def chunk_samples(self) -> int:
        """Samples per chunk."""
        return max(1, round(self.chunk_s * self.spec.sample_fps))


@dataclass(frozen=True)
class Found:
    """One row of a video, not final before the video's end."""

    video: Row
    table: Table
    row: Row


@dataclass(frozen=True)
class End:
    """A video's end.

    Attributes:
        video: as planned.
        summary: counts; its ``broken`` tells of a break that was lived with.
        content_sha256: of its bytes; empty where it was left out.
        error: why it is left out, with every row before; None: it was read.
        walls_s: seconds that other workers took for its chunks.
    """

    video: Row
    summary: VideoSummary
    content_sha256: str = ""
    error: VideoError | None = None
    walls_s: float = 0.0


class ShardReader:
    """Reads shards and chunks; one per worker."""

    def __init__(self, reading: Reading, yunet_model: bytes | None) -> None:
        self._reading, self._yunet = reading, yunet_model
        self._extractor = Extractor(
            reading.spec,
            yunet_model=yunet_model,
            limits=reading.limits,
            keep_partial=reading.keep_partial,
        )

    def shard(self, ref: ShardRef) -> Iterator[Found | End]:
        """The rows of each video of a shard, then its end; videos in order of plan."""
        with self._attempt(ref.shard_id) as trial:
            for video in read_shard(ref):
                summary = VideoSummary()
                try:
                    if ref.num_chunks == 1:
                        yield from self._whole(video, summary, trial)
                    else:
                        yield from self._joined(video, summary, ref)
                except VideoError as err:
                    yield End(video, summary, error=err)

    def chunk(self, ref: ShardRef, number: int) -> dict[str, int]:
        """See one chunk of a long video, and keep that for the join; returns counts."""
        rows = read_shard(ref)
        if not rows:
            return {}
        name, out = chunk_name(ref.shard_id, number), self._reading.out
        span = chunk_samples(number, num_chunks=ref.num_chunks, samples=self._reading.chunk_samples)
        facts = VideoFacts()
        with self._attempt(name) as trial:
            seen = self._seen(rows[0], span, facts, trial)
            return write_chunk(chunk_uri(out, name), seen, facts)

    def _seen(
        self, video: Row, span: tuple[int, int | None], facts: VideoFacts, trial: Trial | None
    ) -> Iterator[Observation]:
        """What is seen in some samples of a video.

        Raises:
            VideoError: if the video, or this part of it, cannot be used.
        """
        start, stop = span
        if trial is not None:
            with fetched(video, self._reading.root) as path:
                trial.look(path, start=start, stop=stop)
        with opened(video, self._reading.root) as source, self._watched():
            yield from self._extractor.observations(source, facts=facts, start=start, stop=stop)

    def _whole(
        self, video: Row, summary: VideoSummary, trial: Trial | None
    ) -> Iterator[Found | End]:
        video_id = str(video["video_id"])
        with fetched(video, self._reading.root) as path, self._watched():
            if trial is not None:
                trial.look(path)
            for table, row in self._extractor.rows(path, video_id=video_id, summary=summary):
                yield Found(video, table, row)
            yield End(video, summary, storage.sha256(str(path)))

    def _joined(self, video: Row, summary: VideoSummary, ref: ShardRef) -> Iterator[Found | End]:
        """Walk through what the chunks' workers saw."""
        walls_s: list[float] = []
        uris = chunk_uris(self._reading.out, ref.shard_id, ref.num_chunks)
        seen = join_chunks(uris, summary, walls_s)
        if self._reading.keep_partial:
            seen = until_broken(seen, summary)
        rows = self._extractor.walk(seen, video_id=str(video["video_id"]), summary=summary)
        for table, row in rows:
            yield Found(video, table, row)
        sha256 = content_sha256(video, self._reading.root)
        yield End(video, summary, sha256, walls_s=sum(walls_s))

    @contextlib.contextmanager
    def _attempt(self, name: str) -> Iterator[Trial | None]:
        """Leave a mark while ``name`` is being done; where one was left, look carefully first."""
        mark = storage.join(self._reading.out, "_ledger", "attempts", name)
        with contextlib.ExitStack() as stack:
            trial = None
            if not storage.create_bytes(mark, b""):
                reading = self._reading
                trial = stack.enter_context(Trial(reading.spec, self._yunet, limits=reading.limits))
            yield trial
        storage.remove(mark)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """End the process if the decoder never comes back; the next attempt looks carefully."""
        after_s = 1.5 * self._reading.limits.max_wall_s + 30
        timer = threading.Timer(after_s, os._exit, (_HUNG_EXIT_CODE,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
