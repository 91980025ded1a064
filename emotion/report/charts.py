"""Numbers for the charts of a page; the templates draw the charts as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Histogram:
    """Counts in equal bins, scaled for drawing.

    Attributes:
        title: name of the counted variable, with its unit.
        low: left edge of the first bin.
        high: right edge of the last bin.
        counts: number of values in each bin; empty if there is no value.
        heights: counts divided by the largest count, 0 to 1.
        num_values: number of values, without nulls.
        num_below: number of values below ``low``, which are counted in the first bin.
        num_above: number of values above ``high``, which are counted in the last bin.
        median: median of the values; None if there is no value.
        p5, p95: 5th and 95th percentile of the values; None if there is no value.
        num_drawn: number of counted values; smaller than ``num_values`` if they are a sample.
    """

    title: str
    low: float
    high: float
    counts: tuple[int, ...]
    heights: tuple[float, ...]
    num_values: int
    num_above: int
    median: float | None
    num_below: int = 0
    p5: float | None = None
    p95: float | None = None
    num_drawn: int = 0

    @property
    def edges(self) -> tuple[float, ...]:
        """Edges of the bins, one more than ``counts``; empty if there is no value."""
        if not self.counts:
            return ()
        return tuple(float(edge) for edge in np.linspace(self.low, self.high, len(self.counts) + 1))

    @property
    def median_at(self) -> float:
        """Position of the median between ``low`` and ``high``, 0 to 1; 0 if there is no value."""
        if self.median is None:
            return 0.0
        return min(max((self.median - self.low) / (self.high - self.low), 0.0), 1.0)


def histogram(
    title: str,
    values: ArrayLike,
    *,
    num_bins: int = 24,
    cut_low: bool = False,
    num_values: int | None = None,
) -> Histogram:
    """Count values in equal bins from the smallest value to the 99th percentile.

    The last bin also counts larger values, so that one outlier does not put all others in one bin.

    Args:
        title: name of the counted variable, with its unit.
        values: numbers; those that are not finite are left out.
        num_bins: number of bins.
        cut_low: begin at the 1st percentile, for values with outliers on both sides; the first bin
            also counts smaller values.
        num_values: number of all values, if ``values`` is a sample of them.

    >>> histogram("s", [0.0, 1.0, 1.0, 4.0], num_bins=2).counts
    (3, 1)
    >>> histogram("s", []).counts
    ()
    >>> histogram("s", [2.4, 2.4000000000000004], num_bins=2).counts
    (0, 2)
    """
    array = np.asarray(values, np.float64)
    array = array[np.isfinite(array)]
    if not array.size:
        return Histogram(title, 0.0, 0.0, (), (), 0, 0, None)
    least, p5, median, p95, high = (float(v) for v in np.percentile(array, [1, 5, 50, 95, 99]))
    low = least if cut_low else float(array.min())
    if high - low <= 1e-9 * max(1.0, abs(high)):  # all values equal, apart from rounding
        low, high = low - 0.5, low + 0.5
    counts, _ = np.histogram(np.clip(array, low, high), bins=num_bins, range=(low, high))
    return Histogram(
        title=title,
        low=low,
        high=high,
        counts=tuple(int(c) for c in counts),
        heights=tuple(float(c / counts.max()) for c in counts),
        num_values=int(array.size) if num_values is None else num_values,
        num_above=int((array > high).sum()),
        median=median,
        num_below=int((array < low).sum()),
        p5=p5,
        p95=p95,
        num_drawn=int(array.size),
    )


@dataclass(frozen=True)
class Bar:
    """One bar of a list; ``share`` is of the total, ``width`` of the largest count, both 0 to 1."""

    name: str
    count: int
    share: float
    width: float


def bars(counts: Sequence[tuple[str, int]], *, total: int | None = None) -> tuple[Bar, ...]:
    """Return a bar for each count, in the same order.

    Args:
        counts: name and count of each bar.
        total: number to which shares refer; None: the sum of the counts.

    >>> bars([("happy", 3), ("sad", 1)])[1]
    Bar(name='sad', count=1, share=0.25, width=0.3333333333333333)
    """
    whole = sum(c for _, c in counts) if total is None else total
    largest = max((c for _, c in counts), default=0)
    return tuple(
        Bar(n, c, c / whole if whole else 0.0, c / largest if largest else 0.0) for n, c in counts
    )


def stepped(counts: Sequence[tuple[int, int]], *, last: int) -> tuple[tuple[str, int], ...]:
    """Return (name, count) for the numbers 0, 1, 2, ... up to ``last``.

    The last pair also counts larger numbers. ``counts`` are pairs of a number and its count.

    >>> stepped([(1, 5), (7, 2), (3, 1)], last=3)
    (('0', 0), ('1', 5), ('2', 0), ('3 or more', 3))
    """
    sums = dict.fromkeys(range(last + 1), 0)
    for value, count in counts:
        sums[min(value, last)] += count
    names = [*map(str, range(last)), f"{last} or more"]
    return tuple(zip(names, sums.values(), strict=True))
