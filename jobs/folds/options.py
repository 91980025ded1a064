"""Options of jobs.crossval; imports no large package, so that help is fast."""

from __future__ import annotations

from dataclasses import dataclass

from emotion.errors import InputError
from jobs.common.command import Address

MIN_FOLDS = 3
"""Smallest number of folds: one for test, one for val, one for train."""


@dataclass(frozen=True)
class Config:
    """Options of jobs.crossval.

    Attributes:
        dataset: Valid dataset: a folder that jobs.build_dataset made.
        out: Folder for the results: new, or begun by the same command, which then resumes.
        by: Column of the table videos that names the folds: fold, corpus, or an additional column
            of the label table.
        split: Origin of the folds. column: the column of --by. kfold:N: N folds of subjects, at
            least 3, with about equal shares of every label. subject: each subject is a fold
            (leave one subject out).
        train: Flags of jobs.train for every fold, as in --train="--epochs 40"; all flags except
            --dataset, --out and --address.
        matrix: Train one model per value of --by (such as corpus) with the splits of the dataset,
            and test each model on the test people of all values.
        seed: Seed of the bootstrap, which gives the intervals, and of the folds of --split kfold:N.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    out: Address
    by: str = "fold"
    split: str = "column"
    train: str = ""
    matrix: bool = False
    seed: int = 0
    address: str | None = None

    def __post_init__(self) -> None:
        if self.num_folds is not None and self.num_folds < MIN_FOLDS:
            raise InputError(f"--split {self.split}: at least kfold:{MIN_FOLDS} is needed")
        if self.split not in ("column", "subject") and self.num_folds is None:
            raise InputError(f"--split must be column, kfold:N or subject, got {self.split}")
        if self.split != "column" and (self.by != "fold" or self.matrix):
            raise InputError(f"--split {self.split} makes the folds: leave out --by and --matrix")

    @property
    def num_folds(self) -> int | None:
        """Number N of ``kfold:N``; None for other values."""
        kind, _, number = self.split.partition(":")
        return int(number) if kind == "kfold" and number.isdigit() else None
