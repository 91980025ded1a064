"""Search over training recipes on the driver: check the inputs, run Ray Tune, write results."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import ray.tune
from ray.tune.experiment import Trial as TuneTrial

from emotion.errors import InputError
from emotion.train.search_space import largest_int, num_points
from emotion.train.search_trial import Trial, ranked
from jobs.common import cluster
from jobs.ledger import output
from jobs.ledger.lock import held
from jobs.training.input import TrainInput
from jobs.training.options import Config as TrainConfig
from jobs.training.run import read_dataset
from jobs.tuning.options import MAY_CHANGE, Config
from jobs.tuning.output import write_search
from jobs.tuning.search import make_scheduler, make_search, parameters_text
from jobs.tuning.space import Space, base_config, check_space, models_of, read_space
from jobs.tuning.trial import (
    FAILED,
    SharedSetup,
    TrialRun,
    correct_statuses,
    end_trial,
    read_trials,
    write_trial,
)

TUNE_ENV = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # OUT/trials already holds their data
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C works as in every other job
    "TUNE_FORCE_TRIAL_CLEANUP_S": "86400",  # a stopped trial may finish its epoch
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints tables even with verbose=0
}
DRIVER_CPUS = 0.01
"""CPUs reserved for the process that waits for a trial's workers; Ray needs a number above 0."""
RETRIES = 2
"""Number of retries of a trial whose process died; a retry resumes from the checkpoint."""


def run(config: Config) -> Trial:
    """Search or resume a search; return the best trial.

    Raises:
        InputError: if the input is wrong, or no trial finished an epoch.
    """
    base = base_config(config.train, dataset=config.dataset)
    space, data = read_space(config.space), read_dataset(base)
    check_space(space, base, data, flags=config.train)
    _check_size(config, space, base)
    _claim(config, space, data)
    setup = SharedSetup(base, config.out, config.concurrent)
    with held(config.out):
        ended = _ended(read_trials(config.out))
        if len(ended) >= config.trials:
            print(f"{len(ended)} trials are done: nothing to do", flush=True)
        else:
            # Ray warns if many processes start at once; each trial has about eight processes.
            os.environ.setdefault(
                "RAY_worker_maximum_startup_concurrency", str(4 * (config.concurrent + 1))
            )
            with cluster.session(config.address):
                _search(config, setup, space)
            ended = _ended(read_trials(config.out))
        flags = {"search": config.search, "scheduler": config.scheduler, "seed": config.seed}
        return write_search(setup, space, ended, data, search_flags=flags)


def _ended(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.status != "begun"]


def _check_size(config: Config, space: Space, base: TrainConfig) -> None:
    size = num_points(space)
    if config.trials > size:
        raise InputError(f"--space has {size:.0f} points and --trials is {config.trials}; lower it")
    most_epochs = largest_int(space, "epochs", base.epochs)
    if config.scheduler == "asha" and config.grace_epochs > most_epochs:
        raise InputError(
            f"--grace-epochs is {config.grace_epochs}, trials have {most_epochs}; lower it or take "
            "--scheduler none"
        )


def _claim(config: Config, space: Space, data: TrainInput) -> None:
    """Check that this search may write into --out, and store its flags there.

    --out must be new, or begun by the same command on the same dataset.
    """
    settings = asdict(config) | {"dimensions": [asdict(dimension) for dimension in space]}
    settings |= {"dataset_digest": data.digest}
    output.claim(config.out, settings, job="jobs.tune", may_change=(*MAY_CHANGE, "space"))


def _search(config: Config, setup: SharedSetup, space: Space) -> None:
    earlier = read_trials(config.out)
    ended = _ended(earlier)
    if earlier:
        print(f"resuming: {len(ended)} of {config.trials} trials are done", flush=True)
    search = make_search(
        space,
        models_of(space, setup.base),
        kind=config.search,
        seed=config.seed,
        earlier=earlier,
        on_trial_begin=partial(write_trial, setup),
    )
    scheduler = make_scheduler(
        config.scheduler,
        grace_epochs=config.grace_epochs,
        max_epochs=largest_int(space, "epochs", setup.base.epochs),
        earlier=earlier,
    )
    os.environ.update(TUNE_ENV)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    trainable = ray.tune.with_parameters(TrialRun, setup=setup)
    with tempfile.TemporaryDirectory() as scratch:  # for Ray Tune's own files, which are not kept
        results = ray.tune.Tuner(
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
                callbacks=[TrialEnds(setup)],
            ),
        ).fit()
    correct_statuses(setup)
    if results.errors:
        raise results.errors[0]


class TrialEnds(ray.tune.Callback):
    """Callback that stores and prints the result of each trial."""

    def __init__(self, setup: SharedSetup) -> None:
        self._setup = setup

    def on_trial_complete(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """Store and print the result of a trial that finished or was stopped."""
        chosen = trial.config
        error = trial.last_result.get(FAILED)
        ended = end_trial(self._setup, chosen["number"], chosen["parameters"], error=error)
        best = ranked(_ended(read_trials(self._setup.out)))
        print(trial_line(ended, best=bool(best) and best[0].number == ended.number), flush=True)


def trial_line(trial: Trial, *, best: bool) -> str:
    """Return the line that is printed after a trial.

    >>> trial_line(Trial(3, {"lr": 0.001}, "stopped", (), "", (0.5,), 1, 0.5, wall_s=9), best=True)
    'trial 003  stopped   after   1 epochs  val uar 0.500 (epoch 1)  9 s  lr=0.001  best'
    """
    mark = "  best" if best else ""
    uar = "none" if trial.val_uar is None else f"{trial.val_uar:.3f} (epoch {trial.best_epoch})"
    error = f"  {trial.error}" if trial.error else ""
    return (
        f"trial {trial.name}  {trial.status:8}  after {len(trial.curve):>3} epochs  val uar {uar}  "
        f"{trial.wall_s:.0f} s  {parameters_text(trial.applied)}{mark}{error}"
    )
