"""Figures of a model card as Markdown, for the val clips or for a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
NAMES = {
    "war": "WAR (share that is right)",
    "uar": "UAR (mean recall over the labels)",
    "macro_f1": "macro F1",
    "top2": "top 2 (the label is among the two most probable)",
    "coverage": "coverage (share with a prediction)",
}
COLUMNS = {
    "light": "light (mean luma of the frames, 0 to 255)",
    "face_px": "size of the face in the frame, px",
}
FEW_SUBJECTS = 10
"""Number of subjects below which an interval from resampled subjects is too narrow.

Source: Cameron et al. 2008.
"""


def figures(metrics: Figures, labels: Sequence[str], *, unit: str) -> str:
    """Return Markdown with the figures, the scores per label, confusion, calibration and slices.

    Parts that ``metrics`` does not have are left out. Without any part the text is "Nothing was
    recorded."

    Args:
        metrics: metrics of a package, or content of an evaluation's ``metrics.json``.
        labels: the label set, in order.
        unit: the counted unit: clips or videos.
    """
    parts = [
        _headline(metrics, unit),
        _per_class(metrics, labels, unit),
        _confusion(metrics, labels, unit),
        _calibration(metrics),
        *(_slice(name, its, unit) for name, its in metrics.get("slices", {}).items()),
    ]
    return "\n\n".join(part for part in parts if part) or "Nothing was recorded."


def _headline(metrics: Figures, unit: str) -> str:
    rows = [
        (text, number(metrics[name]), spread(metrics.get(f"{name}_interval")))
        for name, text in NAMES.items()
        if metrics.get(name) is not None
    ]
    return table(("figure", "value", "95% interval"), rows) + _basis(metrics, unit) if rows else ""


def _basis(metrics: Figures, unit: str) -> str:
    """Return a sentence with the numbers of subjects and resamples of the intervals."""
    subjects = metrics.get("n_subjects")
    if subjects is None:
        return ""
    count = metrics.get(f"n_{unit}")
    of = f"{count:,} {unit} of {subjects:,} people" if count else f"{subjects:,} people"
    few = ""
    if subjects < FEW_SUBJECTS:
        few = f" So few people ({subjects}) make an interval too narrow, or give none."
    return (
        f"\n\nOn {of}; intervals come from drawing people, not {unit}, with replacement "
        f"({metrics.get('num_resamples', 0):,} times).{few}"
    )


def _per_class(metrics: Figures, labels: Sequence[str], unit: str) -> str:
    per_class = metrics.get("per_class")
    if not per_class:
        return ""
    names = ("precision", "recall", "f1")
    rows = [
        (label, *(number(one[name]) for name in names), f"{one['support']:,}")
        for label, one in ((label, per_class[label]) for label in labels)
    ]
    return table(("label", *names, unit), rows)


def _confusion(metrics: Figures, labels: Sequence[str], unit: str) -> str:
    counts = metrics.get("confusion")
    if not counts:
        return ""
    head = ["true \\ predicted", *labels]
    rows = [[label, *map(str, row)] for label, row in zip(labels, counts, strict=True)]
    silent = metrics.get("no_prediction") or []
    if any(silent):
        head.append("no prediction")
        rows = [[*row, str(count)] for row, count in zip(rows, silent, strict=True)]
    return f"Confusion, {unit}:\n\n{table(head, rows)}"


def _calibration(metrics: Figures) -> str:
    now = metrics.get("ece")
    if now is None:
        return ""
    temperature = metrics.get("temperature")
    divided = f" Logits are divided by {temperature:.3f} (fitted on val)." if temperature else ""
    interval = spread(metrics.get("ece_interval"))
    before = metrics.get("ece_uncalibrated")
    was = "" if before is None else f"; without the temperature {number(before)}"
    sure = f" (95% interval {interval})" if interval else ""
    return f"Calibration: expected calibration error {number(now)}{sure}{was}.{divided}"


def _slice(column: str, slices: Figures, unit: str) -> str:
    rows = [
        (
            group["name"],
            f"{group['n_videos']:,}",
            f"{group['n_subjects']:,}",
            *(_with_spread(group, name) for name in ("war", "uar")),
        )
        for group in slices["groups"]
    ]
    gap, chance = slices["gap"].get("uar"), slices["gap_by_chance"].get("uar")
    shown = table((column, unit, "people", "WAR", "UAR"), rows)
    text = f"By {COLUMNS.get(column, column)}:\n\n{shown}"
    if gap is None:
        return text
    by_chance = "" if chance is None else f"; shuffled values stay below {number(chance)} in 95%"
    return f"{text}\n\nLargest difference in UAR: {number(gap)}{by_chance}."


def _with_spread(group: Figures, name: str) -> str:
    value, interval = group["figures"].get(name), group["intervals"].get(name)
    if value is None:
        return ""
    return f"{number(value)} ({spread(interval)})" if interval else number(value)


def number(value: float) -> str:
    """Return a number as text with three decimals."""
    return f"{value:.3f}"


def spread(interval: Sequence[float] | None) -> str:
    """Return the two ends of an interval as text; empty text for None.

    >>> spread((0.25, 0.5)), spread(None)
    ('0.250 to 0.500', '')
    """
    return f"{number(interval[0])} to {number(interval[1])}" if interval else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; a vertical bar in a cell is escaped.

    >>> print(table(("label", "clips"), [("a|b", "3")]))
    | label | clips |
    |---|---|
    | a\\|b | 3 |
    """
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    texts = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([texts[0], "|" + "---|" * len(head), *texts[1:]])
