"""Ranges of numeric options, and one check with one wording for every flag."""

from __future__ import annotations

import math
from dataclasses import dataclass

from emotion.errors import InputError


@dataclass(frozen=True)
class Range:
    """An interval of numbers; its text is the second half of "must be ...".

    Attributes:
        low: lower bound.
        high: upper bound.
        low_open: True if ``low`` itself lies outside.
        high_open: True if ``high`` itself lies outside.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        return above and (value < self.high if self.high_open else value <= self.high)

    def __str__(self) -> str:
        low = f"{'above' if self.low_open else 'at least'} {self.low:g}"
        high = f"{'below' if self.high_open else 'at most'} {self.high:g}"
        ends = [(self.low, low), (self.high, high)]
        return " and ".join(text for end, text in ends if math.isfinite(end))


def at_least(low: float) -> Range:
    """Return the numbers from ``low`` on."""
    return Range(low=low)


def above(low: float) -> Range:
    """Return the numbers greater than ``low``."""
    return Range(low=low, low_open=True)


def check_ranges(options: object, /, **ranges: Range) -> None:
    """Check attributes of ``options``; an attribute that is None is not checked.

    Raises:
        InputError: for the first one outside its range; it names the flag.

    >>> from types import SimpleNamespace
    >>> check_ranges(SimpleNamespace(batch_size=0), batch_size=at_least(1))
    Traceback (most recent call last):
    emotion.errors.InputError: --batch-size must be at least 1, got 0
    >>> print(Range(0, 1, low_open=True))
    above 0 and at most 1
    """
    for name, allowed in ranges.items():
        value = getattr(options, name)
        if value is not None and value not in allowed:
            flag = name.replace("_", "-")
            raise InputError(f"--{flag} must be {allowed}, got {value}")
