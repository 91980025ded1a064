"""What the charts of a page show, as plain numbers; the templates draw them as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Histogram:
    """Counts in equal bins, scaled for drawing.

    Attributes:
        title: what is counted, with its unit.
        low: left edge of the first bin.
        high: right edge of the last bin.
        counts: values per bin.
        heights: counts over the largest count, 0 to 1.
        num_values: values in all, nulls left out.
        num_above: values beyond ``high``, counted in the last bin.
        median: of the values; None where there is none.
    """

    title: str
    low: float
    high: float
    counts: tuple[int, ...]
    heights: tuple[float, ...]
    num_values: int
    num_above: int
    median: float | None


def histogram(title: str, values: ArrayLike, *, num_bins: int = 24) -> Histogram:
    """Count values in equal bins from the least to the 99th percentile.

    The last bin also takes what lies beyond, so that one outlier does not flatten the rest.

    >>> histogram("s", [0.0, 1.0, 1.0, 4.0], num_bins=2).counts
    (3, 1)
    >>> histogram("s", []).counts
    ()
    """
    array = np.asarray(values, np.float64)
    array = array[np.isfinite(array)]
    if not array.size:
        return Histogram(title, 0.0, 0.0, (), (), 0, 0, None)
    low, high = float(array.min()), float(np.percentile(array, 99))
    if high <= low:
        low, high = low - 0.5, low + 0.5
    counts, _ = np.histogram(np.minimum(array, high), bins=num_bins, range=(low, high))
    return Histogram(
        title=title,
        low=low,
        high=high,
        counts=tuple(int(c) for c in counts),
        heights=tuple(float(c / counts.max()) for c in counts),
        num_values=int(array.size),
        num_above=int((array > high).sum()),
        median=float(np.median(array)),
    )


@dataclass(frozen=True)
class Bar:
    """One bar of a list: its name, its count, its share of all and of the largest."""

    name: str
    count: int
    share: float
    width: float


def bars(counts: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    """Bars in the order given.

    >>> bars([("happy", 3), ("sad", 1)])[1]
    Bar(name='sad', count=1, share=0.25, width=0.3333333333333333)
    """
    total, largest = sum(c for _, c in counts), max((c for _, c in counts), default=0)
    return tuple(
        Bar(n, c, c / total if total else 0.0, c / largest if largest else 0.0) for n, c in counts
    )
