"""The pages of a cross-validation by folds, and of a cross-corpus matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emotion.report.page import data_uri, render

TITLES = {
    "war": "WAR",
    "uar": "UAR",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "top2": "top-2 accuracy",
    "ece": "calibration error",
    "coverage": "coverage",
}


def crossval_report(metrics: Mapping[str, Any], *, confusion_png: bytes, title: str) -> str:
    """Return the page of a cross-validation by folds as HTML.

    Args:
        metrics: content of its ``metrics.json``: an evaluation of all videos, with over_folds,
            folds and by.
        confusion_png: plot of the confusion matrix of all videos, PNG.
        title: name of the run.
    """
    return render(
        "crossval.html",
        title=title,
        metrics=metrics,
        titles=TITLES,
        confusion=data_uri(confusion_png, mime="image/png"),
        bars={name: _bar(one) for name, one in metrics["folds"].items()},
    )


def matrix_report(metrics: Mapping[str, Any], *, plots: Mapping[str, bytes], title: str) -> str:
    """Return the page of a cross-corpus matrix as HTML.

    Args:
        metrics: content of its ``metrics.json``: by, names, cells, models, mean.
        plots: PNGs of the matrices by name of the figure: war, uar.
        title: name of the run.
    """
    pictures = {name: data_uri(png, mime="image/png") for name, png in plots.items()}
    return render("matrix.html", title=title, metrics=metrics, plots=pictures, titles=TITLES)


def _bar(one: Mapping[str, Any]) -> dict[str, float]:
    """Return a fold's UAR and its interval as percentages of the bar's width."""
    low, high = one["uar_interval"] or (one["uar"], one["uar"])
    return {"uar": 100 * one["uar"], "low": 100 * low, "width": 100 * (high - low)}
