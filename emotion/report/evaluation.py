"""The page of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotion.report.charts import bars
from emotion.report.mistakes import SIDE_PX, Mistake
from emotion.report.page import data_uri, render


def evaluation_report(
    metrics: Mapping[str, Any],
    *,
    confusion_png: bytes,
    title: str,
    plots: Mapping[str, bytes] | None = None,
    mistakes: Sequence[Mistake] = (),
) -> str:
    """Return the page of an evaluation as HTML.

    Args:
        metrics: content of ``metrics.json``: the result of ``Evaluation.to_json``, and optionally
            ``slices``, ``temperature`` and ``clips``.
        confusion_png: plot of the confusion matrix, PNG.
        title: name of the score set.
        plots: further PNGs by name: learning, roc, pr, reliability, risk, slices; each may be
            missing.
        mistakes: wrong answers to show, in this order.
    """
    return render(
        "evaluation.html",
        title=title,
        metrics=metrics,
        confusion=data_uri(confusion_png, mime="image/png"),
        plots={name: data_uri(png, mime="image/png") for name, png in (plots or {}).items()},
        slices=metrics.get("slices", {}),
        temperature=metrics.get("temperature"),
        clips=metrics.get("clips", {}),
        effect=metrics.get("abstention", {}),
        aurc=metrics.get("aurc"),
        mistakes=mistakes,
        side_px=SIDE_PX,
        missing=bars(sorted(metrics["missing"].items())),
    )
