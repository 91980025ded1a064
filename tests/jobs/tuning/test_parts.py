"""Parts of a search: choice of values, early stop, stored trials, plot and page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.tune.experiment import Trial as TuneTrial

from emotion.errors import InputError
from emotion.models.registry import build_model
from emotion.package.model_package import load_package
from emotion.report.parallel_plot import UNUSED_AT, heights, parallel_plot, position
from emotion.report.tuning import tuning_report
from emotion.train.checkpoint import RunState, save_state
from emotion.train.history import EpochRow
from emotion.train.learner import make_learner
from emotion.train.recipe import Recipe
from emotion.train.search_space import Dimension, largest_int, parse_space
from emotion.train.search_trial import Trial, Value, ranked
from jobs.common import cluster
from jobs.training.fit import WorkerCount, scaling
from jobs.training.input import read_input
from jobs.tuning.output import trials_table, write_search
from jobs.tuning.search import EPOCH, METRIC, make_scheduler, make_search
from jobs.tuning.space import base_config
from jobs.tuning.trial import SharedSetup, end_trial, last_state, read_trials, write_trial
from tests.helpers.drawn_dataset import write_dataset

SPACE = parse_space(["lr=log:1e-4:1e-2", "model=choice:r3d_lite,cnn_gru", "epochs=int:4:12"])
MODELS = ("r3d_lite", "cnn_gru")
CHOSEN: dict[str, Value] = {"lr": 0.001, "model": "r3d_lite", "epochs": 4}


SEARCH_FLAGS: dict[str, Any] = {"search": "optuna", "scheduler": "asha", "seed": 0}


def ended(number: int, uar: float | None, **more: object) -> Trial:
    trial = Trial(number, CHOSEN, "finished", curve=(uar or 0.0,), val_uar=uar, val_war=uar)
    return replace(trial, **more)  # type: ignore[arg-type]


def test_trials_are_ranked() -> None:
    """Trials are ranked by UAR, then loss, then number; one without UAR is left out."""
    trials = [
        ended(0, 0.5, val_loss=2.0),
        ended(1, None, status="failed"),
        ended(2, 0.5, val_loss=1.0),
        ended(3, 0.75, val_loss=9.0),
        ended(4, 0.5, val_loss=1.0),
    ]
    assert [trial.number for trial in ranked(trials)] == [3, 2, 4, 0]
    assert ranked([]) == []


@pytest.mark.parametrize("kind", ["optuna", "random"])
def test_a_search_numbers_its_trials(kind: str) -> None:
    """A begun trial comes first with its values; new trials are stored and numbered."""
    begun = Trial(1, CHOSEN | {"lr": 0.005})
    known = [ended(0, 0.5), begun, ended(2, None, status="failed")]
    noted: list[Trial] = []
    search = make_search(
        SPACE,
        MODELS,
        kind=kind,  # type: ignore[arg-type]
        seed=0,
        earlier=known,
        on_trial_begin=noted.append,
    )
    first, second, third = (search.suggest(name) for name in "abc")
    assert first == {"number": 1, "parameters": begun.parameters}
    assert (second["number"], third["number"]) == (3, 4)
    assert [trial.number for trial in noted] == [1, 3, 4]
    for suggested in (second, third):
        values = suggested["parameters"]
        assert 1e-4 <= values["lr"] <= 1e-2 and 4 <= values["epochs"] <= 12
        assert values["model"] in MODELS
    assert second["parameters"] != third["parameters"]
    search.on_trial_result("a", {METRIC: 0.4, "training_iteration": 1})
    search.on_trial_complete("a", {METRIC: 0.4})


@pytest.mark.parametrize(
    "texts, expected",
    [(["lr=log:1:2"], 7), (["epochs=int:4:12"], 12), (["epochs=choice:5,20,8"], 20)],
)
def test_the_most_epochs(texts: list[str], expected: int) -> None:
    assert largest_int(parse_space(texts), "epochs", 7) == expected


def test_asha_has_seen_the_trials_before() -> None:
    """Rungs at 2 and 6: the cutoff at 2 is the 67th percentile of 0.5 and 0.6, 0.567."""
    known = [ended(0, 0.5, curve=(0.2, 0.5, 0.4)), ended(1, 0.6, curve=(0.6, 0.1))]
    scheduler = make_scheduler("asha", grace_epochs=2, max_epochs=12, earlier=known)
    controller: Any = None
    for uar, says in ((0.56, "STOP"), (0.61, "CONTINUE")):
        trial = TuneTrial("new", stub=True)
        scheduler.on_trial_add(controller, trial)
        assert scheduler.on_trial_result(controller, trial, {EPOCH: 1, METRIC: 0.0}) == "CONTINUE"
        assert scheduler.on_trial_result(controller, trial, {EPOCH: 2, METRIC: uar}) == says
    none = make_scheduler("none", grace_epochs=2, max_epochs=12, earlier=known)
    assert none.on_trial_result(controller, trial, {EPOCH: 2, METRIC: 0.0}) == "CONTINUE"


def row(epoch: int, uar: float) -> EpochRow:
    return EpochRow(epoch, 1.0, 1.0, uar, uar, 1.0, 1.0, [[1, 0, 0], [0, 1, 0], [0, 0, 1]])


def checkpoint(folder: Path, epochs: int, *, num_classes: int = 2) -> None:
    model = build_model("r3d_lite", num_classes, {"width": 4})
    learner = make_learner(model, "r3d_lite", Recipe(epochs=3, lr=0.1))
    state = RunState()
    for epoch in range(1, epochs + 1):
        logits, targets = np.zeros((1, num_classes), np.float32), np.zeros(1, np.int64)
        state.add(row(epoch, epoch / 10), model, (logits, targets, ()))
    folder.mkdir(parents=True)
    save_state(folder, state, learner)


def test_the_newest_whole_checkpoint_counts(tmp_path: Path) -> None:
    """A killed run leaves a cut file, or no file, in the newest folders."""
    assert last_state(str(tmp_path)).history == []
    checkpoints = tmp_path / "checkpoints"
    for number in (1, 2, 3):
        checkpoint(checkpoints / f"checkpoint_2026-01-01_00-00-0{number}", number)
    assert len(last_state(str(tmp_path)).history) == 3
    cut = checkpoints / "checkpoint_2026-01-01_00-00-03/state.safetensors"
    cut.write_bytes(cut.read_bytes()[:1000])
    assert last_state(str(tmp_path)).best_row.val_uar == 0.2
    (checkpoints / "checkpoint_2026-01-01_00-00-02/state.safetensors").unlink()
    state = last_state(str(tmp_path))
    assert (len(state.history), set(state.best) > {"stem.weight"}) == (1, True)
    (checkpoints / "checkpoint_2026-01-01_00-00-01/state.json").write_text("{")
    assert last_state(str(tmp_path)).history == []


@pytest.mark.parametrize(
    "cpus, gpus, runs, expected",
    [
        (2, 0, 1, (1, {"CPU": 1.0})),
        (2, 0, 2, (1, {"CPU": 0.5})),
        (16, 0, 4, (1, {"CPU": 1.0})),
        (16, 4, 1, (4, {"CPU": 1.0, "GPU": 1.0})),
        (16, 4, 2, (2, {"CPU": 1.0, "GPU": 1.0})),
        (16, 2, 3, (1, {"CPU": 1.0, "GPU": 0.5})),
    ],
)
def test_runs_share_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    cpus: int,
    gpus: int,
    runs: int,
    expected: tuple[int, dict[str, float]],
) -> None:
    monkeypatch.setattr(cluster, "cluster_resources", lambda: {"CPU": cpus, "GPU": gpus})
    config = scaling(WorkerCount.parse(None, runs=runs))
    assert (config.num_workers, config.resources_per_worker) == expected


@pytest.mark.parametrize(
    "dimension, value, expected",
    [
        (Dimension("a", "uniform", 0, 10), 2.5, 0.25),
        (Dimension("a", "int", 2, 4), 3, 0.5),
        (Dimension("a", "log", 0.001, 0.1), 0.01, 0.5),
        (Dimension("a", "choice", choices=("8", "16")), 16, 1.0),
        (Dimension("a", "choice", choices=("1e-3", "0.1")), 0.001, 0.0),
        (Dimension("a", "choice", choices=("true", "false")), False, 1.0),
        (Dimension("a", "choice", choices=("x", "y")), None, None),
    ],
)
def test_places_on_an_axis(dimension: Dimension, value: float, expected: float) -> None:
    assert position(dimension, value) == expected


def test_lines_through_one_choice_lie_side_by_side() -> None:
    axis = Dimension("model", "choice", choices=("a", "b"))
    trials = [Trial(n, {"model": m}, val_uar=0.5) for n, m in enumerate("aab")]
    unused = [replace(trials[0], unused=("model",))]
    assert heights(trials, [axis]) == [[0.05], [-0.05], [1.0]]
    assert heights(unused, [axis]) == [[UNUSED_AT]]


def test_the_plot_and_the_page() -> None:
    trials = [
        ended(0, 0.5, wall_s=61.0),
        ended(1, 0.25, status="stopped"),
        ended(2, None, status="failed", error="the loss is <nan>"),
    ]
    plot = parallel_plot(ranked(trials), SPACE)
    assert plot.png.startswith(b"\x89PNG") and b"<svg" in plot.svg
    assert parallel_plot(ranked(trials), SPACE) == plot
    data = SEARCH_FLAGS | {"train_clips": 21, "val_clips": 9, "val_subjects": 3}
    page = tuning_report(trials, space=SPACE, parallel_png=plot.png, title="a <b>", data=data)
    assert "a &lt;b&gt;" in page and "the loss is &lt;nan&gt;" in page
    assert "is optimistic" in page and "0.0001 to 0.01, evenly in the logarithm" in page
    assert re.findall(r"<td>(00\d)</td>", page) == ["000", "001", "002"]
    assert not re.search(r"(src|href)=\"http", page)


def test_the_table_has_a_column_per_dimension() -> None:
    trials = [ended(0, 0.5, unused=("lr",)), ended(1, None, status="failed", error="so")]
    table = trials_table(trials, SPACE).to_pydict()
    assert table["lr"] == [None, 0.001]
    assert table["model"] == ["r3d_lite", "r3d_lite"]
    assert (table["val_uar"], table["error"]) == ([0.5, None], [None, "so"])


def test_a_failed_trial_is_kept_with_its_message(tmp_path: Path) -> None:
    data = read_input(str(write_dataset(tmp_path / "d")), labels=None)
    setup = SharedSetup(
        base_config("--epochs 3", dataset=data.uri), str(tmp_path / "o"), concurrent=1
    )
    write_trial(setup, Trial(0, CHOSEN))
    assert [trial.status for trial in read_trials(setup.out)] == ["begun"]
    failed = end_trial(setup, 0, CHOSEN, error="the loss is nan")
    assert (failed.status, failed.val_uar, failed.score) == ("failed", None, 0.0)
    (kept,) = read_trials(setup.out)
    assert kept.command == "--epochs 4 --lr 0.001"
    assert kept == failed
    with pytest.raises(InputError, match="finished an epoch; the first error: the loss is nan"):
        write_search(setup, SPACE, [kept], data, search_flags={})


def test_a_stopped_trial_leaves_its_best_package(tmp_path: Path) -> None:
    data = read_input(str(write_dataset(tmp_path / "d")), labels=None)
    base = base_config("--model-args width=4", dataset=data.uri)
    setup, chosen = SharedSetup(base, str(tmp_path / "o"), 1), {"lr": 0.01}
    run = Path(setup.config(Trial(5, chosen)).out)
    checkpoint(run / "checkpoints/checkpoint_a", 2, num_classes=3)
    stopped = end_trial(setup, 5, chosen, error=None)
    assert (stopped.status, stopped.curve, stopped.best_epoch) == ("stopped", (0.1, 0.2), 2)
    package = load_package(str(run / "package"))
    assert (package.model_id, package.training["lr"]) == (stopped.model_id, 0.01)
    assert not (run / "metrics.json").exists()
    best = write_search(
        setup, parse_space(["lr=log:0.001:0.1"]), [stopped], data, search_flags=SEARCH_FLAGS
    )
    assert best == stopped
    assert load_package(str(tmp_path / "o/best")).model_id == stopped.model_id
