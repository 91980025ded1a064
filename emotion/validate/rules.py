"""Rules on the stored tables, as plain values: what is expected, of which columns, how badly.

A suite is a tuple of rules. ``jobs.validating.expectations`` turns a rule into an expectation of
Great Expectations and runs it; reading a suite needs no such library. The text of a rule is its
name: a suite has each text once, and results of several groups of rows are added up by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["present", "unique", "one_of", "between", "matches", "ordered", "no_note"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes:
        text: in plain words.
        kind: present (never null), unique (the columns together), one_of, between, matches (a
            regular expression), ordered (the first column is below the second), no_note (a column
            of notes is all null).
        columns: those that it looks at.
        low: lowest value that may be; None: no bound.
        high: highest value that may be; None: no bound.
        above: whether ``low`` itself may not be.
        values: those that may be, or the pattern.
        severity: an error makes a dataset invalid, a warning is told.
    """

    text: str
    kind: Kind
    columns: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    above: bool = False
    values: tuple[str, ...] = ()
    severity: Severity = "error"


Suite = tuple[Rule, ...]


def present(*columns: str) -> Suite:
    """One rule per column."""
    return tuple(Rule(f"{name} is never null", "present", (name,)) for name in columns)


def unique(text: str, *columns: str) -> Rule:
    """The columns together are there once."""
    return Rule(text, "unique", columns)


def one_of(column: str, values: Sequence[str]) -> Rule:
    """Nulls pass."""
    return Rule(f"{column} is one of {', '.join(values)}", "one_of", (column,), values=(*values,))


def between(column: str, low: float, high: float | None = None, *, above: bool = False) -> Rule:
    """From ``low`` to ``high``, both allowed; ``above`` shuts ``low`` out. Nulls pass.

    >>> between("score", 0, 1).text, between("fps", 0, above=True).text, between("n", 3, 3).text
    ('score is at least 0 and at most 1', 'fps is above 0', 'n is 3')
    """
    text = f"{column} is {'above' if above else 'at least'} {low:g}"
    if high is not None:
        text = f"{column} is {low:g}" if low == high else f"{text} and at most {high:g}"
    return Rule(text, "between", (column,), low=low, high=high, above=above)


def matches(text: str, column: str, pattern: str) -> Rule:
    """Nulls pass."""
    return Rule(text, "matches", (column,), values=(pattern,))


def ordered(first: str, second: str) -> Rule:
    """``first`` is below ``second`` in every row."""
    return Rule(f"{first} is before {second}", "ordered", (first, second))


def no_note(column: str, text: str, *, severity: Severity = "error") -> Rule:
    """``text`` is kept where the column of notes is null."""
    return Rule(text, "no_note", (column,), severity=severity)
