"""Figures of one scoring run: counts, rates, and the cost of the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunTotals:
    """Totals of the shards that one run committed.

    Attributes:
        counts: number of rows by table.
        rejects: number of videos by reason.
        frames: number of sampled frames.
        video_s: length of the videos, seconds.
        model_busy_s: seconds in which models computed, added over the models.
        num_models: largest number of models at the same time.
        wall_s: seconds from start to end of the run.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    video_s: float = 0.0
    model_busy_s: float = 0.0
    num_models: int = 0
    wall_s: float = 0.0

    def add(
        self, *, counts: Mapping[str, int], rejects: Mapping[str, int], frames: int, video_s: float
    ) -> None:
        """Add one committed shard; the arguments mean the same as the attributes."""
        self.counts.update(counts)
        self.rejects.update(rejects)
        self.frames += frames
        self.video_s += video_s


def run_metrics(
    totals: RunTotals, *, prices: Mapping[str, float], resources: Mapping[str, float]
) -> dict[str, Any]:
    """Return the figures of one run; they count only the work of this run.

    Args:
        totals: totals of the run.
        prices: US dollars per hour and unit of a resource, by resource; empty: no cost is computed.
        resources: resources of the cluster by Ray's names, such as {"CPU": 16.0}.

    Returns:
        Counts, rates per second of wall time, ``model_busy`` (share of the models' time in which
        they computed, 0 to 1) and ``rejects`` by reason. With prices also ``cost_usd`` and
        ``cost_per_video_hour_usd``, which count all of the cluster's resources over the whole run,
        and ``resources_without_use``: priced resources that the cluster does not have.
    """
    wall_s = max(totals.wall_s, 1e-9)
    videos = totals.counts["videos"] + totals.rejects.total()
    figures: dict[str, Any] = {
        "videos": videos,
        "frames": totals.frames,
        "faces": totals.counts["faces"],
        "clips": totals.counts["scores"],
        "video_hours": totals.video_s / 3600,
        "wall_s": totals.wall_s,
        "videos_per_s": videos / wall_s,
        "frames_per_s": totals.frames / wall_s,
        "faces_per_s": totals.counts["faces"] / wall_s,
        "times_real_time": totals.video_s / wall_s,
        "models": totals.num_models,
        "model_busy": min(1.0, totals.model_busy_s / (wall_s * max(1, totals.num_models))),
        "rejects": dict(sorted(totals.rejects.items())),
    }
    if not prices:
        return figures
    usd_per_hour = sum(price * resources.get(name, 0.0) for name, price in prices.items())
    cost_usd, hours = usd_per_hour * wall_s / 3600, figures["video_hours"]
    return figures | {
        "cost_usd": cost_usd,
        "cost_per_video_hour_usd": cost_usd / hours if hours else None,
        "resources_without_use": sorted(set(prices) - set(resources)),
    }
