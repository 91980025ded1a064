"""The three splits, and the assignment of subjects to them by a stable hash of the name."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
"""train is used to fit weights, val to choose among them, test only to evaluate."""


def assign_split(
    subject_id: str, *, seed: int = 0, train: float = 0.70, val: float = 0.15
) -> Split:
    """Return the split of one subject.

    It depends only on the arguments: it is the same on every machine and with any other subjects.
    The shares are expected values. In a small dataset a split may be empty.

    Args:
        subject_id: any non-empty name.
        seed: another seed gives another, equally stable assignment.
        train: expected share of subjects in train, 0 to 1.
        val: expected share of subjects in val, 0 to 1; test gets the others.

    Raises:
        ValueError: if the name is empty, a share is negative, or they sum to more than 1.

    >>> [assign_split(name) for name in ("s000", "s001", "s002")]
    ['test', 'train', 'val']
    """
    if not subject_id:
        raise ValueError("subject_id is empty")
    if min(train, val) < 0 or train + val > 1 + 1e-9:
        raise ValueError(
            f"shares train {train} and val {val} must be 0 or more and sum to at most 1"
        )
    digest = hashlib.sha256(f"{seed}:{subject_id}".encode()).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    if place < train:
        return "train"
    return "val" if place < train + val else "test"
