"""Folds of subjects: each subject in one fold, no fold empty, labels evenly spread."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from emotion.evaluate.subject_folds import fold_subjects


def unevenness(labels_of: dict[str, list[str]], folds: list[list[str]]) -> float:
    """Return the mean deviation between folds of the shares of each label."""
    names = sorted({label for labels in labels_of.values() for label in labels})
    counts = [Counter(label for s in fold for label in labels_of[s]) for fold in folds]
    table = np.array([[count[name] for name in names] for count in counts], float)
    return float((table / table.sum(axis=0)).std(axis=0).mean())


@pytest.mark.parametrize("num_folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_labels_are_spread_about_as_well_as_by_scikit_learn(num_folds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels_of = {
        f"s{n}": [str(c) for c in rng.choice(list("abc"), rng.integers(1, 9), p=[0.6, 0.3, 0.1])]
        for n in range(30)
    }
    fold_of = fold_subjects(labels_of, num_folds, seed=seed)
    assert fold_of.keys() == labels_of.keys() and set(fold_of.values()) == set(range(num_folds))
    ours = [[s for s in labels_of if fold_of[s] == k] for k in range(num_folds)]
    groups = [s for s, labels in labels_of.items() for _ in labels]
    truth = [label for labels in labels_of.values() for label in labels]
    split = StratifiedGroupKFold(num_folds).split(np.zeros(len(truth)), truth, groups)
    theirs = [sorted({groups[k] for k in test}) for _, test in split]
    assert unevenness(labels_of, ours) <= unevenness(labels_of, theirs) + 0.02  # greedy, both
    dealt = [sorted(labels_of)[k::num_folds] for k in range(num_folds)]
    assert unevenness(labels_of, ours) < 0.8 * unevenness(labels_of, dealt)


def test_small_cases_worked_out_by_hand() -> None:
    two = {"a": ["x"], "b": ["y"], "c": ["x"], "d": ["y"]}
    folds = fold_subjects(two, 2)
    assert folds["a"] != folds["c"] and folds["b"] != folds["d"]
    assert sorted(fold_subjects({"a": ["x"], "b": ["x"], "c": []}, 3).values()) == [0, 1, 2]
    assert fold_subjects(two, 2, seed=1) == fold_subjects(dict(reversed(two.items())), 2, seed=1)


@pytest.mark.parametrize("num_folds", [0, 1, 3])
def test_too_few_subjects_or_folds(num_folds: int) -> None:
    with pytest.raises(ValueError, match="cannot be divided"):
        fold_subjects({"a": ["x"], "b": ["y"]}, num_folds)
