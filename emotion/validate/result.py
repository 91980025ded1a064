"""What a validation found: plain values, so that reading one needs no Great Expectations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

EXAMPLES = 5
"""Examples that are kept of what breaks an expectation."""


@dataclass(frozen=True)
class Result:
    """What became of one expectation.

    Attributes:
        dataset: the table, or what was derived from it: columns, subjects, contents, ...
        expectation: in plain words.
        success: whether every row keeps it.
        unexpected: rows that do not.
        examples: a few of their values.
        elements: rows that were looked at.
        severity: error or warning; a warning makes no dataset invalid.
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
    """Every expectation and what became of it.

    >>> ValidationReport((Result("clips", "quality is at most 1", False, 2, ("3.0",)),)).success
    False
    """

    results: tuple[Result, ...]

    @property
    def success(self) -> bool:
        """Whether no error is among the results."""
        return not self.failed

    @property
    def failed(self) -> tuple[Result, ...]:
        """Errors: what must be kept and is not."""
        return tuple(r for r in self.results if not r.success and r.severity == "error")

    @property
    def warnings(self) -> tuple[Result, ...]:
        """What should be kept and is not."""
        return tuple(r for r in self.results if not r.success and r.severity == "warning")

    def to_json(self) -> dict[str, Any]:
        """Plain values: ``success`` and ``results``."""
        results = [asdict(result) | {"examples": list(result.examples)} for result in self.results]
        return {"success": self.success, "results": results}


def from_json(value: Mapping[str, Any]) -> ValidationReport:
    """The report that ``to_json`` made the value of."""
    results = [Result(**{**r, "examples": tuple(r["examples"])}) for r in value["results"]]
    return ValidationReport(tuple(results))


def merged(reports: Iterable[ValidationReport]) -> ValidationReport:
    """Reports on different rows as one: counts are added, the first few examples kept.

    >>> one = ValidationReport((Result("clips", "fine", True, 0, (), 7),))
    >>> other = ValidationReport((Result("clips", "fine", False, 2, ("3.0",), 5),))
    >>> merged([one, other]).results[0]
    Result(dataset='clips', expectation='fine', success=False, unexpected=2, examples=('3.0',), \
elements=12, severity='error')
    """
    found: dict[tuple[str, str], Result] = {}
    for result in (one for report in reports for one in report.results):
        key = result.dataset, result.expectation
        found[key] = _added(found[key], result) if key in found else result
    return ValidationReport(tuple(found.values()))


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
