"""Search for a better training recipe: many trials of jobs.train, judged on val.

    python -m jobs.tune --dataset URI --out URI --trials 20 --concurrent 2 --train="--epochs 30" \\
        --space lr=log:1e-4:1e-2 batch_size=choice:8,16,32 mixup=uniform:0:0.4

Leaves OUT/best (the model package of the best trial), trials.parquet, trials.json, parallel.png,
parallel.svg, report.html, and OUT/trials/NUMBER/run (see jobs.train). The same command again goes
on; with more --trials it goes further. No trial reads the test split.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import ray.tune
from ray.tune.experiment import Trial as TuneTrial

from emotion.errors import InputError
from emotion.ranges import at_least, check_ranges
from emotion.train.search_trial import Trial, ranked
from jobs.common import cluster
from jobs.common.command import Address, one_line_errors, parse
from jobs.ledger import output
from jobs.ledger.lock import held
from jobs.training import run as training
from jobs.training.input import TrainInput
from jobs.tuning.output import write_search
from jobs.tuning.search import (
    Scheduler,
    Search,
    make_scheduler,
    make_search,
    max_epochs,
    parameters_text,
)
from jobs.tuning.space import Space, base_config, check_space, models_of, read_space
from jobs.tuning.trial import FAILED, Job, TrialRun, end_trial, read_trials, settle, write_trial

MAY_CHANGE = ("out", "trials", "concurrent", "address")
"""Flags that may differ when a search goes on."""
TUNE_ENV = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # OUT/trials has all that they would write
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # as in every other job
    "TUNE_FORCE_TRIAL_CLEANUP_S": "86400",  # a stopped trial is in the middle of an epoch
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints tables at any verbosity
}
DRIVER_CPUS = 0.01
"""Of the process that waits for a trial's workers; Ray wants more than none."""
RETRIES = 2
"""Of a trial whose process died; it goes on from its checkpoint."""


