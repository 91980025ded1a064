"""A comparison of models, as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotion.report.page import number, render

COMPARED = {
    "name": "run",
    "model": "model",
    "war": "WAR",
    "war_low": "WAR, 95% low",
    "war_high": "WAR, 95% high",
    "uar": "UAR",
    "uar_low": "UAR, 95% low",
    "uar_high": "UAR, 95% high",
    "uar_above_first": "UAR above the first",
    "above_low": "above, 95% low",
    "above_high": "above, 95% high",
    "macro_f1": "macro F1",
    "ece": "ECE",
    "num_parameters": "parameters",
    "train_clips_per_s": "training clips/s",
    "cpu_hours": "CPU hours",
    "gpu_hours": "GPU hours",
    "epochs": "epochs",
    "dataset_digest": "dataset",
    "model_id": "model id",
}
"""Titles of the columns, by key of a row (``emotion.evaluate.comparison.comparison_row``)."""


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table; a value that is not recorded is a dash.

    >>> print(markdown([{name: 0.5 for name in COMPARED}])[:13])
    | run | model
    """
    lines = [list(COMPARED.values()), ["---"] * len(COMPARED)]
    lines += [[cell_text(row[name]) for name in COMPARED] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell_text(value: object) -> str:
    """Return a value as text for a table.

    >>> cell_text(0.12345), cell_text(900231), cell_text(None), cell_text("r3d_lite")
    ('0.123', '900,231', '–', 'r3d_lite')
    """
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else "–"


def compare_report(
    rows: Sequence[Mapping[str, Any]], *, metrics: Mapping[str, Any], title: str
) -> str:
    """Return the page of a comparison as HTML.

    Args:
        rows: at least one row with the keys of ``COMPARED``; the others are compared with the
            first.
        metrics: metrics.json of the first: n_videos, n_subjects and test_set_digest are used.
        title: name of the comparison.
    """
    best = max(range(len(rows)), key=lambda n: rows[n]["uar"])
    shown = [{name: cell_text(row[name]) for name in COMPARED} for row in rows]
    bars = [_bar(row) for row in rows]
    return render(
        "compare.html",
        title=title,
        columns=COMPARED,
        rows=list(zip(shown, bars, strict=True)),
        best=best,
        metrics=metrics,
    )


def _bar(row: Mapping[str, Any]) -> dict[str, float]:
    """Return UAR and its interval as percentages of the bar's width."""
    low = row["uar"] if row["uar_low"] is None else row["uar_low"]
    high = row["uar"] if row["uar_high"] is None else row["uar_high"]
    return {"uar": 100 * row["uar"], "low": 100 * low, "width": 100 * (high - low)}
