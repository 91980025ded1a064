"""One trial: jobs.train in a process of its own, its reports to Ray Tune, and what it leaves."""

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
from emotion.train.checkpoint import FACTS, TENSORS, EpochRow, RunState, read_state
from emotion.train.search_trial import Parameters, Status, Trial
from jobs.training import run as training
from jobs.training.fit import OnEpoch
from jobs.training.output import make_package, write_outputs
from jobs.tuning.search import EPOCH, METRIC
from jobs.tuning.space import command_of, trial_config, unused

FAILED, DONE = "failed", "done"
Report = dict[str, Any]
"""What Ray Tune is told: by METRIC, EPOCH, and FAILED and DONE at the end."""


@dataclass(frozen=True)
class Job:
    """What all trials have in common.

    Attributes:
        base: the training that they vary.
        out: folder of the search.
        concurrent: trials at a time.
    """

    base: training.Config
    out: str
    concurrent: int

    def home(self, trial: Trial) -> str:
        """A trial's folder."""
        return storage.join(self.out, "trials", trial.name)

    def config(self, trial: Trial) -> training.Config:
        """A trial's training."""
        run = storage.join(self.home(trial), "run")
        return trial_config(self.base, trial.parameters, out=run)


class TrialRun(ray.tune.Trainable):
    """Ray Tune's side of a trial: the training runs in a thread, each step is an epoch.

    A trial that Ray Tune stops is halted and waited for. Were its process killed, the reservation
    of its workers would outlive it: Ray Train leaves that to an actor which asks the dashboard.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters gives the job
        self, config: dict[str, Any], job: Job
    ) -> None:
        """Begin, or go on."""
        self._rows: queue.Queue[Report | None] = queue.Queue()
        self._halt = Queue(actor_options={"num_cpus": 0})
        trial = Trial(config["number"], config["parameters"])
        self._pool = ThreadPoolExecutor(1)
        work = partial(train_trial, job, trial, halt=self._halt, report=self._rows.put)
        self._ended = self._pool.submit(work)
        self._ended.add_done_callback(lambda _: self._rows.put(None))

    def step(self) -> Report:
        """What the next epoch came to."""
        report = self._rows.get()
        return self._ended.result() if report is None else report

    def cleanup(self) -> None:
        """End after the epoch that is under way."""
        self._halt.put(True)
        self._pool.shutdown()
        self._halt.shutdown()


def train_trial(job: Job, trial: Trial, *, halt: Queue, report: Callable[[Report], None]) -> Report:
    """Train, or go on; ``report`` is told of each epoch but the last, which is returned.

    Training that cannot go on is a bad choice of values and no error of the search. Epochs before
    an interruption are reported again: the scheduler is a new one.
    """
    config = job.config(trial)
    best: list[float] = []

    def heard(row: EpochRow, best_epoch: int, fresh: bool) -> None:
        if row.epoch == len(best) + 1 < config.epochs:
            best.append(max([*best[-1:], row.val_uar]))
            report({EPOCH: row.epoch, METRIC: best[-1]})

    try:
        fault = _train(config, job.concurrent, halt=halt, heard=heard)
    except EmotionError as err:
        return {METRIC: 0.0, FAILED: str(err), DONE: True}
    state = last_state(config.out)
    found = {EPOCH: len(state.history), METRIC: state.best_row.val_uar}
    return found | {FAILED: fault, DONE: True}


def _train(config: training.Config, concurrent: int, *, halt: Queue, heard: OnEpoch) -> str | None:
    """Train to the end; the line that it stopped with before, if any."""
    data = training.read_dataset(config)
    plan = replace(training.plan_worker(config, data), halt=halt)
    training.claim(config, data)
    if is_finished(config.out):
        return None
    loaded = training.starting_weights(plan)
    return training.train(config, data, plan, loaded, runs=concurrent, heard=heard).fault


def is_finished(run: str) -> bool:
    """Whether a run of jobs.train came to its end."""
    return storage.exists(storage.join(run, "metrics.json"))


def last_state(run: str) -> RunState:
    """Where a run is; without weights where it is finished.

    A run that is killed may leave a checkpoint that is not whole: the newest that is, counts. Where
    there is none the history is empty.
    """
    if is_finished(run):
        metrics = storage.read_json(storage.join(run, "metrics.json"))
        return RunState([EpochRow(**row) for row in metrics["history"]], metrics["best_epoch"])
    files = storage.list_files(storage.join(run, "checkpoints"), suffixes=(f"/{FACTS}",))
    for facts in sorted((file.uri for file in files), reverse=True):
        state = _read(facts.rpartition("/")[0])
        if state is not None:
            return state
    return RunState()


def _read(folder: str) -> RunState | None:
    with TemporaryDirectory() as here:
        try:
            for name in (FACTS, TENSORS):
                (Path(here) / name).write_bytes(storage.read_bytes(storage.join(folder, name)))
            return read_state(Path(here))[0]
        except (FileNotFoundError, ValueError, KeyError, SafetensorError):
            return None


def write_trial(job: Job, trial: Trial) -> Trial:
    """Keep what is known of a trial; returned with its command and what it does not use."""
    config = job.config(trial)
    full = replace(trial, unused=unused(job.base, trial.parameters), command=command_of(config))
    storage.write_json(storage.join(job.home(trial), "trial.json"), dataclasses.asdict(full))
    return full


def read_trials(out: str) -> list[Trial]:
    """The trials of a search, by number."""
    files = storage.list_files(storage.join(out, "trials"), suffixes=("/trial.json",))
    rows = [storage.read_json(file.uri) for file in files]
    tuples = ("unused", "curve")
    found = [Trial(**row | {name: tuple(row[name]) for name in tuples}) for row in rows]
    return sorted(found, key=lambda trial: trial.number)


def end_trial(job: Job, number: int, parameters: Parameters, *, error: str | None) -> Trial:
    """Note how a trial ended; one that was stopped early leaves its best package too.

    Args:
        job: what all trials have in common.
        number: of the trial.
        parameters: of the trial.
        error: what its training could not go on with.
    """
    trial = Trial(number, parameters)
    config = job.config(trial)
    state = last_state(config.out)
    status: Status = "failed" if error else "finished" if is_finished(config.out) else "stopped"
    ended = replace(trial, status=status, error=error)
    if state.history:
        ended = _with_figures(ended, state, model_id=_package_id(config, state))
    return write_trial(job, ended)


def settle(job: Job) -> None:
    """Note the end of trials that came to it before they heard that they should stop."""
    for trial in read_trials(job.out):
        if trial.status == "stopped" and is_finished(job.config(trial).out):
            end_trial(job, trial.number, trial.parameters, error=None)


def _package_id(config: training.Config, state: RunState) -> str:
    """Of the package that a finished run left, or that one is left here of what there is."""
    if is_finished(config.out):
        return str(storage.read_json(storage.join(config.out, "metrics.json"))["model_id"])
    data = training.read_dataset(config)
    plan = training.plan_worker(config, data)
    loaded = training.starting_weights(plan)
    package = make_package(state, data, plan, workers=config.workers or "auto", loaded=loaded)
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
    """A trial's package, also as ``target``."""
    source = storage.join(run, "package")
    for file in storage.list_files(source):
        name = storage.relative_to(file.uri, source)
        storage.write_bytes(storage.join(target, name), storage.read_bytes(file.uri))
