"""Shards: groups of videos. A shard is the unit of work and of resume, with one part per table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotion import storage
from jobs.ledger.entries import read_entries
from jobs.ledger.parts import Row

SHARD_VIDEOS = 1000
"""Largest number of videos in a shard; it bounds a shard of very short or unreadable videos."""
CHUNKED_FROM = 1.5
"""Number of chunk lengths above which a video is cut into chunks."""


@dataclass(frozen=True)
class ShardRef:
    """Reference to one shard, without the rows of its videos.

    Attributes:
        shard_id: name of the shard; names sort in the order of the plan.
        plan_uri: Parquet file of the stored plan that holds the rows of the shard's videos.
        first_row: index of the shard's first row in that file.
        num_rows: number of the shard's videos, including retired ones.
        video_s: total duration of the shard's videos in seconds.
        num_chunks: number of chunks if the shard is one long video, else 1.
        retired: ids of the retired videos, which the output must not hold any more.
    """

    shard_id: str
    plan_uri: str
    first_row: int
    num_rows: int
    video_s: float
    num_chunks: int
    retired: tuple[str, ...] = ()

    def to_item(self, task: str) -> dict[str, Any]:
        """Return a row for Ray Data: the fields of this reference, and ``task``."""
        return asdict(self) | {"task": task, "retired": list(self.retired)}

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> ShardRef:
        """Return the reference for a row that ``to_item`` returned."""
        values = {name: item[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"retired": tuple(str(v) for v in item["retired"])})


def read_shard(ref: ShardRef) -> list[Row]:
    """Read the rows of a shard's videos without the retired ones, from the stored plan."""
    rows: list[Row] = []
    with storage.open_parquet(ref.plan_uri) as parquet:
        start = 0
        for number in range(parquet.num_row_groups):
            stop = start + parquet.metadata.row_group(number).num_rows
            low, high = max(start, ref.first_row), min(stop, ref.first_row + ref.num_rows)
            if low < high:
                group = parquet.read_row_group(number, use_threads=False)
                rows += group.slice(low - start, high - low).to_pylist()
            start = stop
    return [row for row in rows if row["video_id"] not in ref.retired]


def to_do(refs: Sequence[ShardRef], out: str) -> tuple[list[ShardRef], list[ShardRef]]:
    """Return the shards that need work.

    A shard is done if it has a ledger entry without rejects for ``storage_error``. A shard with
    such a reject is read again, because the storage may work now. A shard that was never done and
    whose videos are all retired needs no work.

    Returns:
        Shards to read, and finished shards from which retired videos must be removed.
    """
    done = {
        entry.shard_id: entry.retired
        for entry in read_entries(out)
        if "storage_error" not in entry.rejects
    }
    missing = [r for r in refs if r.shard_id not in done and len(r.retired) < r.num_rows]
    stale = [r for r in refs if done.get(r.shard_id, len(r.retired)) != len(r.retired)]
    return missing, stale


def cut_shards(
    rows: Iterator[Row], *, prefix: str, shard_s: float, chunk_s: float | None
) -> Iterator[Row]:
    """Add shard_id and num_chunks to the rows of a plan, in order.

    A seekable video longer than ``CHUNKED_FROM`` chunks is cut into chunks. It is the only video of
    its shard.

    Args:
        rows: rows of videos with duration_s and seekable; ``seekable`` is removed from them.
        prefix: text before the number in each shard_id.
        shard_s: largest total duration of a shard in seconds; one longer video is a shard too.
        chunk_s: length of a chunk in seconds; None cuts no video.

    >>> videos = [{"duration_s": s, "seekable": True} for s in (4.0, 5.0, 2.0, 30.0, 1.0)]
    >>> for row in cut_shards(iter(videos), prefix="0000", shard_s=10, chunk_s=8):
    ...     print(row["shard_id"], row["num_chunks"], row["duration_s"])
    0000-000000 1 4.0
    0000-000000 1 5.0
    0000-000001 1 2.0
    0000-000002 4 30.0
    0000-000003 1 1.0
    """
    number, filled_s, videos = -1, math.inf, 0
    for row in rows:
        seconds, seekable = float(str(row["duration_s"])), row.pop("seekable")
        long = chunk_s is not None and bool(seekable) and seconds > CHUNKED_FROM * chunk_s
        chunks = math.ceil(seconds / chunk_s) if long and chunk_s else 1
        if long or filled_s + seconds > shard_s or videos == SHARD_VIDEOS:
            number, filled_s, videos = number + 1, 0.0, 0
        filled_s, videos = math.inf if long else filled_s + seconds, videos + 1
        yield row | {"shard_id": f"{prefix}-{number:06d}", "num_chunks": chunks}
