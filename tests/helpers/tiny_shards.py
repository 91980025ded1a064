"""Shards of a few rows, written without a video."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from emotion import storage
from jobs.ledger.entries import Entry, write_entry
from jobs.ledger.parts import part_uri
from jobs.ledger.shards import ShardRef
from schemas.tables import MANIFEST, rows_table

TABLES = ("videos", "rejects", "clips", "tracks")
Tables = dict[str, list[dict[str, Any]]]


def a_plan(shard_id: str, *video_ids: str) -> list[dict[str, Any]]:
    return [
        dict.fromkeys(MANIFEST.names) | {"shard_id": shard_id, "video_id": v} for v in video_ids
    ]


def a_ref(shard_id: str, *video_ids: str, retired: tuple[str, ...] = ()) -> ShardRef:
    """Return a reference to a shard of videos of 1.5 s."""
    rows = [row | {"duration_s": 1.5, "num_chunks": 1} for row in a_plan(shard_id, *video_ids)]
    return ShardRef(shard_id, rows_table(rows, MANIFEST), retired)


def of_video(video_id: str, *, clips: int) -> Tables:
    ids = [{"video_id": video_id, "clip_id": f"{video_id}/{n}"} for n in range(clips)]
    track = [{"video_id": video_id, "track_id": 0}]
    video = {
        "video_id": video_id, "uri": f"{video_id}.mp4", "num_clips": clips, "duration_s": 2.0,
        "num_frames": 16, "num_faceless_frames": 3,
    }  # fmt: skip
    return {"videos": [video], "clips": ids, "tracks": track}


def merged(*videos: Tables, rejects: tuple[str, ...] = ()) -> Tables:
    rows: Tables = {name: [row for v in videos for row in v.get(name, [])] for name in TABLES}
    rows["rejects"] = [{"video_id": video_id, "reason": "corrupt"} for video_id in rejects]
    return rows


COLUMNS = {
    "videos": pa.schema(
        [
            ("video_id", pa.string()),
            ("uri", pa.string()),
            ("num_clips", pa.int32()),
            ("duration_s", pa.float64()),
            ("num_frames", pa.int32()),
            ("num_faceless_frames", pa.int32()),
        ]
    ),
    "rejects": pa.schema([("video_id", pa.string()), ("reason", pa.string())]),
    "clips": pa.schema([("video_id", pa.string()), ("clip_id", pa.string())]),
    "tracks": pa.schema([("video_id", pa.string()), ("track_id", pa.int32())]),
}


def write_shard(out: str, shard_id: str, tables: Tables, *, counts: dict[str, int]) -> None:
    for name, rows in tables.items():
        storage.write_table(part_uri(out, name, shard_id), rows_table(rows, COLUMNS[name]))
    write_entry(out, Entry(shard_id, counts, {}, retired=0), None)


def counts_of(tables: Tables) -> dict[str, int]:
    return {name: len(rows) for name, rows in tables.items()}
