"""Calibration of probabilities: expected calibration error, reliability bins, temperature.

A temperature divides a model's logits (Guo et al. 2017, https://arxiv.org/abs/1706.04599). It
changes the confidence and never the label with the highest probability. It is fitted on validation
clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotion.evaluate.metrics import divide

NUM_BINS = 10
TEMPERATURES = (0.05, 20.0)  # range of a fit; beyond it, probabilities are nearly equal, or 0 and 1
SMALLEST = 1e-12  # replaces a stored probability of 0, whose logarithm is not finite


@dataclass(frozen=True)
class ReliabilityBin:
    """Bin of the predictions with a confidence in (low, high]; 0 belongs to the first bin.

    Attributes:
        low: lower edge.
        high: upper edge.
        count: number of predictions.
        confidence: mean confidence of the predictions; 0 without a prediction.
        accuracy: share of right predictions, 0 to 1; 0 without a prediction.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """Return the temperature with the lowest mean cross-entropy of the softmax.

    The targets are smoothed as if one right and one wrong clip were added to the N clips: the
    target of the true label is (N + 1) / (N + 2), and the other labels share 1 / (N + 2) (Platt
    1999, for two labels). Without smoothing, if all of a few clips are right, the temperature would
    give every later answer a probability of 1.

    As a function of 1 / temperature the loss has one minimum. Golden-section search over the
    logarithm of the temperature finds it within ``TEMPERATURES``.

    Args:
        logits: (N, K), finite.
        targets: (N,) class indices.

    Returns:
        The temperature; 1.0 when N is 0.

    Raises:
        ValueError: if shapes differ, a class index is out of range, or a logit is not finite.

    >>> round(fit_temperature([[2.0, 0.0]] * 4, [0, 0, 0, 1]), 3)  # 4 of 6: log 2 = 2 / 2.885
    2.885
    """
    logits_NK, targets_N = np.asarray(logits, np.float64), np.asarray(targets, np.int64)
    if logits_NK.size == 0 and targets_N.size == 0:
        return 1.0
    if logits_NK.ndim != 2 or targets_N.shape != logits_NK.shape[:1]:
        raise ValueError(f"logits {logits_NK.shape} and targets {targets_N.shape} do not fit")
    if not (targets_N.min() >= 0 and targets_N.max() < logits_NK.shape[1]):
        raise ValueError(
            f"class indices must be 0 or more and below {logits_NK.shape[1]}, "
            f"got {targets_N.min()} to {targets_N.max()}"
        )
    if not np.isfinite(logits_NK).all():
        raise ValueError("logits must be finite; at least one is NaN or infinite")
    low, high = np.log(TEMPERATURES)
    ratio = (np.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    loss_left, loss_right = (_loss(logits_NK, targets_N, at) for at in (left, right))
    while high - low > 1e-7:
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - ratio * (high - low)
            loss_left = _loss(logits_NK, targets_N, left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + ratio * (high - low)
            loss_right = _loss(logits_NK, targets_N, right)
    return float(np.exp((low + high) / 2))


def _loss(
    logits_NK: NDArray[np.float64], targets_N: NDArray[np.int64], log_temperature: float
) -> float:
    scaled_NK = logits_NK * np.exp(-log_temperature)
    scaled_NK = scaled_NK - scaled_NK.max(axis=1, keepdims=True)
    true_N = scaled_NK[np.arange(len(targets_N)), targets_N]
    wrong = 1 / (len(targets_N) + 2)
    others_N = (scaled_NK.sum(axis=1) - true_N) / max(1, logits_NK.shape[1] - 1)
    wanted_N = (1 - wrong) * true_N + wrong * others_N
    return float(np.mean(np.log(np.exp(scaled_NK).sum(axis=1)) - wanted_N))


def retemper(probs: ArrayLike, *, temperature: float) -> NDArray[np.float64]:
    """Return the probabilities that a model gives without its temperature.

    ``softmax(z / T) ** T``, scaled to a sum of 1, is ``softmax(z)``. This holds for the
    probabilities of one clip. It does not hold for a mean over clips, which is no softmax of
    logits.

    Args:
        probs: (N, K) probabilities of clips; rows sum to 1.
        temperature: the temperature T with which ``probs`` were computed, above 0.

    Raises:
        ValueError: if the temperature is not above 0.

    >>> retemper([[0.8, 0.2]], temperature=0.5)  # square roots, 2 to 1
    array([[0.66666667, 0.33333333]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    logs_NK = temperature * np.log(np.maximum(np.asarray(probs, np.float64), SMALLEST))
    raised_NK = np.exp(logs_NK - logs_NK.max(axis=1, keepdims=True))
    whole: NDArray[np.float64] = raised_NK / raised_NK.sum(axis=1, keepdims=True)
    return whole


def bin_of(confidence: ArrayLike, *, num_bins: int = NUM_BINS) -> NDArray[np.int64]:
    """Return the index of each confidence's bin, of ``num_bins`` equal bins over (0, 1].

    A confidence of 0 is in bin 0.

    >>> bin_of([0.0, 0.1, 0.11, 1.0])
    array([0, 0, 1, 9])
    """
    edges = np.linspace(0, 1, num_bins + 1)[1:-1]
    places: NDArray[np.int64] = np.searchsorted(edges, np.asarray(confidence, np.float64))
    return places


def bin_sums(
    confidence: ArrayLike, correct: ArrayLike, *, num_bins: int = NUM_BINS
) -> NDArray[np.float64]:
    """Return the sums from which a reliability curve is computed, (B, 3), by bin of confidence.

    Args:
        confidence: (N,) 0 to 1, the probability of the predicted label; N may be 0.
        correct: (N,) 0 or 1.
        num_bins: B equal bins over (0, 1].

    Returns:
        For each bin the number of predictions, the sum of their confidence, and the number of right
        predictions.
    """
    confidence_N, correct_N = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    places_N = bin_of(confidence_N, num_bins=num_bins)
    columns = [
        np.bincount(places_N, weights=weights, minlength=num_bins)
        for weights in (np.ones(len(places_N)), confidence_N, correct_N)
    ]
    return np.stack(columns, axis=1)


def reliability_bins(
    confidence: ArrayLike, correct: ArrayLike, *, num_bins: int = NUM_BINS
) -> tuple[ReliabilityBin, ...]:
    """Return the bins with their mean confidence and accuracy; arguments as for ``bin_sums``."""
    edges = np.linspace(0, 1, num_bins + 1)
    return tuple(
        ReliabilityBin(
            low=float(edges[n]),
            high=float(edges[n + 1]),
            count=int(count),
            confidence=float(sum_confidence / count) if count else 0.0,
            accuracy=float(num_right / count) if count else 0.0,
        )
        for n, (count, sum_confidence, num_right) in enumerate(
            bin_sums(confidence, correct, num_bins=num_bins)
        )
    )


def calibration_error(sums_RB3: ArrayLike) -> NDArray[np.float64]:
    """Return the expected calibration error (ECE) of R sets of predictions: (R,), 0 to 1.

    The ECE is the mean over bins of the difference between confidence and accuracy, weighted by the
    number of predictions. It is NaN for a set without a prediction.

    Args:
        sums_RB3: (R, B, 3), the result of ``bin_sums`` for each set.
    """
    sums = np.asarray(sums_RB3, np.float64)
    gaps_R = np.abs(sums[:, :, 1] - sums[:, :, 2]).sum(axis=1)
    return divide(gaps_R, sums[:, :, 0].sum(axis=1))


def ece(confidence: ArrayLike, correct: ArrayLike, *, num_bins: int = NUM_BINS) -> float:
    """Return the expected calibration error of one set of predictions; 0 if the set is empty.

    Args:
        confidence: (N,) 0 to 1; N may be 0.
        correct: (N,) 0 or 1.
        num_bins: number of equal bins over (0, 1].

    >>> round(ece([0.9, 0.9, 0.6, 0.6], [1, 0, 1, 1]), 12)  # gaps 0.4 and 0.4
    0.4
    """
    sums_B3 = bin_sums(confidence, correct, num_bins=num_bins)
    return float(np.nan_to_num(calibration_error(sums_B3[None]))[0])


def softmax(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the (N, K) probabilities of (N, K) logits, which are first divided by ``temperature``.

    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    scaled_NK = np.asarray(logits, np.float64) / temperature
    raised_NK = np.exp(scaled_NK - scaled_NK.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised_NK / raised_NK.sum(axis=1, keepdims=True)
    return shares
