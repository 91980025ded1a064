"""Options of jobs.tune; imports neither torch nor Ray, so that help starts fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.ranges import at_least, check_ranges
from jobs.common.command import Address

SearchKind = Literal["optuna", "random"]
SchedulerKind = Literal["asha", "none"]
MAY_CHANGE = ("out", "trials", "concurrent", "address")
"""Flags that may differ when a search is resumed."""


@dataclass(frozen=True)
class Config:
    """Flags of jobs.tune.

    Attributes:
        dataset: Folder that jobs.build_dataset made.
        out: Folder for the search; new, or begun by the same command.
        space: NAME=FORM, or a JSON file of them. NAME: a flag of jobs.train, augment.NAME or
            model_args.NAME. FORM: uniform:LOW:HIGH, log:LOW:HIGH, int:LOW:HIGH, choice:A,B,...
        trials: Number of trials.
        concurrent: Number of trials at a time; they share cores, memory and GPUs.
        train: Flags of jobs.train that are equal in all trials, as in --train="--epochs 30".
        search: optuna chooses values by the results of earlier trials; random draws them.
        scheduler: asha stops a trial that is worse than others after as many epochs; none stops no
            trial.
        grace_epochs: Number of first epochs in which no trial is stopped.
        seed: Seed of the search; the seed of training is a flag of jobs.train.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    out: Address
    space: tuple[str, ...]
    trials: int = 20
    concurrent: int = 1
    train: str = ""
    search: SearchKind = "optuna"
    scheduler: SchedulerKind = "asha"
    grace_epochs: int = 5
    seed: int = 0
    address: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self, trials=at_least(1), concurrent=at_least(1), grace_epochs=at_least(1))
