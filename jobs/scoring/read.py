"""The first stage of scoring: shards of videos, or of stored clips, to rows of clips.

What comes out are rows of one form, so that they stream: a row per clip, with its crops, and a last
row per shard that tells how each of its videos ended. Faces need no model: they go to their part
from here.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from jobs.common.faults import Fault
from jobs.ledger.parts import ShardWriter, part_uri, write_part
from jobs.ledger.plan import Row
from jobs.ledger.shards import ShardRef
from jobs.reading.shard_reader import End, Reading, ShardReader
from jobs.reading.videos import reject_row
from schemas.scores import SCORED_FACES
from schemas.tables import REJECTS, VIDEO_COLUMNS

_ROWS = 64
Item = dict[str, Any]


def clip_item(shard_id: str, clip: Row) -> Item:
    """One clip on its way to the model."""
    known = {k: v for k, v in clip.items() if k != "crops"}
    return {
        "shard_id": shard_id,
        "kind": "clip",
        "row": json.dumps(known),
        "crops": clip["crops"],
    }


def end_item(shard_id: str, videos: list[Row], rejects: list[Row], video_s: float) -> Item:
    """A shard was read: how its videos ended; ``wall_s`` of each is for the report alone."""
    row = {"videos": videos, "rejects": rejects, "video_s": video_s}
    return {"shard_id": shard_id, "kind": "end", "row": json.dumps(row), "crops": []}


def or_fault(shard_id: str, items: Iterator[Item]) -> Iterator[Item]:
    """``items``; a storage that fails for longer than it is waited for ends them with its line."""
    with Fault() as fault:
        yield from items
    if fault.line:
        yield {"shard_id": shard_id, "kind": "fault", "row": fault.line, "crops": []}


class ReadVideos:
    """An item of work to rows; runs as an actor."""

    def __init__(self, reading: Reading, yunet_model: bytes | None) -> None:
        self._out = reading.out
        self._reader = ShardReader(reading, yunet_model)

    def __call__(self, item: Item) -> Iterator[Item]:
        """Yield the clips of one shard, then its end; or its fault, if the storage fails.

        A video that breaks half-way ends among the rejects: the clips before it are not kept.
        """
        ref = ShardRef.from_item(item)
        yield from or_fault(ref.shard_id, self._items(ref))

    def _items(self, ref: ShardRef) -> Iterator[Item]:
        videos: list[Row] = []
        rejects: list[Row] = []
        began = time.monotonic()
        with ShardWriter({"faces": SCORED_FACES}) as writer:
            for event in self._reader.shard(ref):
                if isinstance(event, End):
                    if event.error is None:
                        wall_s = time.monotonic() - began + event.walls_s
                        videos.append(video_facts(event) | {"wall_s": wall_s})
                    else:
                        writer.drop_video(event.video["video_id"], ["faces"])
                        rejects.append(reject_row(event.video, event.error))
                    began = time.monotonic()
                elif event.table == "clips":
                    yield clip_item(ref.shard_id, event.row | {"uri": event.video["uri"]})
                elif event.table == "faces":
                    writer.add("faces", {name: event.row[name] for name in SCORED_FACES.names})
            writer.commit(self._out, ref.shard_id)
        yield end_item(ref.shard_id, videos, rejects, ref.video_s)


class SeeChunk:
    """A chunk of a long video to its file in the ledger; runs as an actor."""

    def __init__(self, reading: Reading, yunet_model: bytes | None) -> None:
        self._reader = ShardReader(reading, yunet_model)

    def __call__(self, item: Item) -> Item:
        """See one chunk; returns the seconds of video, and the line of a storage's fault."""
        ref = ShardRef.from_item(item)
        with Fault() as fault:
            self._reader.chunk(ref, int(item["chunk"]))
            return {"video_s": ref.video_s / ref.num_chunks, "fault": ""}
        return {"video_s": 0.0, "fault": fault.line}


