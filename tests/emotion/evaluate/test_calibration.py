"""Calibration: values computed by hand, scikit-learn's values, and known temperatures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from emotion.evaluate.calibration import (
    TEMPERATURES,
    ece,
    fit_temperature,
    reliability_bins,
    retemper,
)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


@pytest.mark.parametrize(
    "confidence, correct, expected",
    [
        ([], [], 0.0),
        ([1.0, 1.0], [1, 1], 0.0),
        ([1.0, 1.0], [0, 0], 1.0),
        ([0.75] * 4, [1, 1, 1, 0], 0.0),
        ([0.95, 0.95, 0.55, 0.55], [1, 1, 0, 1], 0.05),  # gaps 0.05 and 0.05
        ([0.9, 0.5, 0.5, 0.5], [0, 1, 1, 0], (0.9 + 3 * (2 / 3 - 0.5)) / 4),
        ([0.4, 0.41], [1, 0], (0.6 + 0.41) / 2),  # an edge belongs to the bin below it
    ],
    ids=["none", "sure, right", "sure, wrong", "fits", "two bins", "weighted", "edge"],
)
def test_ece(confidence: list[float], correct: list[int], expected: float) -> None:
    assert ece(confidence, correct) == pytest.approx(expected)


def test_reliability_bins() -> None:
    bins = reliability_bins([0.0, 0.3, 0.45, 0.5, 1.0], [0, 1, 1, 0, 1], num_bins=2)
    assert [(b.low, b.high, b.count) for b in bins] == [(0.0, 0.5, 4), (0.5, 1.0, 1)]
    assert bins[0].confidence == pytest.approx(1.25 / 4) and bins[0].accuracy == 0.5
    assert (bins[1].confidence, bins[1].accuracy) == (1.0, 1.0)
    empty = reliability_bins([0.9], [1], num_bins=2)[0]
    assert (empty.count, empty.confidence, empty.accuracy) == (0, 0.0, 0.0)


def test_bins_and_error_are_scikit_learns() -> None:
    """Compare with scikit-learn's curve, which has the non-empty bins, and numpy's counts."""
    rng = np.random.default_rng(4)
    confidence = rng.beta(3, 2, 4_000)
    correct = rng.random(4_000) < confidence**1.5
    share, mean = calibration_curve(correct, confidence, n_bins=10)
    bins = [b for b in reliability_bins(confidence, correct) if b.count]
    np.testing.assert_allclose([b.accuracy for b in bins], share)
    np.testing.assert_allclose([b.confidence for b in bins], mean)
    counts = np.histogram(confidence, bins=10, range=(0, 1))[0]
    counts = counts[counts > 0]
    assert [b.count for b in bins] == counts.tolist()
    expected = np.average(np.abs(share - mean), weights=counts)
    assert ece(confidence, correct) == pytest.approx(expected) and expected > 0.05


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.0, 4.0])
def test_a_fit_returns_a_known_temperature(planted: float) -> None:
    """Labels are drawn from softmax(z); the fit gets the logits z * planted."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 2, (20_000, 5))
    targets = (softmax(logits).cumsum(axis=1) > rng.random((len(logits), 1))).argmax(axis=1)
    assert fit_temperature(logits * planted, targets) == pytest.approx(planted, rel=0.04)


def test_a_temperature_by_hand() -> None:
    """Check 9 right of 10, so 10 of 12 with smoothing, at a logit gap of 1: 1 / T = log 5."""
    targets = [0] * 9 + [1]
    assert fit_temperature([[1.0, 0.0]] * 10, targets) == pytest.approx(1 / np.log(5), rel=1e-5)


@pytest.mark.parametrize("num_labels", [2, 3, 7])
def test_clips_that_are_all_right_do_not_make_it_certain(num_labels: int) -> None:
    """Check 38 right clips of 38: the probability is 39 / 40 for logits of any size."""
    logits = np.zeros((38, num_labels))
    logits[:, 1] = 5.0
    fitted = fit_temperature(logits, [1] * 38)
    assert softmax(logits[:1] / fitted)[0, 1] == pytest.approx(39 / 40, rel=1e-5)


def test_temperatures_are_bounded() -> None:
    many = [[0.01, 0.0]] * 1_000
    assert fit_temperature(many, [0] * 1_000) == pytest.approx(TEMPERATURES[0], rel=1e-4)
    assert fit_temperature([[1.0, 0.0]], [1]) == pytest.approx(TEMPERATURES[1], rel=1e-4)
    assert fit_temperature(np.empty((0, 3)), []) == 1.0


@pytest.mark.parametrize(
    "logits, targets, message",
    [
        ([[0.0, 1.0]], [0, 1], "do not fit"),
        ([[0.0, 1.0]], [2], "below 2"),
        ([[0.0, np.nan]], [0], "must be finite"),
    ],
    ids=["lengths", "class", "nan"],
)
def test_a_fit_refuses(logits: list[list[float]], targets: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_temperature(logits, targets)


def test_a_fit_lowers_the_calibration_error() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.5, (5_000, 4))
    targets = (softmax(true).cumsum(axis=1) > rng.random((len(true), 1))).argmax(axis=1)
    logits = true * 3
    fitted = fit_temperature(logits, targets)
    before, after = (softmax(logits / t) for t in (1.0, fitted))
    errors = [ece(p.max(axis=1), p.argmax(axis=1) == targets) for p in (before, after)]
    assert errors[0] > 0.15 and errors[1] < 0.03


def test_retemper_undoes_a_temperature() -> None:
    logits = np.array([[2.0, -1.0, 0.5], [0.0, 0.0, 9.0]])
    for temperature in (0.4, 1.0, 3.0):
        found = retemper(softmax(logits / temperature), temperature=temperature)
        np.testing.assert_allclose(found, softmax(logits), rtol=1e-9)
    assert np.isfinite(retemper([[1.0, 0.0]], temperature=2.0)).all()
    with pytest.raises(ValueError, match="above 0"):
        retemper([[1.0, 0.0]], temperature=0.0)
