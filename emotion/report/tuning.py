"""The page of a hyperparameter search (``jobs.tune``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotion.report.compare import cell_text
from emotion.report.page import data_uri, fixed, hms, render
from emotion.train.search_space import Dimension
from emotion.train.search_trial import Trial, ranked


def tuning_report(
    trials: Sequence[Trial],
    *,
    space: Sequence[Dimension],
    parallel_png: bytes,
    title: str,
    data: Mapping[str, Any],
) -> str:
    """Return the page of a search as HTML.

    Args:
        trials: trials that ended; at least one has a val UAR.
        space: the dimensions of the search.
        parallel_png: plot of parallel coordinates, PNG.
        title: name of the search.
        data: facts by name: search, scheduler, seed, train_clips, val_clips, val_subjects.
    """
    order = ranked(trials)
    without_uar = [trial for trial in trials if trial.val_uar is None]
    counts = {s: sum(t.status == s for t in trials) for s in ("finished", "stopped", "failed")}
    return render(
        "tuning.html",
        title=title,
        best=order[0],
        rows=[_row(trial, space) for trial in (*order, *without_uar)],
        names=[dimension.name for dimension in space],
        dimensions=[(dimension.name, form(dimension)) for dimension in space],
        counts=counts,
        num_trials=len(trials),
        wall=hms(sum(trial.wall_s for trial in trials)),
        plot=data_uri(parallel_png, mime="image/png"),
        data=data,
    )


def form(dimension: Dimension) -> str:
    """Return the range or the choices of a dimension as text.

    >>> form(Dimension("lr", "log", 0.0001, 0.01))
    '0.0001 to 0.01, evenly in the logarithm'
    """
    if dimension.kind == "choice":
        return ", ".join(dimension.choices)
    scale = {"log": ", evenly in the logarithm", "int": ", whole numbers"}.get(dimension.kind, "")
    return f"{dimension.low:g} to {dimension.high:g}{scale}"


def _row(trial: Trial, space: Sequence[Dimension]) -> dict[str, Any]:
    applied = trial.applied
    return {
        "name": trial.name,
        "status": trial.status,
        "error": trial.error,
        "uar": fixed(trial.val_uar),
        "war": fixed(trial.val_war),
        "width": 100 * (trial.val_uar or 0.0),
        "best_epoch": cell_text(trial.best_epoch),
        "epochs": len(trial.curve),
        "wall": hms(trial.wall_s),
        "values": [cell_text(applied.get(dimension.name)) for dimension in space],
    }