@dataclass(frozen=True)
class Config:
    """What to search.

    Attributes:
        dataset: Folder that jobs.build_dataset made.
        out: Folder for the search; new, or begun by the same command.
        space: NAME=FORM, or a JSON file of them. NAME: a flag of jobs.train, augment.NAME or
            model_args.NAME. FORM: uniform:LOW:HIGH, log:LOW:HIGH, int:LOW:HIGH, choice:A,B,...
        trials: How many to try.
        concurrent: Trials at a time; they share cores, memory and GPUs.
        train: Flags for jobs.train that are the same in all trials, as in --train="--epochs 30".
        search: optuna chooses by what came of the trials before; random does not.
        scheduler: asha stops trials that are behind others after as many epochs; none does not.
        grace_epochs: No trial is stopped before these.
        seed: Of the search; that of training is a flag of jobs.train.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    out: Address
    space: tuple[str, ...]
    trials: int = 20
    concurrent: int = 1
    train: str = ""
    search: Search = "optuna"
    scheduler: Scheduler = "asha"
    grace_epochs: int = 5
    seed: int = 0
    address: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self, trials=at_least(1), concurrent=at_least(1), grace_epochs=at_least(1))


def run(config: Config) -> Trial:
    """Search, or go on; returns the best trial.

    Raises:
        InputError: if something given is not what it must be, or no trial has a model.
    """
    base = base_config(config.train, dataset=config.dataset)
    space, data = read_space(config.space), training.read_dataset(base)
    check_space(space, base, data, flags=config.train)
    _check_size(config, space, base)
    _claim(config, space, data)
    job = Job(base, config.out, config.concurrent)
    with held(config.out):
        ended = [trial for trial in read_trials(config.out) if trial.status != "begun"]
        if len(ended) >= config.trials:
            print(f"{len(ended)} trials are done: nothing to do", flush=True)
        else:
            # Ray warns of more processes than it expects: each trial has about eight.
            os.environ.setdefault(
                "RAY_worker_maximum_startup_concurrency", str(4 * (config.concurrent + 1))
            )
            with cluster.session(config.address):
                _search(config, job, space)
            ended = [trial for trial in read_trials(config.out) if trial.status != "begun"]
        seen = {"search": config.search, "scheduler": config.scheduler, "seed": config.seed}
        return write_search(job, space, ended, data, seen=seen)


def _check_size(config: Config, space: Space, base: training.Config) -> None:
    size = 1.0
    for dimension in space:
        size *= dimension.num_values
    if config.trials > size:
        raise InputError(f"--space has {size:.0f} points and --trials is {config.trials}; lower it")
    most = max_epochs(space, base.epochs)
    if config.scheduler == "asha" and config.grace_epochs > most:
        raise InputError(
            f"--grace-epochs is {config.grace_epochs}, trials have {most}; lower it or take "
            "--scheduler none"
        )


def _claim(config: Config, space: Space, data: TrainInput) -> None:
    """Take --out for this search: new, or begun by the same command on the same dataset."""
    settings = asdict(config) | {"dimensions": [asdict(dimension) for dimension in space]}
    settings |= {"dataset_digest": data.digest}
    output.claim(config.out, settings, job="jobs.tune", may_change=(*MAY_CHANGE, "space"))


def _search(config: Config, job: Job, space: Space) -> None:
    known = read_trials(config.out)
    ended = [trial for trial in known if trial.status != "begun"]
    if known:
        print(f"going on: {len(ended)} of {config.trials} trials are done", flush=True)
    search = make_search(
        space,
        models_of(space, job.base),
        kind=config.search,
        seed=config.seed,
        known=known,
        note=partial(write_trial, job),
    )
    scheduler = make_scheduler(
        config.scheduler,
        grace_epochs=config.grace_epochs,
        max_epochs=max_epochs(space, job.base.epochs),
        known=known,
    )
    os.environ.update(TUNE_ENV)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    trainable = ray.tune.with_parameters(TrialRun, job=job)
    with tempfile.TemporaryDirectory() as scratch:  # nothing of Ray Tune's own is kept
        found = ray.tune.Tuner(
            ray.tune.with_resources(trainable, {"CPU": DRIVER_CPUS}),
            tune_config=ray.tune.TuneConfig(
                search_alg=search,
                scheduler=scheduler,
                num_samples=config.trials - len(ended),
                max_concurrent_trials=config.concurrent,
                reuse_actors=False,  # each trial begins in a new process
            ),
            run_config=ray.tune.RunConfig(
                name="search",
                storage_path=scratch,
                verbose=0,
                checkpoint_config=ray.tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=ray.tune.FailureConfig(max_failures=RETRIES),
                callbacks=[Teller(job, config.trials)],
            ),
        ).fit()
    settle(job)
    if found.errors:
        raise found.errors[0]


class Teller(ray.tune.Callback):
    """Notes how each trial ended, and says so in a line."""

    def __init__(self, job: Job, total: int) -> None:
        self._job, self._total = job, total

    def on_trial_complete(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """A trial came to its end or was stopped."""
        asked = trial.config
        error = trial.last_result.get(FAILED)
        ended = end_trial(self._job, asked["number"], asked["parameters"], error=error)
        best = ranked([t for t in read_trials(self._job.out) if t.status != "begun"])
        print(trial_line(ended, best=bool(best) and best[0].number == ended.number), flush=True)


def trial_line(trial: Trial, *, best: bool) -> str:
    """One line of progress.

    >>> trial_line(Trial(3, {"lr": 0.001}, "stopped", (), "", (0.5,), 1, 0.5, wall_s=9), best=True)
    'trial 003  stopped   after   1 epochs  val uar 0.500 (epoch 1)  9 s  lr=0.001  best'
    """
    mark = "  best" if best else ""
    uar = "none" if trial.val_uar is None else f"{trial.val_uar:.3f} (epoch {trial.best_epoch})"
    why = f"  {trial.error}" if trial.error else ""
    return (
        f"trial {trial.name}  {trial.status:8}  after {len(trial.curve):>3} epochs  val uar {uar}  "
        f"{trial.wall_s:.0f} s  {parameters_text(trial.applied)}{mark}{why}"
    )


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every trial has ended."""
    config = parse(Config, argv, verb="jobs.tune", doc=__doc__)
    best = run(config)
    print(
        f"best is trial {best.name}: val uar {best.val_uar:.3f} (clips), after epoch "
        f"{best.best_epoch} of {len(best.curve)}; of the best of many, an optimistic figure\n"
        f"  {best.command}\n"
        f"model {best.model_id}: {config.out}/best\nreport: {config.out}/report.html"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
