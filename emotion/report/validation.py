"""The page of a validation: every expectation, those that fail first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotion.report.page import render


def validation_report(report: Mapping[str, Any], *, title: str) -> str:
    """Render ``validation/report.json``.

    Args:
        report: success, results, counts, spec_digest.
        title: name of the dataset.
    """
    results = sorted(report["results"], key=lambda result: bool(result["success"]))
    return render("validation.html", title=title, report=report, results=results)