def video_facts(end: End) -> Row:
    """What is known of a video once it was read, before its clips are scored."""
    summary = end.summary
    return {
        "video_id": end.video["video_id"],
        "uri": end.video["uri"],
        "content_sha256": end.content_sha256,
        "duration_s": summary.facts.duration_s,
        "num_frames": summary.num_frames,
        "num_faces": summary.num_faces,
        "num_clips": summary.num_clips,
        "num_tracks": summary.num_tracks,
        "num_identities": summary.num_identities,
        "coverage": summary.coverage,
        "reason": summary.reason,
    }


class ReadClips:
    """As ``ReadVideos``, from a dataset that was built before: no video is opened."""

    def __init__(self, dataset: str, out: str) -> None:
        self._dataset, self._out = dataset, out

    def __call__(self, item: Item) -> Iterator[Item]:
        """Yield the clips of one shard of the dataset, then its end; or its fault."""
        ref = ShardRef.from_item(item)
        yield from or_fault(ref.shard_id, self._items(ref))

    def _items(self, ref: ShardRef) -> Iterator[Item]:
        began = time.monotonic()
        retired = pa.array(ref.retired, pa.string())
        covered = self._copy_faces(ref.shard_id, retired)
        uris: dict[str, str] = {}
        videos: list[Row] = []
        for row in self._rows("videos", ref.shard_id, retired):
            uris[row["video_id"]] = row["uri"]
            found = covered.get(row["video_id"], 0)
            videos.append(
                {name: row[name] for name in ("video_id", "uri", "content_sha256", "duration_s")}
                | {name: row[name] for name in _COUNTS}
                | {
                    "num_identities": row["num_identities"],
                    "coverage": found / row["num_frames"] if row["num_frames"] else 0.0,
                    "reason": row["reason"],
                    "wall_s": 0.0,
                }
            )
        for row in self._rows("clips", ref.shard_id, retired):
            # In a score set ``label`` is the model's, not the label table's.
            known = {k: v for k, v in row.items() if k not in VIDEO_COLUMNS["clips"]}
            yield clip_item(ref.shard_id, known | {"uri": uris[row["video_id"]]})
        rejects = list(self._rows("rejects", ref.shard_id, retired))
        if videos:
            videos[0]["wall_s"] = time.monotonic() - began
        yield end_item(ref.shard_id, videos, rejects, ref.video_s)

    def _rows(self, table: str, shard_id: str, retired: pa.Array) -> Iterator[dict[str, Any]]:
        for batch in storage.read_batches(part_uri(self._dataset, table, shard_id), _ROWS):
            yield from _without(batch, retired).to_pylist()

    def _copy_faces(self, shard_id: str, retired: pa.Array) -> dict[str, int]:
        """Write the faces part; returns the samples with a tracked face, by video."""
        stored = storage.read_part(part_uri(self._dataset, "faces", shard_id), SCORED_FACES.names)
        faces = _without(stored, retired)
        storage.write_table(part_uri(self._out, "faces", shard_id), faces.cast(SCORED_FACES))
        tracked = faces.filter(pc.is_valid(faces["track_id"]))
        counts = tracked.group_by("video_id").aggregate([("frame_index", "count_distinct")])
        return dict(
            zip(
                counts["video_id"].to_pylist(),
                counts["frame_index_count_distinct"].to_pylist(),
                strict=True,
            )
        )


_COUNTS = ("num_frames", "num_faces", "num_clips", "num_tracks")


def copy_plan_rejects(dataset: str, out: str) -> Counter[str]:
    """What a dataset left out before reading is left out here too; returns the reasons."""
    uri = part_uri(dataset, "rejects", "plan")
    if not storage.exists(uri):
        return Counter()
    rows = storage.read_part(uri).to_pylist()
    write_part(out, "rejects", "plan", rows, REJECTS)
    return Counter(str(row["reason"]) for row in rows)


def _without(table: pa.Table, retired: pa.Array) -> pa.Table:
    if not len(retired):
        return table
    return table.filter(pc.invert(pc.is_in(table["video_id"], value_set=retired)))
