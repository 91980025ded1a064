"""Risk-coverage curve, its area, the effect of a margin, and the choice of one, by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emotion.evaluate.outcome import Outcome
from emotion.evaluate.risk_coverage import (
    MAX_POINTS,
    abstention,
    choose_margin,
    margins_of,
    outcome_curve,
    risk_coverage,
)

MARGINS, RIGHT = (0.9, 0.7, 0.5, 0.5), (1, 0, 1, 0)


def outcome(margin: float | None, right: int) -> Outcome:
    """Return an outcome of label a with probabilities that differ by ``margin``."""
    if margin is None:
        return Outcome("u", "s", "a", None, reason="no_face")
    high, low = (1 + margin) / 2, (1 - margin) / 2
    probs = (high, low) if right else (low, high)
    return Outcome("u", "s", "a", "a" if right else "b", probs=probs)


def test_a_curve_worked_out_by_hand() -> None:
    """Risks at the ranks: 0, 1/2, then one error over two ranks: 1.5/3, 2/4."""
    curve = risk_coverage(MARGINS, RIGHT, num_examples=5)
    assert curve.margins == (0.9, 0.7, 0.5)
    assert curve.coverage == pytest.approx((0.2, 0.4, 0.8))
    assert curve.risk == pytest.approx((0, 0.5, 0.5))
    assert curve.area == pytest.approx((0 + 1 / 2 + 1.5 / 3 + 2 / 4) / 4)


def test_the_order_of_examples_does_not_matter() -> None:
    whole = risk_coverage(MARGINS, RIGHT, num_examples=5)
    for order in itertools.permutations(range(4)):
        some = [MARGINS[k] for k in order], [RIGHT[k] for k in order]
        assert risk_coverage(*some, num_examples=5) == whole


def test_the_area_is_the_mean_of_the_selective_risks() -> None:
    """Without equal margins it is the definition: the mean error of the k most certain answers."""
    rng = np.random.default_rng(4)
    margin, right = rng.permutation(500) / 500, rng.integers(0, 2, 500)
    wrong = 1 - right[np.argsort(-margin)]
    selective = [wrong[: k + 1].mean() for k in range(500)]
    curve = risk_coverage(margin, right, num_examples=500)
    assert curve.area == pytest.approx(np.mean(selective))
    assert len(curve.to_json()["risk"]) == MAX_POINTS
    assert curve.to_json()["coverage"][-1] == 1.0


def test_no_answer_gives_an_empty_curve() -> None:
    curve = outcome_curve([outcome(None, 0)])
    assert (curve.margins, curve.area) == ((), None)
    assert curve.to_json() == {"margins": [], "coverage": [], "risk": []}
    nothing = abstention([outcome(None, 0)], 0.1)
    assert (nothing.answered, nothing.coverage, nothing.risk, nothing.risk_of_all) == (
        0,
        0,
        None,
        None,
    )


@pytest.mark.parametrize(
    "margin, answered, coverage, risk",
    [(0.0, 4, 0.8, 0.5), (0.6, 2, 0.4, 0.5), (0.8, 1, 0.2, 0.0), (0.95, 0, 0.0, None)],
)
def test_the_effect_of_a_margin(
    margin: float, answered: int, coverage: float, risk: float | None
) -> None:
    outcomes = [outcome(m, r) for m, r in zip((0.9, 0.7, 0.51, 0.5), RIGHT, strict=True)]
    effect = abstention([*outcomes, outcome(None, 0)], margin)
    assert (effect.answered, effect.coverage, effect.risk) == (answered, coverage, risk)
    assert effect.risk_of_all == 0.5


def test_one_label_is_always_certain() -> None:
    assert margins_of([[1.0]]).tolist() == [1.0]


@pytest.mark.parametrize(
    "margins, right, expected",
    [
        ([], [], 0.0),
        ([0.8, 0.6, 0.1], [1, 1, 1], 0.0),
        # right minus wrong: 1 2 1 2 1 0; the later of the two twos answers more
        ([0.8, 0.6, 0.3, 0.2, 0.1, 0.05], [1, 1, 0, 1, 0, 0], 0.15),
        # -1 -2 -3 -4, but half of the answers are given
        ([0.8, 0.6, 0.4, 0.2], [0, 0, 0, 0], 0.5),
    ],
    ids=["no clip", "all right", "wrong at the end", "all wrong"],
)
def test_the_margin_of_a_trained_package(
    margins: list[float], right: list[int], expected: float
) -> None:
    probs = [[(1 + m) / 2, (1 - m) / 2] for m in margins]
    assert choose_margin(np.array(probs).reshape(-1, 2), right) == pytest.approx(expected)
