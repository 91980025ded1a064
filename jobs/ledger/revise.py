"""A finished shard some of whose videos are no longer wanted: its parts without them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emotion import storage
from jobs.ledger import output
from jobs.ledger.parts import part_uri, without_videos
from jobs.ledger.shards import ShardRef


def revise_shard(out: str, ref: ShardRef, tables: dict[str, pa.Schema]) -> dict[str, Any]:
    """Take the retired videos out of a shard's parts; returns its new ledger entry.

    The old entry goes first: a revision that is cut short leaves a shard that is not done, and is
    made again from its videos.
    """
    entry = output.read_entry(out, ref.shard_id)
    output.remove_entry(out, ref.shard_id)
    counts = {name: _filter(out, name, ref, schema) for name, schema in tables.items()}
    with storage.local_copy(part_uri(out, "rejects", ref.shard_id)) as path:
        reasons = Counter(pq.read_table(path, columns=["reason"])["reason"].to_pylist())
    with storage.local_copy(part_uri(out, "videos", ref.shard_id)) as path:
        video_s = pc.sum(pq.read_table(path, columns=["duration_s"])["duration_s"]).as_py()
    entry |= {"counts": counts, "rejects": dict(reasons), "video_s": float(video_s or 0.0)}
    entry["retired"] = len(ref.retired)
    output.write_entry(out, ref.shard_id, entry)
    return entry


def _filter(out: str, table: str, ref: ShardRef, schema: pa.Schema) -> int:
    """Rewrite one part; returns the rows kept."""
    uri = part_uri(out, table, ref.shard_id)
    with (
        TemporaryDirectory(prefix="video-emotion-revise-") as folder,
        storage.local_copy(uri) as old,
    ):
        path = Path(folder) / "part.parquet"
        kept = without_videos(old, path, ref.retired, schema)
        storage.put_file(path, uri)
    return kept
