"""Results of a search: table, plot, HTML page, and the package of the best trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from emotion import storage
from emotion.errors import InputError
from emotion.report.page import name_of
from emotion.report.parallel_plot import parallel_plot
from emotion.report.tuning import tuning_report
from emotion.train.search_trial import Trial, ranked
from jobs.training.input import TrainInput
from jobs.tuning.space import Space
from jobs.tuning.trial import SharedSetup, copy_package


def write_search(
    setup: SharedSetup,
    space: Space,
    trials: Sequence[Trial],
    data: TrainInput,
    *,
    search_flags: dict[str, Any],
) -> Trial:
    """Write the results of a search, ``trials.json`` last; return the best trial.

    Args:
        setup: setup that all trials share.
        space: dimensions of the search.
        trials: trials that ended.
        data: dataset of the trials.
        search_flags: flags of the search, for the page.

    Raises:
        InputError: if no trial finished an epoch.
    """
    order = ranked(trials)
    if not order:
        first = next((trial.error for trial in trials if trial.error), "there is none")
        raise InputError(f"no trial of {setup.out} finished an epoch; the first error: {first}")
    best = order[0]
    copy_package(setup.config(best).out, storage.join(setup.out, "best"))
    plot = parallel_plot(order, space)
    storage.write_bytes(storage.join(setup.out, "parallel.png"), plot.png)
    storage.write_bytes(storage.join(setup.out, "parallel.svg"), plot.svg)
    page = tuning_report(
        trials,
        space=space,
        parallel_png=plot.png,
        title=name_of(setup.out),
        data=search_flags | _facts(data),
    )
    storage.write_bytes(storage.join(setup.out, "report.html"), page.encode())
    storage.write_table(storage.join(setup.out, "trials.parquet"), trials_table(trials, space))
    facts = {"best": best.number, "model_id": best.model_id, "val_uar": best.val_uar}
    rows = [dataclasses.asdict(trial) for trial in trials]
    storage.write_json(storage.join(setup.out, "trials.json"), facts | {"trials": rows})
    return best


def _facts(data: TrainInput) -> dict[str, Any]:
    return {
        "train_clips": data.num_train,
        "val_clips": data.num_val,
        "val_subjects": data.val_subjects,
    }


def trials_table(trials: Sequence[Trial], space: Space) -> pa.Table:
    """Return one row per trial, with ``COLUMNS`` and one column per dimension.

    A value is null if the dimension has no effect in that trial.
    """
    rows = []
    for trial in trials:
        facts = dataclasses.asdict(trial)
        for name in ("parameters", "unused", "curve"):
            facts.pop(name)
        rows.append(facts | {"epochs": len(trial.curve)})
    table = pa.Table.from_pylist(rows, schema=COLUMNS)
    for dimension in space:
        column = pa.array([trial.applied.get(dimension.name) for trial in trials])
        table = table.append_column(dimension.name, column)
    return table


COLUMNS = pa.schema(
    [
        ("number", pa.int32()),
        ("status", pa.string()),
        ("val_uar", pa.float64()),
        ("val_war", pa.float64()),
        ("val_loss", pa.float64()),
        ("best_epoch", pa.int32()),
        ("epochs", pa.int32()),
        ("wall_s", pa.float64()),
        ("model_id", pa.string()),
        ("error", pa.string()),
        ("command", pa.string()),
    ]
)
"""First columns of trials.parquet; one column per dimension follows."""
