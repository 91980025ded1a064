"""The three splits, and the split of a subject: a stable hash of its name."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
"""train fits the weights, val chooses among them, only evaluation reads test."""


def assign_split(
    subject_id: str, *, seed: int = 0, train: float = 0.70, val: float = 0.15
) -> Split:
    """Return the split of one subject, which no other subject and no machine changes.

    A small dataset may leave a split empty.

    Args:
        subject_id: any non-empty name.
        seed: another seed gives another, equally stable assignment.
        train: share of subjects in train, 0 to 1.
        val: share of subjects in val; test takes the others.

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
