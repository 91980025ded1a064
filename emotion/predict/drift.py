"""Drift: difference of a score set's data from the data on which the model was trained.

It is measured by the population stability index (Siddiqi, "Credit Risk Scorecards", 2006) and the
Jensen-Shannon divergence (Lin 1991) between shares p (training) and q (score set) of the same
bins::

    psi = sum_i (q_i - p_i) ln(q_i / p_i)         0 or more; by convention, 0.1 is level watch and
                                                  0.25 level drift
    jsd = H((p + q) / 2) - (H(p) + H(q)) / 2      bits, 0 to 1; H is the entropy
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

WATCH, ALARM = 0.1, 0.25
"""Smallest population stability indices of the levels watch and drift, by convention."""
LEAST_SHARE = 1e-4
"""Smallest share of a bin in the index; smaller ones count as this.

A share of 0 would make the index infinite.
"""

CONFIDENCE_EDGES = tuple(k / 10 for k in range(11))
SIZE_EDGES = (0.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 384.0, math.inf)
BRIGHTNESS_EDGES = tuple(16.0 * k for k in range(17))
EDGES = {
    "confidence": CONFIDENCE_EDGES,
    "face_px": SIZE_EDGES,
    "brightness": BRIGHTNESS_EDGES,
}
"""Edges of the bins, by variable; the bins of ``label`` are the label set."""


@dataclass(frozen=True)
class Profile:
    """Counts of one variable, by bin.

    Attributes:
        name: label, confidence, face_px or brightness.
        bins: name of each bin, such as "16 to 24".
        counts: number of values in each bin.
    """

    name: str
    bins: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Number of values in all bins."""
        return sum(self.counts)

    def plus(self, other: Profile) -> Profile:
        """Return the sum of two profiles.

        Raises:
            ValueError: if their names or bins differ.
        """
        if (self.name, self.bins) != (other.name, other.bins):
            raise ValueError(
                f"{other.name} in {other.bins} cannot be added to {self.name} in {self.bins}"
            )
        return Profile(
            self.name,
            self.bins,
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the profile in the form in which a package stores it, without its name."""
        return {"bins": list(self.bins), "counts": list(self.counts)}


def label_profile(counts: Mapping[str, int], labels: Sequence[str]) -> Profile:
    """Return the profile of labels, in label order; a label without a count has 0."""
    return Profile("label", tuple(labels), tuple(int(counts.get(label, 0)) for label in labels))


def measured_profile(name: str, values: ArrayLike) -> Profile:
    """Return the profile of measured values, in the bins of ``EDGES``.

    A value that is not finite is left out. A value below the first edge counts in the first bin; a
    value above the last edge counts in the last bin.

    Args:
        name: confidence, face_px or brightness.
        values: numbers; may be empty.

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


def profiles_from_json(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Profile]:
    """Return profiles by name from the form of ``Profile.to_json``."""
    return {
        name: Profile(name, tuple(value["bins"]), tuple(int(c) for c in value["counts"]))
        for name, value in stored.items()
    }


@dataclass(frozen=True)
class Drift:
    """Comparison of one variable with its baseline.

    Attributes:
        name: name of the variable.
        psi: population stability index, 0 or more; None with too few values.
        jsd: Jensen-Shannon divergence, bits, 0 to 1; None with too few values.
        level: ok, watch, drift, or unknown (too few values, or no baseline).
        baseline_count: number of values of the baseline.
        count: number of values of the score set.
        bins: name of each bin.
        baseline_shares: shares of the baseline, by bin.
        shares: shares of the score set, by bin.
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
        """Return the fields by name, as plain values."""
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
        baseline: profile of the training data; None if the package has none. A baseline with other
            bins than ``now`` is treated as None.
        now: profile of a score set.
        watch: smallest index of level watch.
        alarm: smallest index of level drift.
        least: smallest number of values of each profile; with fewer the level is unknown.
    """
    if baseline is not None and baseline.bins != now.bins:
        baseline = None  # bins of another release, or another label set
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
    """Return the population stability index of shares ``q`` against shares ``p``, 0 or more.

    >>> round(psi([0.5, 0.5], [0.6, 0.4]), 4)
    0.0405
    """
    before = np.maximum(np.asarray(p, np.float64), LEAST_SHARE)
    now = np.maximum(np.asarray(q, np.float64), LEAST_SHARE)
    return float(((now - before) * np.log(now / before)).sum())


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Return the Jensen-Shannon divergence of shares ``p`` and ``q`` in bits, 0 to 1.

    >>> jensen_shannon([1, 0], [0, 1]), jensen_shannon([0.5, 0.5], [0.5, 0.5])
    (1.0, 0.0)
    """
    before, now = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return max(0.0, _entropy((before + now) / 2) - (_entropy(before) + _entropy(now)) / 2)


def _entropy(shares: NDArray[np.float64]) -> float:
    """Return the entropy in bits."""
    positive = shares[shares > 0]
    return float(-(positive * np.log2(positive)).sum())


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    """Return counts divided by their sum; zeros if the sum is 0."""
    total = sum(counts)
    return np.array(counts, np.float64) / total if total else np.zeros(len(counts))
