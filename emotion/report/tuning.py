"""The page of a search for a better recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotion.report.compare import cell
from emotion.report.page import data_uri, hms, render
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
    """Render the page.

    Args:
        trials: those that ended; one at least has a val UAR.
        space: what was varied.
        parallel_png: the plot of parallel coordinates.
        title: name of the search.
        data: search, scheduler, seed; train_clips, val_clips, val_subjects.
    """
    order = ranked(trials)
    rest = [trial for trial in trials if trial.val_uar is None]
    counts = {s: sum(t.status == s for t in trials) for s in ("finished", "stopped", "failed")}
    return render(
        "tuning.html",
        title=title,
        best=order[0],
        rows=[_row(trial, space) for trial in (*order, *rest)],
        names=[dimension.name for dimension in space],
        dimensions=[(dimension.name, form(dimension)) for dimension in space],
        counts=counts,
        num_trials=len(trials),
        wall=hms(sum(trial.wall_s for trial in trials)),
        plot=data_uri(parallel_png, mime="image/png"),
        data=data,
    )


def form(dimension: Dimension) -> str:
    """A dimension for a person.

    >>> form(Dimension("lr", "log", 0.0001, 0.01))
    '0.0001 to 0.01, evenly in the logarithm'
    """
    if dimension.kind == "choice":
        return ", ".join(dimension.choices)
    scale = {"log": ", evenly in the logarithm", "int": ", whole numbers"}.get(dimension.kind, "")
    return f"{dimension.low:g} to {dimension.high:g}{scale}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _row(trial: Trial, space: Sequence[Dimension]) -> dict[str, Any]:
    applied = trial.applied
    return {
        "name": trial.name,
        "status": trial.status,
        "error": trial.error,
        "uar": _share(trial.val_uar),
        "war": _share(trial.val_war),
        "width": 100 * (trial.val_uar or 0.0),
        "best_epoch": cell(trial.best_epoch),
        "epochs": len(trial.curve),
        "wall": hms(trial.wall_s),
        "values": [cell(applied.get(dimension.name)) for dimension in space],
    }
