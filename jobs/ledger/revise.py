"""Revision of a finished shard: its retired videos are removed from its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from jobs.ledger.entries import read_entry, write_entry
from jobs.ledger.lock import Fence, guarded
from jobs.ledger.parts import part_uri, without_videos
from jobs.ledger.shards import ShardRef

_SUMMED = ["duration_s", "num_frames", "num_faceless_frames"]  # columns of videos
_THREADS = 8  # most of the time is spent waiting for the storage


def revise_shard(
    out: str, ref: ShardRef, tables: dict[str, pa.Schema], fence: Fence | None
) -> None:
    """Remove the retired videos from a shard's parts, and write its new ledger entry.

    The entry still has the old number of retired videos until all parts are written. So a revision
    that was interrupted is repeated by the next run, which needs no video for it: its videos may be
    unreadable by then.

    Args:
        out: the output folder.
        ref: the shard, with the ids of its retired videos.
        tables: schemas of the tables by name.
        fence: lock of the run.

    Raises:
        LostLockError: if another run has taken over the output.
    """
    with guarded(fence):
        entry = read_entry(out, ref.shard_id)
        counts = {name: _filter(out, name, ref, schema) for name, schema in tables.items()}
        rejects = storage.read_part(part_uri(out, "rejects", ref.shard_id), ["reason"])
        reasons = Counter(rejects["reason"].to_pylist())
        videos = storage.read_part(part_uri(out, "videos", ref.shard_id), _SUMMED + ["uri"])
    video_s, frames, faceless = (pc.sum(videos[name]).as_py() or 0 for name in _SUMMED)
    uris = set(videos["uri"].to_pylist())
    revised = replace(
        entry,
        counts=counts,
        rejects=dict(reasons),
        video_s=float(video_s),
        frames=frames,
        faceless_frames=faceless,
        slowest=tuple(video for video in entry.slowest if video.uri in uris),
        retired=len(ref.retired),
        parts={},  # so that the audit reads its rows
    )
    write_entry(out, revised, fence)


def revise_shards(
    out: str, refs: Sequence[ShardRef], tables: dict[str, pa.Schema], fence: Fence | None
) -> None:
    """Call ``revise_shard`` for several shards, ``_THREADS`` at a time."""
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda ref: revise_shard(out, ref, tables, fence), refs))


def _filter(out: str, table: str, ref: ShardRef, schema: pa.Schema) -> int:
    """Rewrite one part without the retired videos; return the number of rows kept."""
    uri = part_uri(out, table, ref.shard_id)
    with TemporaryDirectory(prefix="video-emotion-revise-") as folder:
        path = Path(folder) / "part.parquet"
        kept = without_videos(uri, path, ref.retired, schema)
        storage.put_file(path, uri)
    return kept
