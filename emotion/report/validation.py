"""The page of a validation: the rules of each table, broken rules first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotion.report.page import render

RANKS = ("failed", "warning", "kept")
_STYLES = {"failed": "bad", "warning": "warn", "kept": "good"}
ABOUT = {
    "parts": "the Parquet files of every shard",
    "columns": "names and types of the columns of every part",
    "crops": "a sample of the stored crops, decoded",
    "plan": "planned videos against videos and rejects",
    "subjects": "subjects and their splits",
    "contents": "files with equal bytes and their splits",
    "labels": "labels of the clips in train",
    "identities": "faces of subjects in different splits",
}
"""Explanations of the groups of rules that are not named after a table of the dataset."""


def validation_report(report: Mapping[str, Any], *, title: str) -> str:
    """Return the page of a validation as HTML.

    Args:
        report: content of ``validation/report.json``: success, results, counts, spec_digest.
        title: name of the dataset.
    """
    rows = [_row(result) for result in report["results"]]
    tables = [_table(name, rows) for name in dict.fromkeys(row["dataset"] for row in rows)]
    tables.sort(key=lambda table: RANKS.index(table["word"]))
    return render(
        "validation.html",
        title=title,
        report=report,
        tables=tables,
        num_rules=len(rows),
        numbers=_numbers(rows),
    )


def _table(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rules of a table, broken rules first, and their worst result."""
    own = sorted((r for r in rows if r["dataset"] == name), key=lambda r: RANKS.index(r["word"]))
    return {
        "name": name,
        "about": ABOUT.get(name, ""),
        "rules": own,
        "numbers": _numbers(own),
        "word": own[0]["word"],
        "style": own[0]["style"],
    }


def _numbers(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return the number of rules by result."""
    return {word: sum(row["word"] == word for row in rows) for word in RANKS}


def _row(result: Mapping[str, Any]) -> dict[str, Any]:
    severity = result.get("severity", "error")  # reports of earlier versions have none
    word = "kept" if result["success"] else {"error": "failed", "warning": "warning"}[severity]
    checked = result.get("elements")
    return {
        **result,
        "severity": severity,
        "word": word,
        "style": _STYLES[word],
        "checked": checked,
    }
