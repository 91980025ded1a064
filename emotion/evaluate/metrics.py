"""Scores from confusion matrices, whose counts are added over batches and ranks and divided once.

WAR (weighted average recall) is accuracy. UAR (unweighted average recall) is the mean of the
classes' recalls, so that a rare class weighs as much as a common one. Every report shows both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Confusion = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassScore:
    """Scores of one label, each 0 to 1, and its number of examples (``support``)."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """Scores of one confusion matrix, each 0 to 1; 0 where the divisor is 0."""

    war: float
    uar: float
    macro_f1: float
    per_class: dict[str, ClassScore]
    confusion: list[list[int]]
    weighted_f1: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return plain values, as stored in ``metrics.json`` and the model package."""
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
        predicted: (N,) 0 to num_classes - 1.
        num_classes: K.

    Returns:
        (K, K) int64; rows are true classes, columns predicted ones.

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
        raise ValueError(
            f"class indices must be 0 to {num_classes - 1}, got {both.min()} to {both.max()}"
        )
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    return counts.astype(np.int64).reshape(num_classes, num_classes)


def class_rates(counts_RKC: ArrayLike) -> dict[str, Floats]:
    """Return precision, recall and f1 of each class of R matrices.

    Args:
        counts_RKC: (R, K, C); rows are true classes, columns predicted ones. C is K or more: a
            column after the first K counts examples without a prediction, which count as wrong.

    Returns:
        (R, K) by name; NaN where the divisor is 0.

    >>> class_rates([[[3, 1], [0, 0]]])["recall"]
    array([[0.75,  nan]])
    """
    counts = np.asarray(counts_RKC)
    hits = np.diagonal(counts, axis1=1, axis2=2)
    support, predicted = counts.sum(axis=2), counts.sum(axis=1)[:, : counts.shape[1]]
    return {
        "precision": divide(hits, predicted),
        "recall": divide(hits, support),
        "f1": divide(2 * hits, support + predicted),
    }


def mean_recall(counts_RKC: ArrayLike) -> Floats:
    """Return the UAR of R matrices: (R,), the mean recall over the classes that have examples.

    Args:
        counts_RKC: (R, K, C), as for ``class_rates``. A matrix without an example gives NaN.

    >>> mean_recall([[[1, 1, 0], [0, 1, 0], [0, 0, 0]]])
    array([0.75])
    """
    return mean_over_classes(class_rates(counts_RKC)["recall"])


def war(confusion: ArrayLike) -> float:
    """Return the WAR of one matrix, (K, C): the share of right predictions; 0 without an example.

    >>> war([[3, 1], [0, 4]])
    0.875
    """
    counts = np.asarray(confusion)
    return _number(divide(np.trace(counts), counts.sum()))


def uar(confusion: ArrayLike) -> float:
    """Return the UAR of one matrix, (K, C); 0 if no class has an example.

    >>> uar([[1, 1, 0], [0, 1, 0], [0, 0, 0]])
    0.75
    """
    return _number(mean_recall(np.asarray(confusion)[None]))


def scores(confusion: Confusion, labels: Sequence[str]) -> Scores:
    """Return the scores of one confusion matrix.

    A class without examples is left out of UAR. If it was never predicted either, it is also left
    out of macro F1, as in scikit-learn, where a class is one that occurs in the truth or the
    predictions. Weighted F1 is the mean F1, weighted by support.

    Args:
        confusion: (K, K), a result of ``confusion_counts``.
        labels: K names in class_index order.

    Raises:
        ValueError: if the matrix is not (K, K) for K labels.

    >>> scores(np.array([[3, 1], [0, 4]]), ("calm", "tense")).war
    0.875
    """
    if confusion.shape != (len(labels), len(labels)):
        raise ValueError(f"confusion {confusion.shape} does not fit {len(labels)} labels")
    rates = class_rates(confusion[None])
    support = confusion.sum(axis=1)
    per_class = {
        label: ClassScore(
            precision=_number(rates["precision"][:, k]),
            recall=_number(rates["recall"][:, k]),
            f1=_number(rates["f1"][:, k]),
            support=int(support[k]),
        )
        for k, label in enumerate(labels)
    }
    weighted = sum(one.f1 * one.support for one in per_class.values())
    return Scores(
        war=war(confusion),
        uar=uar(confusion),
        macro_f1=_number(mean_over_classes(rates["f1"])),
        per_class=per_class,
        confusion=confusion.tolist(),
        weighted_f1=_number(divide(weighted, confusion.sum())),
    )


def mean_over_classes(values_RK: Floats) -> Floats:
    """Return the mean of each row, (R,), without NaN values; NaN for a row that has only NaN.

    >>> mean_over_classes(np.array([[0.5, np.nan, 1.0]]))
    array([0.75])
    """
    return divide(np.nansum(values_RK, axis=1), (~np.isnan(values_RK)).sum(axis=1))


def divide(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Return ``part / whole``, element by element; NaN where ``whole`` is 0.

    >>> divide([1.0, 0.0], [4.0, 0.0])
    array([0.25,  nan])
    """
    whole_of = np.asarray(whole)
    quotient: Floats = np.divide(
        part, whole_of, out=np.full(whole_of.shape, np.nan), where=whole_of > 0
    )
    return quotient


def _number(value: Floats) -> float:
    """Return the only value of an array; 0 for NaN."""
    return float(np.nan_to_num(value).item())
