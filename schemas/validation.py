"""What a validation found: plain values, so that reading one needs no Great Expectations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """What became of one expectation.

    Attributes:
        dataset: the table, or what was derived from it: columns, subjects, contents.
        expectation: in plain words.
        success: whether every row keeps it.
        unexpected: rows that do not.
        examples: a few of their values.
    """

    dataset: str
    expectation: str
    success: bool
    unexpected: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValidationReport:
    """Every expectation and what became of it.

    >>> ValidationReport((Result("clips", "quality is at most 1", False, 2, ("3.0",)),)).success
    False
    """

    results: tuple[Result, ...]

    @property
    def success(self) -> bool:
        """Whether all are kept."""
        return not self.failed

    @property
    def failed(self) -> tuple[Result, ...]:
        """Those that are not."""
        return tuple(result for result in self.results if not result.success)

    def to_json(self) -> dict[str, Any]:
        """Plain values: ``success`` and ``results``."""
        results = [asdict(result) | {"examples": list(result.examples)} for result in self.results]
        return {"success": self.success, "results": results}
