"""Options of jobs.crossval; imports no large package, so that help is fast."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.common.command import Address


@dataclass(frozen=True)
class Config:
    """Options of jobs.crossval.

    Attributes:
        dataset: Valid dataset: a folder that jobs.build_dataset made.
        out: Folder for the results: new, or begun by the same command, which then resumes.
        by: Column of the table videos that names the folds: fold, corpus, or an additional column
            of the label table.
        train: Flags of jobs.train for every fold, as in --train="--epochs 40"; all flags except
            --dataset, --out and --address.
        matrix: Train one model per value of --by (such as corpus) with the splits of the dataset,
            and test each model on the test people of all values.
        seed: Seed of the bootstrap, which gives the intervals.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    out: Address
    by: str = "fold"
    train: str = ""
    matrix: bool = False
    seed: int = 0
    address: str | None = None
