"""Speed of building a dataset, from the ledger entries of its shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotion.report.charts import Histogram, histogram

NUM_SLOWEST = 5


@dataclass(frozen=True)
class ShardTime:
    """One finished shard: its videos, their length, and the time of its worker, in seconds."""

    shard_id: str
    num_videos: int
    num_rejects: int
    video_s: float
    wall_s: float

    @property
    def speed(self) -> float | None:
        """Seconds of video per second of work; None if the time of the work is 0."""
        return self.video_s / self.wall_s if self.wall_s > 0 else None


@dataclass(frozen=True)
class Throughput:
    """Sums over the shards, and the slowest shards.

    Attributes:
        num_shards: number of finished shards.
        video_s: length of their videos, seconds.
        wall_s: sum of the wall times of their workers, seconds.
        median_s: median of the shards' wall times, seconds; None without a shard.
        speed: seconds of video per second of one worker; None if ``wall_s`` is 0.
        walls: histogram of the shards' wall times.
        slowest: shards with the longest wall times, longest first.
    """

    num_shards: int
    video_s: float
    wall_s: float
    median_s: float | None
    speed: float | None
    walls: Histogram
    slowest: tuple[ShardTime, ...]


def throughput(entries: Sequence[Mapping[str, Any]]) -> Throughput:
    """Return the sums over ledger entries, each with shard_id, counts, video_s and wall_s.

    >>> throughput([]).speed is None
    True
    """
    shards = [_shard(entry) for entry in entries]
    walls = histogram("work per shard, s", [shard.wall_s for shard in shards])
    total = ShardTime("", 0, 0, sum(s.video_s for s in shards), sum(s.wall_s for s in shards))
    return Throughput(
        num_shards=len(shards),
        video_s=total.video_s,
        wall_s=total.wall_s,
        median_s=walls.median,
        speed=total.speed,
        walls=walls,
        slowest=tuple(sorted(shards, key=lambda s: (-s.wall_s, s.shard_id))[:NUM_SLOWEST]),
    )


def _shard(entry: Mapping[str, Any]) -> ShardTime:
    counts = entry.get("counts", {})
    return ShardTime(
        shard_id=str(entry["shard_id"]),
        num_videos=int(counts.get("videos", 0)),
        num_rejects=int(counts.get("rejects", 0)),
        video_s=float(entry["video_s"]),
        wall_s=float(entry["wall_s"]),
    )
