"""How far what a model sees and says has moved from what it was trained and judged on.

Population stability index (Siddiqi, "Credit Risk Scorecards", 2006) and Jensen-Shannon divergence
(Lin 1991) between shares of the same bins::

    psi = sum_i (q_i - p_i) ln(q_i / p_i)              0: equal; by custom 0.1 is worth a look,
    jsd = H((p + q) / 2) - (H(p) + H(q)) / 2           0.25 is drift
                                                       bits, 0 to 1
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

WATCH, ALARM = 0.1, 0.25
"""Population stability indices, by custom."""
LEAST_SHARE = 1e-4
"""An empty bin counts as this much, or one value would be infinitely far."""

CONFIDENCE_EDGES = tuple(k / 10 for k in range(11))
SIZE_EDGES = (0.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 384.0, math.inf)
BRIGHTNESS_EDGES = tuple(16.0 * k for k in range(17))
EDGES = {
    "confidence": CONFIDENCE_EDGES,
    "face_px": SIZE_EDGES,
    "brightness": BRIGHTNESS_EDGES,
}
"""Bins of what is measured; ``label`` is binned by the label set."""


@dataclass(frozen=True)
class Profile:
    """Counts of one variable.

    Attributes:
        name: label, confidence, face_px or brightness.
        bins: what each count is of, for people.
        counts: values per bin.
    """

    name: str
    bins: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Values in all."""
        return sum(self.counts)

    def plus(self, other: Profile) -> Profile:
        """Both together.

        Raises:
            ValueError: if they are of other bins.
        """
        if (self.name, self.bins) != (other.name, other.bins):
            raise ValueError(f"{self.name} in {self.bins} and {other.name} in {other.bins}")
        return Profile(
            self.name,
            self.bins,
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
        )

    def to_json(self) -> dict[str, Any]:
        """As a package stores it."""
        return {"bins": list(self.bins), "counts": list(self.counts)}


def label_profile(found: Mapping[str, int], labels: Sequence[str]) -> Profile:
    """Counts by label, in label order."""
    return Profile("label", tuple(labels), tuple(int(found.get(label, 0)) for label in labels))


def measured_profile(name: str, values: ArrayLike) -> Profile:
    """Counts of measured values in the bins of ``EDGES``; what is not finite is left out.

    >>> measured_profile("confidence", [0.05, 1.0, float("nan")]).counts
    (1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    """
    edges = EDGES[name]
    numbers = np.asarray(values, np.float64)
    numbers = np.clip(numbers[np.isfinite(numbers)], edges[0], np.finfo(np.float64).max)
    if math.isfinite(edges[-1]):
        numbers = np.minimum(numbers, edges[-1])
    counts, _ = np.histogram(numbers, bins=np.array(edges))
    bins = tuple(f"{low:g} to {high:g}" for low, high in zip(edges, edges[1:], strict=False))
    return Profile(name, bins, tuple(int(count) for count in counts))


def read_profiles(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Profile]:
    """What ``Profile.to_json`` gave, by name."""
    return {
        name: Profile(name, tuple(value["bins"]), tuple(int(c) for c in value["counts"]))
        for name, value in stored.items()
    }


@dataclass(frozen=True)
class Drift:
    """One variable now against its baseline.

    Attributes:
        name: of the variable.
        psi: population stability index, 0 or more; None where there are too few values.
        jsd: Jensen-Shannon divergence, bits, 0 to 1; None likewise.
        level: ok, watch, drift, or unknown: too few values, or no baseline.
        baseline_count: values of the baseline.
        count: values now.
        bins: what the shares are of.
        baseline_shares: of the baseline, by bin.
        shares: now.
    """

    name: str
    psi: float | None
    jsd: float | None
    level: str
    baseline_count: int
    count: int
    bins: tuple[str, ...]
    baseline_shares: tuple[float, ...]
    shares: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare(
    baseline: Profile | None,
    now: Profile,
    *,
    watch: float = WATCH,
    alarm: float = ALARM,
    least: int = 50,
) -> Drift:
    """Compare two profiles of one variable.

    Args:
        baseline: of the training; None: the package has none.
        now: of a score set.
        watch: index from which on it is worth a look.
        alarm: index from which on it is drift.
        least: with fewer values than these on a side nothing is said.
    """
    if baseline is not None and baseline.bins != now.bins:
        baseline = None  # another release's bins, or another label set
    before = baseline.counts if baseline else (0,) * len(now.counts)
    p, q = _shares(before), _shares(now.counts)
    enough = min(sum(before), now.total) >= max(1, least)
    index, divergence = (psi(p, q), jensen_shannon(p, q)) if enough else (None, None)
    level = "unknown"
    if index is not None:
        level = "drift" if index >= alarm else "watch" if index >= watch else "ok"
    return Drift(
        name=now.name,
        psi=index,
        jsd=divergence,
        level=level,
        baseline_count=sum(before),
        count=now.total,
        bins=now.bins,
        baseline_shares=tuple(float(v) for v in p),
        shares=tuple(float(v) for v in q),
    )


def psi(p: ArrayLike, q: ArrayLike) -> float:
    """Population stability index of shares ``q`` against ``p``; see the module.

    >>> round(psi([0.5, 0.5], [0.6, 0.4]), 4)
    0.0405
    """
    before = np.maximum(np.asarray(p, np.float64), LEAST_SHARE)
    now = np.maximum(np.asarray(q, np.float64), LEAST_SHARE)
    return float(((now - before) * np.log(now / before)).sum())


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Jensen-Shannon divergence in bits, 0 to 1.

    >>> jensen_shannon([1, 0], [0, 1]), jensen_shannon([0.5, 0.5], [0.5, 0.5])
    (1.0, 0.0)
    """
    before, now = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return max(0.0, _entropy((before + now) / 2) - (_entropy(before) + _entropy(now)) / 2)


def _entropy(shares: NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    total = sum(counts)
    return np.array(counts, np.float64) / total if total else np.zeros(len(counts))
