"""Rules on the stored tables as plain values: kind, columns, bounds and severity.

A suite is a tuple of rules. ``jobs.validating.expectations`` turns a rule into an expectation of
Great Expectations and runs it; this module does not import that library. The text of a rule is its
name. It is unique in a suite, because results for several groups of rows are merged by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["present", "unique", "one_of", "between", "matches", "ordered", "no_note"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        text: the rule as a sentence; its name.
        kind: ``present`` (no null), ``unique`` (no two rows have equal values in all columns),
            ``one_of``, ``between``, ``matches`` (a regular expression), ``ordered`` (the first
            column is below the second) or ``no_note`` (a column of notes has only nulls).
        columns: names of the checked columns.
        low: lowest allowed value of ``between``; None: no bound.
        high: highest allowed value of ``between``; None: no bound.
        above: True if ``low`` itself is not allowed.
        values: the allowed values of ``one_of``, or the pattern of ``matches``.
        severity: an error makes a dataset invalid, a warning does not.
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
    """Return one rule per column: the column has no null."""
    return tuple(Rule(f"{name} is never null", "present", (name,)) for name in columns)


def unique(text: str, *columns: str) -> Rule:
    """Return a rule: no two rows have equal values in all of ``columns``."""
    return Rule(text, "unique", columns)


def one_of(column: str, values: Sequence[str]) -> Rule:
    """Return a rule: each value of the column is one of ``values``, or null."""
    return Rule(f"{column} is one of {', '.join(values)}", "one_of", (column,), values=(*values,))


def between(column: str, low: float, high: float | None = None, *, above: bool = False) -> Rule:
    """Return a rule: each value is from ``low`` to ``high``, or null.

    ``high`` is allowed; None sets no upper bound. ``above`` excludes ``low``.

    >>> between("score", 0, 1).text, between("fps", 0, above=True).text, between("n", 3, 3).text
    ('score is at least 0 and at most 1', 'fps is above 0', 'n is 3')
    """
    text = f"{column} is {'above' if above else 'at least'} {low:g}"
    if high is not None:
        text = f"{column} is {low:g}" if low == high else f"{text} and at most {high:g}"
    return Rule(text, "between", (column,), low=low, high=high, above=above)


def matches(text: str, column: str, pattern: str) -> Rule:
    """Return a rule: each value matches the regular expression ``pattern``, or is null."""
    return Rule(text, "matches", (column,), values=(pattern,))


def ordered(first: str, second: str) -> Rule:
    """Return a rule: ``first`` is below ``second`` in every row."""
    return Rule(f"{first} is before {second}", "ordered", (first, second))


def no_note(column: str, text: str, *, severity: Severity = "error") -> Rule:
    """Return a rule: the column of notes has only nulls (see ``emotion.validate.notes``)."""
    return Rule(text, "no_note", (column,), severity=severity)
