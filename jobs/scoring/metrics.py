"""What a scoring run did and cost: JSON, Prometheus' text format, and live counters of Ray's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from ray.util.metrics import Counter as RayCounter

from emotion import storage
from emotion.errors import InputError
from jobs.common import cluster
from jobs.ledger.entries import Entry

PREFIX = "video_emotion_score"


class LiveCounts:
    """Counters that Ray's agents serve to Prometheus while the run goes on."""

    def __init__(self) -> None:
        names = ("videos", "faces", "scores")
        self._counts = {
            name: RayCounter(f"{PREFIX}_{name}", description=f"{name} so far") for name in names
        }
        self._rejects = RayCounter(
            f"{PREFIX}_rejects", description="videos left out so far", tag_keys=("reason",)
        )
        self._seconds = RayCounter(f"{PREFIX}_video_seconds", description="video time so far")

    def add(self, entry: Entry) -> None:
        """Count one committed shard."""
        for name, counter in self._counts.items():
            if entry.counts[name]:
                counter.inc(entry.counts[name])
        for reason, count in entry.rejects.items():
            self._rejects.inc(count, tags={"reason": reason})
        if entry.video_s:
            self._seconds.inc(entry.video_s)


def read_prices(uri: str) -> dict[str, float]:
    """A price table: US dollars per hour by Ray resource, such as {"CPU": 0.05, "GPU": 2.1}.

    Raises:
        InputError: if it is not that.
    """
    if not storage.exists(uri):
        raise InputError(f"--prices {uri} does not exist")
    try:
        table = json.loads(storage.read_bytes(uri))
        prices = {str(name): float(price) for name, price in table.items()}
    except (ValueError, AttributeError, TypeError) as err:
        raise InputError(
            f'--prices {uri} must be JSON like {{"CPU": 0.05, "GPU": 2.1}}: dollars per hour'
        ) from err
    if not prices or min(prices.values()) < 0:
        raise InputError(f"--prices {uri} must name resources and prices of 0 or more")
    return prices


def run_metrics(done: Streamed, *, prices: Mapping[str, float]) -> dict[str, Any]:
    """Figures of one run, of the work that it did itself.

    Returns:
        counts, rates per second of wall time, ``model_busy`` (share of the models' time in which
        they computed, 0 to 1), ``rejects`` by reason, and with prices ``cost_usd`` and
        ``cost_per_video_hour_usd`` for all of the cluster's resources over the run.
    """
    wall_s = max(done.wall_s, 1e-9)
    videos = done.counts["videos"] + done.rejects.total()
    found: dict[str, Any] = {
        "videos": videos,
        "frames": done.frames,
        "faces": done.counts["faces"],
        "clips": done.counts["scores"],
        "video_hours": done.video_s / 3600,
        "wall_s": done.wall_s,
        "videos_per_s": videos / wall_s,
        "frames_per_s": done.frames / wall_s,
        "faces_per_s": done.counts["faces"] / wall_s,
        "times_real_time": done.video_s / wall_s,
        "models": done.num_models,
        "model_busy": min(1.0, done.model_busy_s / (wall_s * max(1, done.num_models))),
        "rejects": dict(sorted(done.rejects.items())),
    }
    if prices:
        has = cluster.cluster_resources()
        unknown = sorted(set(prices) - set(has))
        cost = sum(price * has.get(name, 0.0) for name, price in prices.items()) * wall_s / 3600
        hours = found["video_hours"]
        found |= {
            "cost_usd": cost,
            "cost_per_video_hour_usd": cost / hours if hours else None,
            "resources_without_use": unknown,
        }
    return found


def prometheus(metrics: Mapping[str, Any]) -> bytes:
    """The figures in Prometheus' text format, for a textfile collector or a push gateway."""
    registry = CollectorRegistry()
    for name, value in metrics.items():
        if isinstance(value, int | float):
            Gauge(f"{PREFIX}_{name}", f"{name} of the last run", registry=registry).set(value)
    rejects = Gauge(
        f"{PREFIX}_rejects", "videos left out by the last run", ["reason"], registry=registry
    )
    for reason, count in metrics["rejects"].items():
        rejects.labels(reason).set(count)
    return bytes(generate_latest(registry))


@dataclass
class Streamed:
    """What was done, for the run's metrics.

    Attributes:
        counts: rows by table.
        rejects: videos by reason.
        frames: sampled frames.
        video_s: seconds of video.
        model_busy_s: seconds in which models computed, over all of them.
        num_models: models that ran at most.
        wall_s: of the whole.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    video_s: float = 0.0
    model_busy_s: float = 0.0
    num_models: int = 0
    wall_s: float = 0.0
