"""Scores from confusion matrices: counts that are added over batches and ranks, divided once.

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
    """One label's scores, each 0 to 1, and how many examples it has."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """The scores of one confusion matrix; 0 where there is nothing to divide."""

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
        raise ValueError(
            f"class indices must be 0 to {num_classes - 1}, got {both.min()} to {both.max()}"
        )
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    return counts.astype(np.int64).reshape(num_classes, num_classes)


def class_rates(counts_RKC: ArrayLike) -> dict[str, Floats]:
    """Return precision, recall and F1 of each class of several matrices at once.

    Args:
        counts_RKC: (R, K, C), rows true classes, columns predicted ones. C is K or more: a column
            after the first K counts examples without a prediction, which are wrong.

    Returns:
        (R, K) by name; NaN where there is nothing to divide.

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
    """Return the UAR of several matrices: (R,), the mean recall over the classes with examples.

    Args:
        counts_RKC: as ``class_rates`` takes them. A matrix without an example has NaN.

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
    """Return the UAR of one matrix, (K, C); 0 when no class has an example.

    >>> uar([[1, 1, 0], [0, 1, 0], [0, 0, 0]])
    0.75
    """
    return _number(mean_recall(np.asarray(confusion)[None]))


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
    """Return the mean of each row over its values that are not NaN: (R,); NaN for a row of NaN.

    >>> mean_over_classes(np.array([[0.5, np.nan, 1.0]]))
    array([0.75])
    """
    return divide(np.nansum(values_RK, axis=1), (~np.isnan(values_RK)).sum(axis=1))


def divide(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Return ``part / whole`` of each element; NaN where ``whole`` is 0.

    >>> divide([1.0, 0.0], [4.0, 0.0])
    array([0.25,  nan])
    """
    whole_of = np.asarray(whole)
    quotient: Floats = np.divide(
        part, whole_of, out=np.full(whole_of.shape, np.nan), where=whole_of > 0
    )
    return quotient


def _number(value: Floats) -> float:
    """Return an array's one value, 0 for NaN."""
    return float(np.nan_to_num(value).item())
