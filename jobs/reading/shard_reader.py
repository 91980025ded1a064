"""Reader of a shard: it yields the rows of the shard's videos, or stores one chunk of a video."""

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
from jobs.common.under_way import ItemState
from jobs.ledger.shards import ShardRef
from jobs.reading.chunks import (
    chunk_name,
    chunk_samples,
    chunk_uri,
    chunk_uris,
    join_chunks,
    write_chunk,
)
from jobs.reading.first_look import FirstLook
from jobs.reading.videos import content_sha256, fetched, opened

_HUNG_EXIT_CODE = 86


@dataclass(frozen=True)
class Reading:
    """Settings of every worker that reads videos.

    Attributes:
        root: address of the archive.
        out: the output folder, whose ledger holds chunks and attempts.
        spec: the extraction spec.
        limits: limits on one video, or on one chunk of it.
        keep_partial: treatment of a video whose decoding fails part of the way: True keeps the
            part before the failure, False rejects the video.
        chunk_s: length of a chunk in seconds.
    """

    root: str
    out: str
    spec: ExtractionSpec
    limits: Limits
    keep_partial: bool
    chunk_s: float

    @property
    def chunk_samples(self) -> int:
        """Number of samples per chunk, at least 1."""
        return max(1, round(self.chunk_s * self.spec.sample_fps))


@dataclass(frozen=True)
class TableRow:
    """One row of a video; discard it if the ``End`` of the video has an error.

    Attributes:
        video: row of the plan for the video.
        table: name of the table to which the row belongs.
        row: the row, without the columns of the label table.
    """

    video: Row
    table: Table
    row: Row


@dataclass(frozen=True)
class End:
    """End of a video, after its rows.

    Attributes:
        video: row of the plan for the video.
        summary: counts and facts of the video; its ``broken`` is set if decoding failed part of
            the way and the part before the failure was kept.
        content_sha256: hex SHA-256 of the file; empty if the video is rejected.
        error: error for which the video and its rows are rejected; None if it was read.
        walls_s: total wall time of the video's chunks in seconds; 0 without chunks.
    """

    video: Row
    summary: VideoSummary
    content_sha256: str = ""
    error: VideoError | None = None
    walls_s: float = 0.0


@contextlib.contextmanager
def _state() -> Iterator[ItemState]:
    """Yield the state of the item of the block, and end it with the block."""
    state = ItemState()
    try:
        yield state
    finally:
        state.end()


class ShardReader:
    """Reader of shards and chunks; each worker has one."""

    def __init__(self, reading: Reading, yunet_model: bytes | None) -> None:
        self._reading, self._yunet = reading, yunet_model
        self._extractor = Extractor(
            reading.spec,
            yunet_model=yunet_model,
            limits=reading.limits,
            keep_partial=reading.keep_partial,
        )

    def shard(self, ref: ShardRef) -> Iterator[TableRow | End]:
        """Yield the rows and then the ``End`` of each video of a shard, in order of the plan."""
        with self._attempt(ref.shard_id) as first_look, _state() as state:
            for video in ref.rows():
                summary = VideoSummary()
                try:
                    if ref.num_chunks == 1:
                        yield from self._whole(video, summary, first_look, state)
                    else:
                        yield from self._joined(video, summary, ref)
                except VideoError as err:
                    yield End(video, summary, error=err)

    def chunk(self, ref: ShardRef, number: int) -> dict[str, int]:
        """Process one chunk of a long video and store it for the join.

        Args:
            ref: shard of the video.
            number: number of the chunk, from 0.

        Returns:
            Number of frames and of faces by name; empty if the video was retired.
        """
        rows = ref.rows()
        if not rows:
            return {}
        name, out = chunk_name(ref.shard_id, number), self._reading.out
        span = chunk_samples(number, num_chunks=ref.num_chunks, samples=self._reading.chunk_samples)
        facts = VideoFacts()
        with self._attempt(name) as first_look, _state() as state:
            observations = self._observed(rows[0], span, facts, first_look)
            observations = self._counted(observations, span[0], state)
            return write_chunk(chunk_uri(out, name), observations, facts)

    def _observed(
        self,
        video: Row,
        span: tuple[int, int | None],
        facts: VideoFacts,
        first_look: FirstLook | None,
    ) -> Iterator[Observation]:
        """Yield the observations of the samples [start, stop) of ``span``; fill ``facts``.

        Raises:
            VideoError: if the video, or this part of it, cannot be used.
        """
        start, stop = span
        if first_look is not None:
            with fetched(video, self._reading.root) as path:
                first_look.look(path, start=start, stop=stop)
        with opened(video, self._reading.root) as source, self._watched():
            yield from self._extractor.observations(source, facts=facts, start=start, stop=stop)

    def _counted(
        self, observations: Iterator[Observation], start: int, state: ItemState
    ) -> Iterator[Observation]:
        start_s = start / self._reading.spec.sample_fps
        for observation in observations:
            state.frame(max(0.0, observation.pts_s - start_s), len(observation.faces))
            yield observation

    def _whole(
        self, video: Row, summary: VideoSummary, first_look: FirstLook | None, state: ItemState
    ) -> Iterator[TableRow | End]:
        video_id = str(video["video_id"])
        with fetched(video, self._reading.root) as path, self._watched():
            if first_look is not None:
                first_look.look(path)
            for table, row in self._extractor.rows(path, video_id=video_id, summary=summary):
                if table == "frames" and isinstance(pts_s := row["pts_s"], float):
                    state.frame(pts_s)
                elif table == "faces":
                    state.face()
                yield TableRow(video, table, row)
            state.next_video()
            yield End(video, summary, storage.sha256(str(path)))

    def _joined(self, video: Row, summary: VideoSummary, ref: ShardRef) -> Iterator[TableRow | End]:
        """Yield the rows and the end of a long video, from the observations of its chunks."""
        walls_s: list[float] = []
        uris = chunk_uris(self._reading.out, ref.shard_id, ref.num_chunks)
        observations = join_chunks(uris, summary, walls_s)
        if self._reading.keep_partial:
            observations = until_broken(observations, summary)
        rows = self._extractor.walk(observations, video_id=str(video["video_id"]), summary=summary)
        for table, row in rows:
            yield TableRow(video, table, row)
        sha256 = content_sha256(video, self._reading.root)
        yield End(video, summary, sha256, walls_s=sum(walls_s))

    @contextlib.contextmanager
    def _attempt(self, name: str) -> Iterator[FirstLook | None]:
        """Keep a mark in the ledger while the shard or chunk ``name`` is being read.

        If the mark already exists, an earlier worker died on this shard or chunk. Then yield a
        ``FirstLook``, with which each video is read in a child process first. Otherwise yield None.
        """
        mark = storage.join(self._reading.out, "_ledger", "attempts", name)
        with contextlib.ExitStack() as stack:
            first_look = None
            if not storage.create_bytes(mark, b""):
                reading = self._reading
                first_look = stack.enter_context(
                    FirstLook(reading.spec, self._yunet, limits=reading.limits)
                )
            yield first_look
        storage.remove(mark)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """End this process if the block takes too long, because a decoder can block for ever.

        The mark of ``_attempt`` stays, so the next attempt reads in a child process first.
        """
        after_s = 1.5 * self._reading.limits.max_wall_s + 30
        timer = threading.Timer(after_s, os._exit, (_HUNG_EXIT_CODE,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
