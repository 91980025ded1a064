"""Sample numbers to times of a stream and back, in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Clock:
    """Times of the samples on the clock of a stream: k is at ``first + k * den / num`` ticks.

    Attributes:
        first: presentation time of the first frame, ticks.
        num: samples...
        den: ... in so many ticks.
        start: the first sample that is wanted.
        stop: the first that is not; None: all to the end.

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
        """The clock of a stream whose ticks are ``time_base`` seconds, at ``fps`` samples."""
        ratio = fps * time_base
        return Clock(first, ratio.numerator, ratio.denominator, *span)

    def sample_from(self, ticks: int) -> int:
        """The first sample whose time is not before ``ticks``."""
        return -((self.first - ticks) * self.num // self.den)

    def is_before(self, k: int, ticks: int) -> bool:
        """Whether the time of sample k is before ``ticks``."""
        return k * self.den < (ticks - self.first) * self.num

    def is_reached(self, k: int, ticks: int) -> bool:
        """Whether the time of sample k is at or before ``ticks``."""
        return k * self.den <= (ticks - self.first) * self.num

    def is_needed(self, start: int, stop: int) -> bool:
        """Whether the first sample at or after ``start`` is wanted and before ``stop``."""
        k = self.sample_from(start)
        wanted = self.start <= k and (self.stop is None or k < self.stop)
        return wanted and self.is_before(k, stop)
