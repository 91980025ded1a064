"""Are probabilities as right as they say: calibration error, reliability bins, a temperature.

A temperature divides a model's logits (Guo et al. 2017, https://arxiv.org/abs/1706.04599): it moves
how sure the model is and never which label is first. It is fitted on validation clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NUM_BINS = 10
TEMPERATURES = (0.05, 20.0)  # a fit ends here at the latest: beyond, probabilities say nothing
SMALLEST = 1e-12  # a probability stored as 0 has a finite logarithm


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions whose confidence lies in (low, high]; 0 lies in the first bin.

    Attributes:
        low: lower edge.
        high: upper edge.
        count: predictions.
        confidence: their mean confidence; 0 where there is none.
        accuracy: share of them that is right; 0 where there is none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """The temperature with the lowest mean cross-entropy of ``softmax(logits / temperature)``.

    Beside the N clips stand one that is right and one that is wrong: the true label's wanted
    probability is (N + 1) / (N + 2), the others share the rest (Platt 1999, for two labels). A few
    clips that are all right would else make every later answer certain.

    The loss has one minimum along 1 / temperature; it is found by golden-section search over the
    logarithm, within ``TEMPERATURES``.

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
        raise ValueError(f"class indices must lie below {logits_NK.shape[1]}")
    if not np.isfinite(logits_NK).all():
        raise ValueError("logits hold a value that is not finite")
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
    """Probabilities as they are before ``temperature`` divided their logits.

    ``softmax(z / T) ** T`` is ``softmax(z)`` but for its sum. Only for one clip's probabilities: a
    mean over clips has no logits.

    Args:
        probs: (N, K), rows sum to 1.
        temperature: above 0.

    Raises:
        ValueError: if the temperature is not above 0.

    >>> retemper([[0.8, 0.2]], temperature=0.5)  # square roots, 2 to 1
    array([[0.66666667, 0.33333333]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}, it must be above 0")
    logs_NK = temperature * np.log(np.maximum(np.asarray(probs, np.float64), SMALLEST))
    raised_NK = np.exp(logs_NK - logs_NK.max(axis=1, keepdims=True))
    whole: NDArray[np.float64] = raised_NK / raised_NK.sum(axis=1, keepdims=True)
    return whole


def bin_of(confidence: ArrayLike, *, num_bins: int = NUM_BINS) -> NDArray[np.int64]:
    """Which of ``num_bins`` equal bins of (0, 1] each confidence lies in; 0 lies in the first.

    >>> bin_of([0.0, 0.1, 0.11, 1.0])
    array([0, 0, 1, 9])
    """
    edges = np.linspace(0, 1, num_bins + 1)[1:-1]
    places: NDArray[np.int64] = np.searchsorted(edges, np.asarray(confidence, np.float64))
    return places


def reliability_bins(
    confidence: ArrayLike, correct: ArrayLike, *, num_bins: int = NUM_BINS
) -> tuple[ReliabilityBin, ...]:
    """Mean confidence beside share right, in equal bins of confidence.

    Args:
        confidence: (N,) 0 to 1, the probability of the predicted label; N may be 0.
        correct: (N,) 0 or 1.
        num_bins: bins over (0, 1].
    """
    confidence_N, correct_N = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    places_N = bin_of(confidence_N, num_bins=num_bins)
    count, sure, right = (
        np.bincount(places_N, weights=weights, minlength=num_bins)
        for weights in (np.ones(len(places_N)), confidence_N, correct_N)
    )
    edges = np.linspace(0, 1, num_bins + 1)
    return tuple(
        ReliabilityBin(
            low=float(edges[n]),
            high=float(edges[n + 1]),
            count=int(count[n]),
            confidence=float(sure[n] / count[n]) if count[n] else 0.0,
            accuracy=float(right[n] / count[n]) if count[n] else 0.0,
        )
        for n in range(num_bins)
    )


def ece(confidence: ArrayLike, correct: ArrayLike, *, num_bins: int = NUM_BINS) -> float:
    """Expected calibration error: the bins' mean gap of confidence and accuracy, by their counts.

    Args:
        confidence: (N,) 0 to 1; N may be 0.
        correct: (N,) 0 or 1.
        num_bins: equal bins over (0, 1].

    Returns:
        0 to 1; 0 when N is 0.

    >>> ece([0.9, 0.9, 0.6, 0.6], [1, 0, 1, 1])  # gaps 0.4 and 0.4
    0.4
    """
    bins = reliability_bins(confidence, correct, num_bins=num_bins)
    whole = sum(b.count for b in bins)
    gaps = sum(b.count * abs(b.confidence - b.accuracy) for b in bins)
    return round(float(gaps / whole), 12) if whole else 0.0


def softmax(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of (N, K) logits that are divided by ``temperature`` first.

    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    scaled_NK = np.asarray(logits, np.float64) / temperature
    raised_NK = np.exp(scaled_NK - scaled_NK.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised_NK / raised_NK.sum(axis=1, keepdims=True)
    return shares
