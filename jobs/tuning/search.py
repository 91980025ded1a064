"""Which values a search tries next, and when a trial is not worth going on with.

Both begin with what OUT/trials says of an earlier run of the same search, so that nothing of Ray
Tune's or Optuna's own has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

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
from jobs.tuning.space import Space, ends

Search = Literal["optuna", "random"]
Scheduler = Literal["asha", "none"]
METRIC, EPOCH = "best_val_uar", "epoch"
"""What a trial reports: val UAR of its best epoch so far, and epochs done."""
REDUCTION = 3
"""Of the trials that reach a rung of ASHA, one in so many goes on."""


class NumberedSearch(OptunaSearch):
    """Optuna's choices, each with the number of its trial; trials that were begun come first.

    Args:
        space: by name.
        sampler: draws.
        known: trials of earlier runs; those that have ended teach the sampler.
        note: is told of every trial before it begins.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        *,
        sampler: optuna.samplers.BaseSampler,
        known: Sequence[Trial],
        note: Callable[[Trial], object],
    ) -> None:
        begun = [trial for trial in known if trial.status == "begun"]
        super().__init__(
            dict(space),
            metric=METRIC,
            mode="max",
            points_to_evaluate=[dict(trial.parameters) for trial in begun],
            sampler=sampler,
        )
        for trial in known:
            if trial.status != "begun":
                self.add_evaluated_point(dict(trial.parameters), trial.score)
        self._begun = [trial.number for trial in begun]
        self._free = max((trial.number + 1 for trial in known), default=0)
        self._note = note

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The number and the parameters of the next trial."""
        parameters: dict[str, Any] = super().suggest(trial_id) or {}
        number = self._begun.pop(0) if self._begun else self._free
        self._free = max(self._free, number + 1)
        self._note(Trial(number, parameters))
        return {"number": number, "parameters": parameters}


def make_search(
    space: Space,
    models: Sequence[str],
    *,
    kind: Search,
    seed: int,
    known: Sequence[Trial],
    note: Callable[[Trial], object],
) -> NumberedSearch:
    """Optuna's tree of Parzen estimators, or chance; draws on are not the draws before."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draws = seed + len(known)
    sampler = (
        optuna.samplers.TPESampler(seed=draws)
        if kind == "optuna"
        else optuna.samplers.RandomSampler(seed=draws)
    )
    found = {dimension.name: distribution(dimension, models) for dimension in space}
    return NumberedSearch(found, sampler=sampler, known=known, note=note)


def distribution(dimension: Dimension, models: Sequence[str]) -> BaseDistribution:
    """A dimension as Optuna has it."""
    if dimension.kind == "choice":
        return CategoricalDistribution(ends(dimension, models))
    if dimension.kind == "int":
        return IntDistribution(int(dimension.low), int(dimension.high))
    return FloatDistribution(dimension.low, dimension.high, log=dimension.kind == "log")


def make_scheduler(
    kind: Scheduler, *, grace_epochs: int, max_epochs: int, known: Sequence[Trial]
) -> TrialScheduler:
    """ASHA (Li et al. 2020), which has seen the trials that ended; or none.

    A trial is measured after ``grace_epochs``, three times as many, and so on, and stopped where
    it is not in the best third of those that were measured there before it.
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
    for trial in known:
        if trial.status != "begun":
            replay(scheduler, trial)
    return scheduler


def replay(scheduler: ASHAScheduler, trial: Trial) -> None:
    """Let a scheduler see a trial that ended in an earlier run."""
    nobody: Any = None  # ASHA asks nothing of the controller
    stub, best = TuneTrial("known", stub=True), 0.0
    scheduler.on_trial_add(nobody, stub)
    for epoch, uar in enumerate(trial.curve, 1):
        best = max(best, uar)
        scheduler.on_trial_result(nobody, stub, {EPOCH: epoch, METRIC: best})
    scheduler.on_trial_remove(nobody, stub)


def max_epochs(space: Space, default: int) -> int:
    """The most epochs that a trial may have."""
    return next(
        (int(d.high or max(map(int, d.choices))) for d in space if d.name == "epochs"), default
    )


def parameters_text(parameters: Parameters) -> str:
    """For a line of progress.

    >>> parameters_text({"lr": 0.00123456, "model": "r3d_lite"})
    'lr=0.00123 model=r3d_lite'
    """
    return " ".join(f"{name}={short(value)}" for name, value in parameters.items())


def short(value: object) -> str:
    """Three digits of a real number; anything else as it is.

    >>> short(0.00012345), short(16), short("cnn_gru")
    ('0.000123', '16', 'cnn_gru')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)
