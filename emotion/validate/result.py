"""Results of a validation as plain values; this module does not import Great Expectations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

EXAMPLES = 5
"""Largest number of examples of broken rows in a result."""


@dataclass(frozen=True)
class Result:
    """Result of one rule.

    Attributes:
        dataset: name of a table, or of a group of rules such as columns, subjects or contents.
        expectation: text of the rule.
        success: True if every row keeps the rule.
        unexpected: number of rows that break the rule.
        examples: values or notes of some rows that break the rule, at most ``EXAMPLES``.
        elements: number of checked rows.
        severity: error or warning; a warning does not make a dataset invalid.
    """

    dataset: str
    expectation: str
    success: bool
    unexpected: int = 0
    examples: tuple[str, ...] = ()
    elements: int = 0
    severity: str = "error"


@dataclass(frozen=True)
class ValidationReport:
    """Results of all rules.

    >>> ValidationReport((Result("clips", "quality is at most 1", False, 2, ("3.0",)),)).success
    False
    """

    results: tuple[Result, ...]

    @property
    def success(self) -> bool:
        """True if no rule of severity error is broken."""
        return not self.failed

    @property
    def failed(self) -> tuple[Result, ...]:
        """Results of the broken rules of severity error."""
        return tuple(r for r in self.results if not r.success and r.severity == "error")

    @property
    def warnings(self) -> tuple[Result, ...]:
        """Results of the broken rules of severity warning."""
        return tuple(r for r in self.results if not r.success and r.severity == "warning")

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with ``success`` and ``results``."""
        results = [asdict(result) | {"examples": list(result.examples)} for result in self.results]
        return {"success": self.success, "results": results}


def from_json(value: Mapping[str, Any]) -> ValidationReport:
    """Return the report from ``value``, a result of ``ValidationReport.to_json``."""
    results = [Result(**{**r, "examples": tuple(r["examples"])}) for r in value["results"]]
    return ValidationReport(tuple(results))


def merged(reports: Iterable[ValidationReport]) -> ValidationReport:
    """Merge reports on different rows.

    The results of a rule become one: counts are added, and the first ``EXAMPLES`` examples kept.

    >>> one = ValidationReport((Result("clips", "fine", True, 0, (), 7),))
    >>> other = ValidationReport((Result("clips", "fine", False, 2, ("3.0",), 5),))
    >>> merged([one, other]).results[0]
    Result(dataset='clips', expectation='fine', success=False, unexpected=2, examples=('3.0',), \
elements=12, severity='error')
    """
    by_rule: dict[tuple[str, str], Result] = {}
    for result in (one for report in reports for one in report.results):
        key = result.dataset, result.expectation
        by_rule[key] = _added(by_rule[key], result) if key in by_rule else result
    return ValidationReport(tuple(by_rule.values()))


def _added(one: Result, other: Result) -> Result:
    examples = tuple(dict.fromkeys(one.examples + other.examples))[:EXAMPLES]
    return Result(
        dataset=one.dataset,
        expectation=one.expectation,
        success=one.success and other.success,
        unexpected=one.unexpected + other.unexpected,
        examples=examples,
        elements=one.elements + other.elements,
        severity=one.severity,
    )
