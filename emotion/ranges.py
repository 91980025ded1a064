"""Ranges of numeric options, and a check with the same error message for every flag."""

from __future__ import annotations

import math
from dataclasses import dataclass

from emotion.errors import InputError


@dataclass(frozen=True)
class Range:
    """An interval of finite numbers.

    ``str`` returns its description for "must be ...", such as "at least 1".

    Attributes:
        low: lower bound; by default none.
        high: upper bound; by default none.
        low_open: True excludes ``low`` itself.
        high_open: True excludes ``high`` itself.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        above = value > self.low if self.low_open else value >= self.low
        return above and (value < self.high if self.high_open else value <= self.high)

    def __str__(self) -> str:
        low = f"{'above' if self.low_open else 'at least'} {self.low:g}"
        high = f"{'below' if self.high_open else 'at most'} {self.high:g}"
        ends = [(self.low, low), (self.high, high)]
        return " and ".join(text for end, text in ends if math.isfinite(end))


def at_least(low: float) -> Range:
    """Return the range of ``low`` and all greater numbers."""
    return Range(low=low)


def above(low: float) -> Range:
    """Return the range of all numbers greater than ``low``."""
    return Range(low=low, low_open=True)


def check_ranges(options: object, /, **ranges: Range) -> None:
    """Check that attributes of ``options`` are in their ranges.

    Args:
        options: an object with the attributes, such as a Config.
        **ranges: range of each attribute, by name. An attribute that is None is not checked.

    Raises:
        InputError: for the first attribute outside its range; the message names its flag.

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
            flag, kind = name.replace("_", "-"), "" if math.isfinite(value) else " and finite"
            raise InputError(f"--{flag} must be {allowed}{kind}, got {value}")
