"""ROC and precision-recall curves of one label against the others, and the areas below them.

Equal scores give one threshold, so that the order of rows does not matter. The average precision is
the sum over thresholds of precision times the increase in recall, without interpolation, as
scikit-learn defines it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotion.evaluate.bootstrap import draws, intervals, subject_names
from emotion.evaluate.metrics import mean_over_classes
from emotion.evaluate.outcome import Outcome

Floats = NDArray[np.float64]
MAX_POINTS = 201  # stored points of one curve; the area is computed from all points
MAX_CELLS = 2_000_000  # resamples times videos in memory at a time: 16 MB per array


@dataclass(frozen=True)
class Curve:
    """A curve and its area.

    Attributes:
        x: false positive rate, or recall; from 0 to 1.
        y: true positive rate, or precision.
        area: AUC, or average precision; 0 to 1.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


@dataclass(frozen=True)
class LabelCurves:
    """Curves by label, with the mean areas; a label that all or no examples have is left out.

    Attributes:
        roc: ROC curve by label.
        pr: precision-recall curve by label.
        auc: mean of the ROC areas; None without a curve.
        average_precision: mean of the areas of ``pr``; None without a curve.
    """

    roc: dict[str, Curve]
    pr: dict[str, Curve]
    auc: float | None
    average_precision: float | None


def roc(truth: ArrayLike, score: ArrayLike) -> Curve:
    """Return the ROC curve: true positive rate over false positive rate, (0, 0) to (1, 1).

    Args:
        truth: (N,) 0 or 1, with at least one of each.
        score: (N,) scores; a higher score means a more probable 1.

    >>> roc([0, 1, 1], [0.1, 0.8, 0.3]).area
    1.0
    """
    hits_M, alarms_M = _cumulative(truth, score)
    x_M, y_M = alarms_M / alarms_M[-1], hits_M / hits_M[-1]
    area = float(np.sum(np.diff(x_M) * (y_M[1:] + y_M[:-1]) / 2))
    return _thin(x_M, y_M, area)


def precision_recall(truth: ArrayLike, score: ArrayLike) -> Curve:
    """Return the curve of precision over recall.

    Its first point is recall 0 with precision 1, by definition.

    Args:
        truth: (N,) 0 or 1, with at least one of each.
        score: (N,) scores; a higher score means a more probable 1.

    >>> precision_recall([0, 1, 1], [0.5, 0.8, 0.3]).y
    (1.0, 1.0, 0.5, 0.6666666666666666)
    """
    hits_M, alarms_M = _cumulative(truth, score)
    positive_M = hits_M + alarms_M
    y_M = np.divide(hits_M, positive_M, out=np.ones(len(hits_M)), where=positive_M > 0)
    x_M = hits_M / hits_M[-1]
    return _thin(x_M, y_M, float(np.sum(np.diff(x_M) * y_M[1:])))


def label_curves(truth: ArrayLike, probs: ArrayLike, *, labels: Sequence[str]) -> LabelCurves:
    """Return the curves of each label against the others.

    Args:
        truth: (N,) class indices; N may be 0.
        probs: (N, K) probabilities.
        labels: K names.
    """
    truth_N, probs_NK = np.asarray(truth, np.int64), np.asarray(probs, np.float64)
    rocs: dict[str, Curve] = {}
    prs: dict[str, Curve] = {}
    for k, label in enumerate(labels):
        is_k = truth_N == k
        if is_k.any() and not is_k.all():
            rocs[label] = roc(is_k, probs_NK[:, k])
            prs[label] = precision_recall(is_k, probs_NK[:, k])
    return LabelCurves(rocs, prs, _mean_area(rocs), _mean_area(prs))


