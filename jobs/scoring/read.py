"""First stage of scoring: read shards of videos, or of stored clips, as rows of ``READ_ROWS``.

A reader yields the clips of a shard, then one row for the end of the shard. Faces need no model, so
the reader writes the part of ``faces`` itself. The end holds the number of its rows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.predict.faces import coverages
from emotion.predict.score_rows import video_facts
from jobs.common.faults import Fault
from jobs.ledger.parts import PLAN, Row, ShardWriter, part_uri, required_parts, write_part
from jobs.ledger.plan import Plan
from jobs.ledger.shards import ShardRef
from jobs.reading.shard_reader import End, Reading, ShardReader
from jobs.reading.videos import reject_row
from jobs.scoring.rows import CLIP, clip_rows, clips_table, end_row, fault_row
from schemas.scores import SCORED_FACES, VIDEO_FACTS
from schemas.tables import REJECTS

_CLIPS_PER_TABLE = 16  # about 1 MB of JPEGs
_CLIPS_PER_READ = 64  # row group of a dataset's clips
_OF_VIDEOS = [name for name, _ in VIDEO_FACTS if name != "coverage"]
"""Columns of a dataset's ``videos`` that the ``videos`` of a score set has too."""
_OF_CLIPS = [name for name in CLIP.names if name != "uri"]
"""Columns of a dataset's ``clips`` that scoring needs."""


