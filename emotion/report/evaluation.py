"""The page of an evaluation: the figures, with their intervals and with what they leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotion.report.charts import bars
from emotion.report.page import data_uri, render


def evaluation_report(metrics: Mapping[str, Any], *, confusion_png: bytes, title: str) -> str:
    """Render ``metrics.json``, as ``emotion.learn.evaluation.Evaluation.to_json`` gives it.

    Args:
        metrics: the figures.
        confusion_png: the plot of the confusion matrix.
        title: name of the score set.
    """
    return render(
        "evaluation.html",
        title=title,
        metrics=metrics,
        confusion=data_uri(confusion_png, mime="image/png"),
        missing=bars(sorted(metrics["missing"].items())),
    )
