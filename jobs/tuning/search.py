"""Search algorithm and scheduler: they choose the values of trials and stop bad trials early.

When a search is resumed, both get the earlier trials from OUT/trials. No state of Ray Tune or
Optuna is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from emotion.train.search_space import Dimension
from emotion.train.search_trial import Parameters, Trial
from jobs.tuning.options import SchedulerKind, SearchKind
from jobs.tuning.space import Space, ends

METRIC, EPOCH = "best_val_uar", "epoch"
"""Keys of a trial's reports: val UAR of its best epoch so far, and number of finished epochs."""
REDUCTION = 3
"""Reduction factor of ASHA: one of 3 trials that reach a rung continues."""


class NumberedSearch(OptunaSearch):
    """Search by Optuna that numbers the trials and first repeats interrupted ones.

    Args:
        space: Optuna's distributions by dimension name.
        sampler: sampler of Optuna.
        earlier: trials of earlier runs. The sampler gets the results of trials that ended; trials
            that were begun and did not end are repeated with the same number and values.
        on_trial_begin: callback with every trial before it begins.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        *,
        sampler: optuna.samplers.BaseSampler,
        earlier: Sequence[Trial],
        on_trial_begin: Callable[[Trial], object],
    ) -> None:
        begun = [trial for trial in earlier if trial.status == "begun"]
        super().__init__(
            dict(space),
            metric=METRIC,
            mode="max",
            points_to_evaluate=[dict(trial.parameters) for trial in begun],
            sampler=sampler,
        )
        for trial in earlier:
            if trial.status != "begun":
                self.add_evaluated_point(dict(trial.parameters), trial.score)
        self._begun = [trial.number for trial in begun]
        self._next_number = max((trial.number + 1 for trial in earlier), default=0)
        self._on_trial_begin = on_trial_begin

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Return the number and the parameters of the next trial."""
        parameters: dict[str, Any] = super().suggest(trial_id) or {}
        number = self._begun.pop(0) if self._begun else self._next_number
        self._next_number = max(self._next_number, number + 1)
        self._on_trial_begin(Trial(number, parameters))
        return {"number": number, "parameters": parameters}


def make_search(
    space: Space,
    models: Sequence[str],
    *,
    kind: SearchKind,
    seed: int,
    earlier: Sequence[Trial],
    on_trial_begin: Callable[[Trial], object],
) -> NumberedSearch:
    """Return a search with Optuna's tree-structured Parzen estimator (TPE), or a random search.

    The seed of the sampler is ``seed`` plus the number of ``earlier`` trials, so that a resumed
    search draws new values.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler_seed = seed + len(earlier)
    sampler = (
        optuna.samplers.TPESampler(seed=sampler_seed)
        if kind == "optuna"
        else optuna.samplers.RandomSampler(seed=sampler_seed)
    )
    distributions = {dimension.name: distribution(dimension, models) for dimension in space}
    return NumberedSearch(
        distributions, sampler=sampler, earlier=earlier, on_trial_begin=on_trial_begin
    )


def distribution(dimension: Dimension, models: Sequence[str]) -> BaseDistribution:
    """Return the distribution of Optuna for a dimension."""
    if dimension.kind == "choice":
        return CategoricalDistribution(ends(dimension, models))
    if dimension.kind == "int":
        return IntDistribution(int(dimension.low), int(dimension.high))
    return FloatDistribution(dimension.low, dimension.high, log=dimension.kind == "log")


def make_scheduler(
    kind: SchedulerKind, *, grace_epochs: int, max_epochs: int, earlier: Sequence[Trial]
) -> TrialScheduler:
    """Return an ASHA scheduler (Li et al. 2020), or one that stops no trial.

    ASHA compares a trial after ``grace_epochs`` epochs, after three times as many, and so on. It
    stops the trial if it is not in the best third of all trials that were compared at that epoch.
    The ``earlier`` trials that ended are included.
    """
    if kind == "none":
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    scheduler = ASHAScheduler(
        time_attr=EPOCH,
        metric=METRIC,
        mode="max",
        max_t=max_epochs,
        grace_period=grace_epochs,
        reduction_factor=REDUCTION,
    )
    for trial in earlier:
        if trial.status != "begun":
            replay(scheduler, trial)
    return scheduler


def replay(scheduler: ASHAScheduler, trial: Trial) -> None:
    """Report the epochs of a trial that ended in an earlier run to a scheduler."""
    controller: Any = None  # ASHA does not use it
    stub = TuneTrial("earlier", stub=True)
    scheduler.on_trial_add(controller, stub)
    for epoch, best_uar in enumerate(trial.best_curve, 1):
        scheduler.on_trial_result(controller, stub, {EPOCH: epoch, METRIC: best_uar})
    scheduler.on_trial_remove(controller, stub)


def parameters_text(parameters: Parameters) -> str:
    """Return parameters as text for a printed line.

    >>> parameters_text({"lr": 0.00123456, "model": "r3d_lite"})
    'lr=0.00123 model=r3d_lite'
    """
    return " ".join(f"{name}={short(value)}" for name, value in parameters.items())


def short(value: object) -> str:
    """Return a float with three significant digits, and any other value as text.

    >>> short(0.00012345), short(16), short("cnn_gru")
    ('0.000123', '16', 'cnn_gru')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)
