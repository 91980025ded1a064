"""One trial of a search: a run of jobs.train under Ray Tune, its reports and its stored result."""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray.tune
from ray.util.queue import Queue
from safetensors import SafetensorError

from emotion import storage
from emotion.errors import EmotionError
from emotion.train.checkpoint import STATE_FILE, TENSORS_FILE, RunState, read_state
from emotion.train.history import EpochRow
from emotion.train.search_trial import Parameters, Status, Trial, best_so_far
from jobs.training import run as training
from jobs.training.fit import OnEpochEnd
from jobs.training.options import Config as TrainConfig
from jobs.training.output import make_package, write_outputs
from jobs.tuning.search import EPOCH, METRIC
from jobs.tuning.space import command_of, trial_config, unused

FAILED, DONE = "failed", "done"
Report = dict[str, Any]
"""Report of an epoch to Ray Tune with METRIC and EPOCH; the last one also has FAILED and DONE."""


@dataclass(frozen=True)
class SharedSetup:
    """Setup that all trials share.

    Attributes:
        base: flags of jobs.train; each trial changes some of them.
        out: folder of the search.
        concurrent: number of trials that run at the same time.
    """

    base: TrainConfig
    out: str
    concurrent: int

    def home(self, trial: Trial) -> str:
        """Return the folder of a trial."""
        return storage.join(self.out, "trials", trial.name)

    def config(self, trial: Trial) -> TrainConfig:
        """Return the Config of jobs.train for a trial."""
        run = storage.join(self.home(trial), "run")
        return trial_config(self.base, trial.parameters, out=run)