def until_fault(shard_id: str, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield ``tables``; after an expected failure yield its message as the last row."""
    with Fault() as fault:
        yield from tables
    if fault.line:
        yield fault_row(shard_id, fault.line)


class ReadVideos:
    """Ray actor that reads shards of videos."""

    def __init__(self, reading: Reading, yunet_model: bytes | None) -> None:
        self._out = reading.out
        self._reader = ShardReader(reading, yunet_model)

    def __call__(self, items: pa.Table) -> Iterator[pa.Table]:
        """Yield the clips of one shard, then its end; after an expected failure yield its message.

        If the decoding of a video fails part of the way, the video becomes a reject. Its first
        clips were already yielded then; the commit drops them.

        Args:
            items: table with one row of ``ShardRef.to_item``.
        """
        ref = ShardRef.from_item(items.to_pylist()[0])
        yield from until_fault(ref.shard_id, self._rows(ref))

    def _rows(self, ref: ShardRef) -> Iterator[pa.Table]:
        videos: list[Row] = []
        rejects: list[Row] = []
        clips: list[Row] = []
        began = time.monotonic()
        with ShardWriter({"faces": SCORED_FACES}) as writer:
            for event in self._reader.shard(ref):
                if isinstance(event, End):
                    if event.error is None:
                        wall_s = time.monotonic() - began + event.walls_s
                        videos.append(_facts(event) | {"wall_s": wall_s})
                    else:
                        writer.drop_video(event.video["video_id"], ["faces"])
                        rejects.append(reject_row(event.video, event.error))
                    began = time.monotonic()
                elif event.table == "clips":
                    clips.append(event.row | {"uri": event.video["uri"]})
                    if len(clips) == _CLIPS_PER_TABLE:
                        yield clip_rows(ref.shard_id, clips_table(clips))
                        clips = []
                elif event.table == "faces":
                    writer.add("faces", {name: event.row[name] for name in SCORED_FACES.names})
            writer.close(ref.shard_id)
            writer.commit(self._out, ref.shard_id)
            num_faces = writer.counts["faces"]
        if clips:
            yield clip_rows(ref.shard_id, clips_table(clips))
        yield end_row(ref.shard_id, videos=videos, rejects=rejects, num_faces=num_faces)


class ReadChunk:
    """Ray actor that reads chunks of long videos into their files in the ledger."""

    def __init__(self, reading: Reading, yunet_model: bytes | None) -> None:
        self._reader = ShardReader(reading, yunet_model)

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Read one chunk; return its counts, and ``fault``: the message of a failure or ""."""
        ref, counts = ShardRef.from_item(item), {"frames": 0, "faces": 0}
        with Fault() as fault:
            counts |= self._reader.chunk(ref, int(item["chunk"]))
            return counts | {"video_s": ref.video_s / ref.num_chunks, "fault": ""}
        return counts | {"video_s": 0.0, "fault": fault.line}


def _facts(end: End) -> Row:
    return video_facts(
        end.summary,
        video_id=str(end.video["video_id"]),
        uri=str(end.video["uri"]),
        content_sha256=end.content_sha256,
    )


class ReadClips:
    """Ray actor that reads the stored clips of a dataset's shards; it opens no video."""

    def __init__(self, dataset: str, out: str) -> None:
        self._dataset, self._out = dataset, out

    def __call__(self, items: pa.Table) -> Iterator[pa.Table]:
        """Yield the clips of one shard, then its end; after an expected failure yield its message.

        Args:
            items: table with one row of ``ShardRef.to_item``.
        """
        ref = ShardRef.from_item(items.to_pylist()[0])
        yield from until_fault(ref.shard_id, self._checked(ref))

    def _checked(self, ref: ShardRef) -> Iterator[pa.Table]:
        with required_parts("from-dataset", self._dataset, "jobs.build_dataset"):
            yield from self._rows(ref)

    def _rows(self, ref: ShardRef) -> Iterator[pa.Table]:
        began = time.monotonic()
        faces = self._read("faces", ref, SCORED_FACES.names).cast(SCORED_FACES)
        storage.write_table(part_uri(self._out, "faces", ref.shard_id), faces)
        videos = self._read("videos", ref, _OF_VIDEOS)
        for stored in storage.read_batches(self._part("clips", ref), _CLIPS_PER_READ, _OF_CLIPS):
            clips = _without_retired(stored, ref)
            places = pc.index_in(clips["video_id"], value_set=videos["video_id"].combine_chunks())
            yield clip_rows(ref.shard_id, clips.append_column("uri", videos["uri"].take(places)))
        rejects = self._read("rejects", ref, REJECTS.names).to_pylist()
        rows = videos.to_pylist()
        covered = coverages(faces, {row["video_id"]: row["num_frames"] for row in rows})
        facts = [row | {"coverage": covered[row["video_id"]], "wall_s": 0.0} for row in rows]
        if facts:
            facts[0]["wall_s"] = time.monotonic() - began
        yield end_row(ref.shard_id, videos=facts, rejects=rejects, num_faces=faces.num_rows)

    def _part(self, table: str, ref: ShardRef) -> str:
        return part_uri(self._dataset, table, ref.shard_id)

    def _read(self, table: str, ref: ShardRef, columns: list[str]) -> pa.Table:
        return _without_retired(storage.read_part(self._part(table, ref), columns), ref)


def copy_plan_rejects(dataset: str, out: str) -> Counter[str]:
    """Copy the rejects of a dataset's plan into a score set; return their number by reason."""
    uri = part_uri(dataset, "rejects", PLAN)
    if not storage.exists(uri):
        return Counter()
    rows = storage.read_part(uri).to_pylist()
    write_part(out, "rejects", PLAN, rows, REJECTS)
    return Counter(str(row["reason"]) for row in rows)


def keep_plan_rejects(plan: Plan, out: str) -> Counter[str]:
    """Write the rejects of the plan of an archive into a score set; return their number by reason.

    A score set without such rejects has no part for them.
    """
    uri = part_uri(out, "rejects", PLAN)
    if plan.reasons or storage.exists(uri):
        storage.write_bytes(uri, plan.rejects.read_bytes())
    return Counter(plan.reasons)


def _without_retired(table: pa.Table, ref: ShardRef) -> pa.Table:
    if not ref.retired:
        return table
    retired = pa.array(ref.retired, pa.string())
    return table.filter(pc.invert(pc.is_in(table["video_id"], value_set=retired)))
