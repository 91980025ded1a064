"""Conversion between sample numbers and times of a stream, in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Clock:
    """Times of the samples in ticks of a stream: sample k is at ``first + k * den / num``.

    Attributes:
        first: presentation time of the first frame, ticks.
        num: number of samples in ``den`` ticks.
        den: number of ticks.
        start: first sample of the part that is read.
        stop: sample after the last; None reads to the end.

    >>> clock = Clock(first=100, num=1, den=10)
    >>> [clock.sample_from(ticks) for ticks in (100, 101, 110, 111)]
    [0, 1, 1, 2]
    >>> clock.is_needed(101, 110), clock.is_needed(101, 111)
    (False, True)
    """

    first: int
    num: int
    den: int
    start: int = 0
    stop: int | None = None

    @staticmethod
    def of(first: int, time_base: Fraction, fps: Fraction, span: tuple[int, int | None]) -> Clock:
        """Return the clock of a stream with ticks of ``time_base`` seconds, for ``fps`` samples."""
        ratio = fps * time_base
        return Clock(first, ratio.numerator, ratio.denominator, *span)

    def sample_from(self, ticks: int) -> int:
        """Return the first sample whose time is not before ``ticks``."""
        return -((self.first - ticks) * self.num // self.den)

    def is_before(self, k: int, ticks: int) -> bool:
        """Return True if the time of sample k is before ``ticks``."""
        return k * self.den < (ticks - self.first) * self.num

    def is_reached(self, k: int, ticks: int) -> bool:
        """Return True if the time of sample k is at or before ``ticks``."""
        return k * self.den <= (ticks - self.first) * self.num

    def is_needed(self, start: int, stop: int) -> bool:
        """Return True if a sample of the part lies in [``start``, ``stop``), in ticks."""
        k = self.sample_from(start)
        is_in_part = self.start <= k and (self.stop is None or k < self.stop)
        return is_in_part and self.is_before(k, stop)