class TrialRun(ray.tune.Trainable):
    """Process of a trial under Ray Tune: the training runs in a thread, each step is one epoch.

    When Ray Tune stops a trial, the training finishes its epoch and then ends. The process must not
    be killed, because then the resources of its workers would stay reserved: Ray Train frees them
    with an actor that needs Ray's dashboard.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters passes the shared setup
        self, config: dict[str, Any], setup: SharedSetup
    ) -> None:
        """Begin or resume the trial."""
        self._reports: queue.Queue[Report | None] = queue.Queue()
        self._halt = Queue(actor_options={"num_cpus": 0})
        trial = Trial(config["number"], config["parameters"])
        self._pool = ThreadPoolExecutor(1)
        work = partial(train_trial, setup, trial, halt=self._halt, on_report=self._reports.put)
        self._last_report = self._pool.submit(work)
        self._last_report.add_done_callback(lambda _: self._reports.put(None))

    def step(self) -> Report:
        """Return the report of the next epoch."""
        report = self._reports.get()
        return self._last_report.result() if report is None else report

    def cleanup(self) -> None:
        """Stop the training and wait until its epoch has ended."""
        self._halt.put(True)
        self._pool.shutdown()
        self._halt.shutdown()


def train_trial(
    setup: SharedSetup, trial: Trial, *, halt: Queue, on_report: Callable[[Report], None]
) -> Report:
    """Train or resume; call ``on_report`` for each epoch except the last; return the last report.

    An error of the training means that the values of the trial are bad. It ends the trial, but not
    the search. After an interruption the earlier epochs are reported again, because the scheduler
    is new.
    """
    config = setup.config(trial)
    uars: list[float] = []

    def report_epoch(row: EpochRow, best_epoch: int, is_new: bool) -> None:
        if row.epoch == len(uars) + 1 < config.epochs:
            uars.append(row.val_uar)
            on_report({EPOCH: row.epoch, METRIC: best_so_far(uars)[-1]})

    try:
        fault = _train(config, setup.concurrent, halt=halt, on_epoch_end=report_epoch)
    except EmotionError as err:
        return {METRIC: 0.0, FAILED: str(err), DONE: True}
    state = last_state(config.out)
    figures = {EPOCH: len(state.history), METRIC: state.best_row.val_uar}
    return figures | {FAILED: fault, DONE: True}


def _train(
    config: TrainConfig, concurrent: int, *, halt: Queue, on_epoch_end: OnEpochEnd
) -> str | None:
    """Train to the end; return the message of the error that stopped the training, or None."""
    data = training.read_dataset(config)
    plan = replace(training.plan_worker(config, data), halt=halt)
    training.claim(config, data)
    if is_finished(config.out):
        return None
    pretrained = training.starting_weights(plan)
    result = training.train(
        config, data, plan, pretrained, runs=concurrent, on_epoch_end=on_epoch_end
    )
    return result.fault


def is_finished(run: str) -> bool:
    """Return True if a run of jobs.train is finished."""
    return storage.exists(storage.join(run, "metrics.json"))


def last_state(run: str) -> RunState:
    """Read the state of a run from metrics.json, or else from its newest complete checkpoint.

    The state of a finished run has no weights. Without a complete checkpoint the history is empty.
    """
    if is_finished(run):
        metrics = storage.read_json(storage.join(run, "metrics.json"))
        return RunState([EpochRow(**row) for row in metrics["history"]], metrics["best_epoch"])
    files = storage.list_files(storage.join(run, "checkpoints"), suffixes=(f"/{STATE_FILE}",))
    for facts in sorted((file.uri for file in files), reverse=True):
        state = _read(facts.rpartition("/")[0])
        if state is not None:
            return state
    return RunState()


def _read(folder: str) -> RunState | None:
    with TemporaryDirectory() as local:
        try:
            for name in (STATE_FILE, TENSORS_FILE):
                (Path(local) / name).write_bytes(storage.read_bytes(storage.join(folder, name)))
            return read_state(Path(local))[0]
        except (FileNotFoundError, ValueError, KeyError, SafetensorError):
            return None


def write_trial(setup: SharedSetup, trial: Trial) -> Trial:
    """Write OUT/trials/NUMBER/trial.json; return the trial with ``command`` and ``unused`` set."""
    config = setup.config(trial)
    full = replace(trial, unused=unused(setup.base, trial.parameters), command=command_of(config))
    storage.write_json(storage.join(setup.home(trial), "trial.json"), dataclasses.asdict(full))
    return full


def read_trials(out: str) -> list[Trial]:
    """Read the trials of a search, in order of their numbers."""
    files = storage.list_files(storage.join(out, "trials"), suffixes=("/trial.json",))
    rows = [storage.read_json(file.uri) for file in files]
    tuples = ("unused", "curve")
    trials = [Trial(**row | {name: tuple(row[name]) for name in tuples}) for row in rows]
    return sorted(trials, key=lambda trial: trial.number)


def end_trial(
    setup: SharedSetup, number: int, parameters: Parameters, *, error: str | None
) -> Trial:
    """Store the result of a trial that ended, and return it.

    For a trial that was stopped early, also write the package of its best epoch.

    Args:
        setup: setup that all trials share.
        number: number of the trial.
        parameters: parameters of the trial.
        error: message of the error that ended its training, or None.
    """
    trial = Trial(number, parameters)
    config = setup.config(trial)
    state = last_state(config.out)
    status: Status = "failed" if error else "finished" if is_finished(config.out) else "stopped"
    ended = replace(trial, status=status, error=error)
    if state.history:
        ended = _with_figures(ended, state, model_id=_package_id(config, state))
    return write_trial(setup, ended)


def correct_statuses(setup: SharedSetup) -> None:
    """Correct the status of trials that finished while the scheduler was stopping them."""
    for trial in read_trials(setup.out):
        if trial.status == "stopped" and is_finished(setup.config(trial).out):
            end_trial(setup, trial.number, trial.parameters, error=None)


def _package_id(config: TrainConfig, state: RunState) -> str:
    """Return the model_id of a run; if the run is not finished, write its package first."""
    if is_finished(config.out):
        return str(storage.read_json(storage.join(config.out, "metrics.json"))["model_id"])
    data = training.read_dataset(config)
    plan = training.plan_worker(config, data)
    pretrained = training.starting_weights(plan)
    workers = config.workers or "auto"
    package = make_package(
        state, data, plan, workers=workers, pretrained=pretrained, domain=config.domain
    )
    write_outputs(config.out, state, package, fault="stopped by the search")
    return package.model_id


def _with_figures(trial: Trial, state: RunState, *, model_id: str) -> Trial:
    best = state.best_row
    return replace(
        trial,
        curve=tuple(row.val_uar for row in state.history),
        best_epoch=best.epoch,
        val_uar=best.val_uar,
        val_war=best.val_war,
        val_loss=best.val_loss,
        wall_s=sum(row.wall_s for row in state.history),
        model_id=model_id,
    )


def copy_package(run: str, target: str) -> None:
    """Copy the package of the run folder ``run`` to the folder ``target``."""
    source = storage.join(run, "package")
    for file in storage.list_files(source):
        name = storage.relative_to(file.uri, source)
        storage.write_bytes(storage.join(target, name), storage.read_bytes(file.uri))