def areas(truth: ArrayLike, score: ArrayLike, times: ArrayLike) -> tuple[Floats, Floats]:
    """Return ROC area and average precision of resamples of the examples.

    Args:
        truth: (N,) 0 or 1; N at least 1.
        score: (N,) scores; a higher score means a more probable 1.
        times: (R, N) number of times that each example is in each resample.

    Returns:
        (R,) ROC areas and (R,) average precisions; NaN for a resample without a 1 or without a 0.

    >>> areas([0, 1, 1], [0.1, 0.8, 0.3], [[1, 1, 1], [1, 0, 0]])[0]
    array([ 1., nan])
    """
    truth_N, score_N = np.asarray(truth, np.float64), np.asarray(score, np.float64)
    order = np.argsort(-score_N, kind="stable")
    times_RN = np.asarray(times, np.float64)[:, order]
    last = np.flatnonzero(np.append(np.diff(score_N[order]) != 0, True))
    hits_RM = np.cumsum(times_RN * truth_N[order], axis=1)[:, last]
    alarms_RM = np.cumsum(times_RN * (1 - truth_N[order]), axis=1)[:, last]
    gained_RM = np.diff(hits_RM, axis=1, prepend=0.0)
    before_RM = hits_RM - gained_RM / 2
    pairs_R = (np.diff(alarms_RM, axis=1, prepend=0.0) * before_RM).sum(axis=1)
    positive_RM = np.maximum(hits_RM + alarms_RM, 1)
    gain_R = (gained_RM * hits_RM / positive_RM).sum(axis=1)
    num_true_R, num_false_R = hits_RM[:, -1], alarms_RM[:, -1]
    both_R = (num_true_R > 0) & (num_false_R > 0)
    auc_R, ap_R = np.full(len(times_RN), np.nan), np.full(len(times_RN), np.nan)
    auc_R[both_R] = pairs_R[both_R] / (num_true_R * num_false_R)[both_R]
    ap_R[both_R] = gain_R[both_R] / num_true_R[both_R]
    return auc_R, ap_R


def _mean_area(curves: dict[str, Curve]) -> float | None:
    """Return the mean area; None without a curve."""
    return float(np.mean([c.area for c in curves.values()])) if curves else None


def _cumulative(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Count positives and negatives with a score at or above each threshold.

    The first threshold is above every score.
    """
    truth_N, score_N = np.asarray(truth, np.float64), np.asarray(score, np.float64)
    order = np.argsort(-score_N, kind="stable")
    truth_N, score_N = truth_N[order], score_N[order]
    last_of_its_score = np.append(np.diff(score_N) != 0, True)
    place_M = np.flatnonzero(last_of_its_score)
    hits_M = np.append(0.0, np.cumsum(truth_N)[place_M])
    return hits_M, np.append(0.0, place_M + 1.0) - hits_M


def _thin(x_M: NDArray[np.float64], y_M: NDArray[np.float64], area: float) -> Curve:
    """Keep at most ``MAX_POINTS`` points, evenly spaced, with both ends."""
    keep = np.unique(np.linspace(0, len(x_M) - 1, min(len(x_M), MAX_POINTS)).round().astype(int))
    return Curve(tuple(x_M[keep].tolist()), tuple(y_M[keep].tolist()), area)


def area_intervals(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], seed: int, num_resamples: int
) -> dict[str, tuple[float, float]]:
    """Return 95% intervals of the mean ROC area and the mean average precision over the labels.

    Whole subjects are drawn, in the same resamples as for the other figures. The mean of a resample
    leaves out labels that no video, or every video, of the resample has.

    Args:
        outcomes: outcomes of all videos; the areas use those with probabilities.
        labels: the label set, in order.
        seed: seed of the draws.
        num_resamples: number of resamples.

    Returns:
        (low, high) of auc and average_precision; empty with fewer than two subjects, or if no video
        has probabilities.
    """
    subjects = {name: n for n, name in enumerate(subject_names(outcomes))}
    scored = [o for o in outcomes if o.probs is not None]
    if len(subjects) < 2 or not scored:
        return {}
    times_RS = draws(len(subjects), seed=seed, num_resamples=num_resamples)
    subject_N = np.array([subjects[o.subject_id] for o in scored])
    truth_N = np.array([labels.index(o.label) for o in scored])
    probs_NK = np.array([o.probs for o in scored], np.float64)
    step = max(1, MAX_CELLS // len(scored))
    parts = []
    for first in range(0, num_resamples, step):
        times_RN = times_RS[first : first + step, subject_N]
        every = [areas(truth_N == k, probs_NK[:, k], times_RN) for k in range(len(labels))]
        areas_RK = [np.stack(values, axis=1) for values in zip(*every, strict=True)]
        parts.append([mean_over_classes(values) for values in areas_RK])
    auc, precision = (np.concatenate(values) for values in zip(*parts, strict=True))
    return intervals({"auc": auc, "average_precision": precision})
