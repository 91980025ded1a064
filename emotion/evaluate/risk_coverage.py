"""Risk-coverage curve: the error rate of the answers that are given, over the share that is given.

Answers are given in the order of their margins, the difference between the two largest
probabilities; the answers with the smallest margins are the first to be withheld. Sources:
El-Yaniv and Wiener, "On the foundations of noise-free selective classification", JMLR 11, 2010;
area: Geifman et al., "Bias-reduced uncertainty estimation for deep neural classifiers", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotion.evaluate.outcome import Outcome

MAX_POINTS = 201  # stored points; the area is computed from all of them
LEAST_COVERAGE = 0.5
"""Smallest share of val clips that ``choose_margin`` lets a package answer."""


@dataclass(frozen=True)
class Abstention:
    """Effect of one margin.

    Attributes:
        margin: answers with a smaller margin are withheld.
        answered: number of answers given.
        coverage: answers given over all examples, 0 to 1.
        risk: share of the given answers that are wrong; None if none is given.
        risk_of_all: share of all answers that are wrong; None without an answer.
    """

    margin: float
    answered: int
    coverage: float
    risk: float | None
    risk_of_all: float | None


@dataclass(frozen=True)
class RiskCoverage:
    """Risk-coverage curve of N examples.

    Attributes:
        margins: (P,) margins in descending order: a point for each different margin.
        coverage: (P,) share of the N examples with at least that margin, ascending.
        risk: (P,) share of wrong answers among them.
        area: mean risk over the ranks of all answers (AURC), 0 to 1; None without an answer. Wrong
            answers of equal margins count as evenly spread over their ranks.
    """

    margins: tuple[float, ...]
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the curve as plain values with at most ``MAX_POINTS`` points."""
        num = len(self.margins)
        keep = np.unique(np.linspace(0, num - 1, min(num, MAX_POINTS)).round().astype(int))
        lists = {k: v for k, v in asdict(self).items() if k != "area"}
        return {name: [values[k] for k in keep] for name, values in lists.items()}


def risk_coverage(margin: ArrayLike, correct: ArrayLike, *, num_examples: int) -> RiskCoverage:
    """Return the curve of answers.

    Args:
        margin: (N,) margins of the answers; N may be 0.
        correct: (N,) 0 or 1.
        num_examples: number of examples, at least N; those without an answer are never covered.

    >>> risk_coverage([0.9, 0.5, 0.5], [1, 0, 1], num_examples=4).coverage
    (0.25, 0.75)
    """
    margin_N, wrong_N = np.asarray(margin, np.float64), 1 - np.asarray(correct, np.float64)
    order = np.argsort(-margin_N, kind="stable")
    margin_N, wrong_N = margin_N[order], wrong_N[order]
    if not len(margin_N):
        return RiskCoverage((), (), (), None)
    last_P = np.flatnonzero(np.append(np.diff(margin_N) != 0, True))
    errors_P = np.cumsum(wrong_N)[last_P]
    # Linear between the ends of groups of equal margins: their errors are evenly spread.
    ranks_N = np.arange(1, len(margin_N) + 1)
    errors_N = np.interp(ranks_N, np.append(0, last_P + 1), np.append(0, errors_P))
    return RiskCoverage(
        margins=tuple(margin_N[last_P].tolist()),
        coverage=tuple(((last_P + 1) / num_examples).tolist()),
        risk=tuple((errors_P / (last_P + 1)).tolist()),
        area=float((errors_N / ranks_N).mean()),
    )


def margins_of(probs: ArrayLike) -> NDArray[np.float64]:
    """Return the difference between the two largest of K probabilities: (N, K) to (N,).

    >>> margins_of([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    array([0.25, 1.  ])
    """
    probs_NK = np.asarray(probs, np.float64)
    if probs_NK.shape[-1] < 2:
        return np.ones(len(probs_NK))
    ordered_NK = np.sort(probs_NK, axis=1)
    gaps_N: NDArray[np.float64] = ordered_NK[:, -1] - ordered_NK[:, -2]
    return gaps_N


def outcome_curve(outcomes: Sequence[Outcome]) -> RiskCoverage:
    """Return the curve of outcomes; those without probabilities are never covered."""
    margins_N, right_N = _answers(outcomes)
    return risk_coverage(margins_N, right_N, num_examples=len(outcomes))


def _answers(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return margins and correctness of the outcomes with probabilities; may be empty."""
    pairs = [(o.probs, o.predicted == o.label) for o in outcomes if o.probs is not None]
    margins_N = margins_of([probs for probs, _ in pairs]) if pairs else np.zeros(0)
    return margins_N, np.array([right for _, right in pairs], bool)


def abstention(outcomes: Sequence[Outcome], margin: float) -> Abstention:
    """Return what a margin does to outcomes.

    Args:
        outcomes: at least one; those without probabilities have no answer.
        margin: answers with a smaller margin are withheld; 0 withholds none.
    """
    margins_N, right_N = _answers(outcomes)
    given_N = margins_N >= margin
    return Abstention(
        margin=margin,
        answered=int(given_N.sum()),
        coverage=float(given_N.sum() / len(outcomes)),
        risk=float(1 - right_N[given_N].mean()) if given_N.any() else None,
        risk_of_all=float(1 - right_N.mean()) if len(right_N) else None,
    )


def choose_margin(probs: ArrayLike, correct: ArrayLike) -> float:
    """Return the margin of a trained package, from its calibrated probabilities on val.

    It is the margin with the most right answers given minus wrong answers given, with at least half
    of the answers given; the smallest of equally good ones. So an answer is withheld where answers
    like it are more often wrong than right: a wrong answer costs twice as much as none (Chow, "On
    optimum recognition error and reject tradeoff", IEEE Trans. Information Theory 16, 1970).

    Args:
        probs: (N, K) probabilities; N may be 0, which gives 0.
        correct: (N,) 0 or 1.

    Returns:
        0 to 1: half-way between the margins of the last answer given and the first withheld; 0 if
        no answer is withheld.

    >>> round(choose_margin([[0.9, 0.1], [0.7, 0.3], [0.55, 0.45]], [1, 1, 0]), 3)
    0.25
    """
    correct_N = np.asarray(correct, np.float64)
    if not len(correct_N):
        return 0.0
    margin_N = margins_of(probs)
    order = np.argsort(-margin_N, kind="stable")
    ordered_N = margin_N[order]
    last_P = np.flatnonzero(np.append(np.diff(ordered_N) != 0, True))
    gain_P = np.cumsum(2 * correct_N[order] - 1)[last_P]
    allowed_P = last_P + 1 >= LEAST_COVERAGE * len(correct_N)
    best = np.flatnonzero(allowed_P & (gain_P == gain_P[allowed_P].max()))[-1]
    if best == len(last_P) - 1:
        return 0.0
    return float((ordered_N[last_P[best]] + ordered_N[last_P[best + 1]]) / 2)
