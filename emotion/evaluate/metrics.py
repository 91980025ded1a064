"""Scores from one confusion matrix: counts that are added over batches and ranks, divided once.

WAR (weighted average recall) is accuracy. UAR (unweighted average recall) is the mean of the
classes' recalls, so that a rare class weighs as much as a common one; the two are always reported
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Confusion = NDArray[np.int64]


@dataclass(frozen=True)
class ClassScore:
    """One label's scores, each 0 to 1, and how many examples it has."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """All that a confusion matrix says; 0 where there is nothing to divide."""

    war: float
    uar: float
    macro_f1: float
    per_class: dict[str, ClassScore]
    confusion: list[list[int]]
    weighted_f1: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Plain values, as stored in ``metrics.json`` and the model package."""
        return {
            "war": self.war,
            "uar": self.uar,
            "macro_f1": self.macro_f1,
            "weighted_f1": self.weighted_f1,
            "per_class": {label: dict(vars(score)) for label, score in self.per_class.items()},
            "confusion": self.confusion,
        }


def confusion_counts(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], *, num_classes: int
) -> Confusion:
    """Count pairs of class indices.

    Args:
        truth: (N,) 0 to num_classes - 1.
        predicted: (N,) likewise.
        num_classes: K.

    Returns:
        (K, K) int64; row is the truth, column the prediction.

    Raises:
        ValueError: if lengths differ or an index is out of range.

    >>> confusion_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), num_classes=2)
    array([[1, 1],
           [0, 1]])
    """
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(f"truth {truth.shape} and predicted {predicted.shape} must be (N,) alike")
    both = np.concatenate([truth, predicted])
    if both.size and not (both.min() >= 0 and both.max() < num_classes):
        raise ValueError(f"class indices {both.min()} to {both.max()} are not below {num_classes}")
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    return counts.astype(np.int64).reshape(num_classes, num_classes)


def uar(confusion: Confusion) -> float:
    """Mean recall over the classes that have examples; 0 when none has.

    >>> uar(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
    0.75
    """
    support = confusion.sum(axis=1)
    present = support > 0
    if not present.any():
        return 0.0
    return float(np.mean(confusion.diagonal()[present] / support[present]))


def scores(confusion: Confusion, labels: Sequence[str]) -> Scores:
    """Turn counts into scores.

    A class without examples is left out of UAR and, if it was never predicted either, out of macro
    F1 (as scikit-learn does, where a class is one that occurs in the truth or the predictions).
    Weighted F1 is the mean F1 by support.

    Args:
        confusion: (K, K) as ``confusion_counts`` makes it.
        labels: K names in class_index order.

    Raises:
        ValueError: if the matrix does not fit the labels.

    >>> scores(np.array([[3, 1], [0, 4]]), ("calm", "tense")).war
    0.875
    """
    if confusion.shape != (len(labels), len(labels)):
        raise ValueError(f"confusion {confusion.shape} does not fit {len(labels)} labels")
    support, guesses = confusion.sum(axis=1), confusion.sum(axis=0)
    hits = confusion.diagonal()
    per_class = {
        label: ClassScore(
            precision=_share(hits[k], guesses[k]),
            recall=_share(hits[k], support[k]),
            f1=_share(2 * hits[k], support[k] + guesses[k]),
            support=int(support[k]),
        )
        for k, label in enumerate(labels)
    }
    seen = [per_class[label].f1 for k, label in enumerate(labels) if support[k] + guesses[k] > 0]
    return Scores(
        war=_share(hits.sum(), confusion.sum()),
        uar=uar(confusion),
        macro_f1=float(np.mean(seen)) if seen else 0.0,
        per_class=per_class,
        confusion=confusion.tolist(),
        weighted_f1=_share(
            sum(one.f1 * one.support for one in per_class.values()),
            confusion.sum(),
        ),
    )


def _share(part: np.int64 | float, whole: np.int64) -> float:
    return float(part / whole) if whole else 0.0
