"""Folds of subjects for a cross-validation, with about equal shares of every label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from emotion.corpora.subjects import ranked


def fold_subjects(
    labels_of: Mapping[str, Sequence[str]], num_folds: int, *, seed: int = 0
) -> dict[str, int]:
    """Divide subjects into folds in which every label has about the same number of videos.

    Subjects are taken in order of falling unevenness of their labels. Each goes to the fold with
    which the numbers of videos by label differ least between folds (the greedy rule of
    scikit-learn's ``StratifiedGroupKFold``). Equal ones are taken in a random order.

    Args:
        labels_of: labels of the videos of each subject.
        num_folds: number of folds, 2 to the number of subjects.
        seed: seed of the order among equal subjects.

    Returns:
        The fold of each subject, 0 to ``num_folds`` - 1; no fold is empty.

    Raises:
        ValueError: if there are fewer subjects than folds, or fewer than two folds.

    >>> fold_subjects({"a": ["sad"], "b": ["happy"], "c": ["sad"], "d": ["happy"]}, 2)
    {'d': 0, 'a': 1, 'c': 0, 'b': 1}
    """
    if not 2 <= num_folds <= len(labels_of):
        raise ValueError(f"{len(labels_of)} subjects cannot be divided into {num_folds} folds")
    names = sorted({label for labels in labels_of.values() for label in labels})
    counts = {
        subject: np.array([Counter(labels)[name] for name in names], np.float64)
        for subject, labels in labels_of.items()
    }
    total_L = sum(counts.values(), np.zeros(len(names)))
    order = sorted(ranked(counts, seed=seed), key=lambda s: -float(counts[s].std()))
    sums_FL = np.zeros((num_folds, len(names)))
    sizes = np.zeros(num_folds, int)
    fold_of: dict[str, int] = {}
    for place, subject in enumerate(order):
        empty = np.flatnonzero(sizes == 0)
        must_fill = len(order) - place <= len(empty)
        candidates = empty if must_fill else np.arange(num_folds)
        costs = []
        for fold in candidates:
            after = sums_FL.copy()
            after[fold] += counts[subject]
            costs.append((float((after / total_L).std(axis=0).mean()), int(sizes[fold]), int(fold)))
        best = min(costs)[2]
        sums_FL[best] += counts[subject]
        sizes[best] += 1
        fold_of[subject] = best
    return fold_of
