"""Splits by subject, drawn at random, of all subjects or of those in a corpus's train."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from emotion.errors import InputError


def ranked(subjects: Iterable[str], *, seed: int) -> list[str]:
    """Return each subject once, in a random order that depends only on the names and ``seed``.

    >>> ranked(["a", "b", "c", "a"], seed=0) == ranked(["c", "a", "b"], seed=0)
    True
    """
    names = set(subjects)
    return sorted(names, key=lambda n: (hashlib.sha256(f"{seed}:{n}".encode()).digest(), n))


def split_subjects(
    subjects: Iterable[str], *, seed: int, val_share: float, test_share: float
) -> dict[str, str]:
    """Return the split of each subject; the shares are rounded to whole subjects.

    A share above 0 gets at least one subject, test before val, as long as one is left for train.
    So no split of a small corpus is empty by chance (``emotion.splits`` can leave one empty).

    >>> sorted(split_subjects("abcd", seed=0, val_share=0.1, test_share=0.1).values())
    ['test', 'train', 'train', 'val']
    >>> split_subjects("a", seed=0, val_share=0.1, test_share=0.1)
    {'a': 'train'}

    Raises:
        InputError: if a share is negative or the two shares sum to 1 or more.
    """
    if min(val_share, test_share) < 0 or val_share + test_share >= 1:
        raise InputError(
            f"shares of val {val_share} and test {test_share} must be 0 or more, together below 1"
        )
    order = ranked(subjects, seed=seed)
    spare = max(len(order) - 1, 0)
    num_test = min(_count(test_share, len(order)), spare)
    num_val = min(_count(val_share, len(order)), spare - num_test)
    names = ["test"] * num_test + ["val"] * num_val
    return dict(zip(order, names + ["train"] * (len(order) - len(names)), strict=True))


def _count(share: float, total: int) -> int:
    return max(1, round(share * total)) if share > 0 else 0
