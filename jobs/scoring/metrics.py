"""Metrics of a scoring run: prices, and Prometheus' text format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from emotion import storage
from emotion.errors import InputError

PREFIX = "video_emotion_score"


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
