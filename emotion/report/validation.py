"""The page of a validation: every expectation, those that fail first, then the warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotion.report.page import render

_WORDS = {"error": ("bad", "failed"), "warning": ("soft", "warning")}


def validation_report(
    report: Mapping[str, Any], *, title: str, docs_uris: Mapping[str, str] | None = None
) -> str:
    """Render ``validation/report.json``.

    Args:
        report: success, results, counts, spec_digest.
        title: name of the dataset.
        docs_uris: Great Expectations' own pages by name, relative to this one.
    """
    ranks = ("failed", "warning", "kept")
    results = [_row(result) for result in report["results"]]
    results.sort(key=lambda row: ranks.index(row["word"]))
    numbers = {word: sum(row["word"] == word for row in results) for word in ranks}
    return render(
        "validation.html",
        title=title,
        report=report,
        results=results,
        numbers=numbers,
        docs_uris=docs_uris or {},
    )


def _row(result: Mapping[str, Any]) -> dict[str, Any]:
    style, word = _WORDS[result.get("severity", "error")]
    if result["success"]:
        style, word = "good", "kept"
    return {"elements": None, **result, "style": style, "word": word}
