"""Metrics of a scoring run: live counters in Ray, prices, and Prometheus' text format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from ray.util.metrics import Counter as RayCounter

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.entries import Entry

PREFIX = "video_emotion_score"


class LiveCounts:
    """Counters that Ray exports to Prometheus during the run."""

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
        """Add the ledger entry of one committed shard."""
        for name, counter in self._counts.items():
            if entry.counts[name]:
                counter.inc(entry.counts[name])
        for reason, count in entry.rejects.items():
            self._rejects.inc(count, tags={"reason": reason})
        if entry.video_s:
            self._seconds.inc(entry.video_s)


def read_prices(uri: str) -> dict[str, float]:
    """Read prices in US dollars per hour by Ray resource, such as {"CPU": 0.05, "GPU": 2.1}.

    Raises:
        InputError: if the file is missing, is not such a JSON object, or has a price below 0.
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


def prometheus_text(metrics: Mapping[str, Any]) -> bytes:
    """Return the metrics in Prometheus' text format, for a textfile collector or push gateway."""
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
