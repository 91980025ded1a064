"""Worker of a build: it does a shard, a chunk of a long video, a join of chunks, or a revision."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from jobs.common.faults import Fault
from jobs.ledger.audit import check_shard
from jobs.ledger.entries import Entry, write_entry
from jobs.ledger.lock import Fence, guarded
from jobs.ledger.parts import ShardWriter, shard_versions
from jobs.ledger.revise import revise_shard
from jobs.ledger.shards import ShardRef
from jobs.reading.chunks import forget_chunks
from jobs.reading.shard_reader import End, Reading, ShardReader
from jobs.reading.videos import reject_row, video_row
from schemas.tables import DATASETS, VIDEO_COLUMNS, with_columns

DATA_TABLES = ("frames", "faces", "tracks", "clips")


@dataclass(frozen=True)
class Work:
    """Settings of every worker of a build.

    Attributes:
        reading: settings with which the worker reads videos.
        extra_columns: names in ``videos`` of the label table's additional columns.
        fence: lock of the run; None for work that writes nothing into the output.
    """

    reading: Reading
    extra_columns: tuple[str, ...]
    fence: Fence | None = None


class BuildWorker:
    """Ray actor that does items of work and returns their counts."""

    def __init__(self, work: Work, yunet_model: bytes | None) -> None:
        self._out, self._fence = work.reading.out, work.fence
        self._reader = ShardReader(work.reading, yunet_model)
        videos = with_columns(DATASETS["videos"], work.extra_columns)
        self._schemas = DATASETS | {"videos": videos}

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Do one item; return video_s, videos, faces, clips, rejects and fault.

        ``fault`` is the message of an expected failure, such as unreachable storage, or empty. A
        bug is raised.
        """
        with Fault() as fault:
            return self._do(item) | {"fault": ""}
        return _progress(0.0, {}) | {"fault": fault.line}

    def _do(self, item: dict[str, Any]) -> dict[str, Any]:
        ref, task = ShardRef.from_item(item), item["task"]
        if task == "chunk":
            counts = self._reader.chunk(ref, int(item["chunk"]))
            video_s = ref.video_s / ref.num_chunks if counts else 0.0
            return _progress(video_s, {name: counts.get(name, 0) for name in ("frames", "faces")})
        if task == "revise":
            revise_shard(self._out, ref, self._schemas, self._fence)
            return _progress(0.0, {})
        counts = self._shard(ref).counts
        if ref.num_chunks > 1:  # a join: time, frames and faces were counted with the chunks
            return _progress(0.0, counts | {"frames": 0, "faces": 0})
        return _progress(ref.video_s, counts)

    def _shard(self, ref: ShardRef) -> Entry:
        """Write the parts of one shard, then its ledger entry; return the entry."""
        began = time.monotonic()
        reasons: Counter[str] = Counter()
        video_s, walls_s, frames, faceless = 0.0, 0.0, 0, 0
        with ShardWriter(self._schemas) as writer:
            for event in self._reader.shard(ref):
                if not isinstance(event, End):
                    repeated = VIDEO_COLUMNS.get(event.table, ())
                    of_video = {name: event.video[name] for name in repeated}
                    writer.add(event.table, event.row | of_video)
                    continue
                broken = self._end(writer, event)
                if broken:
                    reasons[broken] += 1
                if event.error is None:
                    video_s += event.summary.facts.duration_s
                    frames += event.summary.num_frames
                    faceless += event.summary.num_faceless_frames
                walls_s += event.walls_s
            folder = writer.close(ref.shard_id)
            entry = Entry(
                shard_id=ref.shard_id,
                counts=writer.counts,
                rejects=dict(reasons),
                retired=len(ref.retired),
                video_s=video_s,
                wall_s=time.monotonic() - began + walls_s,
                frames=frames,
                faceless_frames=faceless,
            )
            check_shard(folder, ref, entry, tables=self._schemas)
            with guarded(self._fence):
                writer.commit(self._out, ref.shard_id)
                versions = shard_versions(self._out, self._schemas, ref.shard_id)
        entry = replace(entry, parts=versions)
        write_entry(self._out, entry, self._fence)
        forget_chunks(self._out, ref.shard_id, ref.num_chunks)
        return entry

    def _end(self, writer: ShardWriter, end: End) -> str:
        """Add the last rows of one video.

        Returns:
            The reason for which the video, or a part of it, is left out; empty if nothing is.
        """
        if end.error is None:
            writer.add("videos", video_row(end.video, end.content_sha256, end.summary))
        else:
            writer.drop_video(end.video["video_id"], DATA_TABLES)
        broken = end.error or end.summary.broken
        if broken is None:
            return ""
        writer.add("rejects", reject_row(end.video, broken))
        return broken.reason


def _progress(video_s: float, counts: dict[str, int]) -> dict[str, Any]:
    """Return the counts that one item adds to the progress."""
    names = ("videos", "frames", "faces", "clips", "rejects")
    return {"video_s": video_s} | {name: counts.get(name, 0) for name in names}
