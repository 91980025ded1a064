"""Options of jobs.crossval; imports no large package, so that help is fast."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.common.command import Address


@dataclass(frozen=True)
class Config:
    """Options of jobs.crossval.

    Attributes:
        dataset: Folder that jobs.build_dataset made and jobs.validate_dataset accepted.
        out: Folder for the folds; a new one, or that of the same command, which then resumes.
        by: Column of the dataset's videos that names the folds.
        train: Flags for jobs.train, as in --train="--epochs 40"; not --dataset, --out or --address.
        matrix: Train a model on each value of --by, with the dataset's own splits, and test each
            model on all values.
        seed: Seed of the bootstrap.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    out: Address
    by: str = "fold"
    train: str = ""
    matrix: bool = False
    seed: int = 0
    address: str | None = None
