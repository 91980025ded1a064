"""Options of jobs.tune; this module imports neither torch nor Ray, so that --help is fast."""

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
        out: Folder for the search: new, or begun by the same command, which then resumes.
        space: Search space as NAME=FORM ..., or one JSON file that maps NAME to FORM. NAME: a flag
            of jobs.train, augment.NAME or model_args.NAME. FORM: uniform:LOW:HIGH, log:LOW:HIGH,
            int:LOW:HIGH or choice:A,B,...
        trials: Number of trials in total, at least 1.
        concurrent: Number of trials that run at the same time, at least 1; they share cores,
            memory and GPUs.
        train: Flags of jobs.train that are the same in all trials, as in --train="--epochs 30".
        search: Choice of values: optuna uses the results of earlier trials; random draws values
            independently of them.
        scheduler: Early stop of trials: asha stops a trial that is worse than other trials were
            after the same number of epochs; none stops no trial.
        grace_epochs: Number of epochs before asha may stop a trial, at least 1.
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
