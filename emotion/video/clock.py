"""Conversion between sample numbers and times of a stream, exact, in integers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Clock:
    """Times of the samples of a stream: sample k is at ``first + k * den / num`` ticks.

    A tick is the stream's unit of time (FFmpeg's time base). There are ``num`` samples in ``den``
    ticks.

    Attributes:
        first: presentation time of the first frame, ticks.
        num: number of samples.
        den: number of ticks.
        start: first sample of the part that is read.
        stop: sample after the last one of the part; None: the part ends with the video.

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
        """Return the clock for ``fps`` samples per second.

        Args:
            first: presentation time of the first frame, ticks.
            time_base: length of a tick, seconds.
            fps: samples per second.
            span: ``start`` and ``stop`` of the part that is read.
        """
        ratio = fps * time_base
        return Clock(first, ratio.numerator, ratio.denominator, *span)

    def sample_from(self, ticks: int) -> int:
        """Return the first sample whose time is at or after ``ticks``."""
        return -((self.first - ticks) * self.num // self.den)

    def is_before(self, k: int, ticks: int) -> bool:
        """Return True if the time of sample k is before ``ticks``."""
        return k * self.den < (ticks - self.first) * self.num

    def is_reached(self, k: int, ticks: int) -> bool:
        """Return True if the time of sample k is at or before ``ticks``."""
        return k * self.den <= (ticks - self.first) * self.num

    def is_needed(self, start: int, stop: int) -> bool:
        """Return True if the part needs a frame that is shown in [``start``, ``stop``), in ticks.

        A frame is needed if a sample is in this time, and the first such sample is in the part.
        """
        k = self.sample_from(start)
        is_in_part = self.start <= k and (self.stop is None or k < self.stop)
        return is_in_part and self.is_before(k, stop)
