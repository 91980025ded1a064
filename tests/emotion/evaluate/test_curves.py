"""Curves, areas and the figures of an evaluation with probabilities, against scikit-learn."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from emotion.evaluate.curves import (
    MAX_POINTS,
    area_intervals,
    areas,
    label_curves,
    precision_recall,
    roc,
)
from emotion.evaluate.evaluation import evaluate_outcomes, test_set_digest
from emotion.evaluate.outcome import Outcome

LABELS = ("up", "down", "odd")


def drawn(number: int, *, seed: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return true classes, and probabilities that depend on them; rounded, so that some repeat."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, number, p=[0.5, 0.3, 0.2])
    raw = rng.random((number, 3)).round(2) + 0.01
    raw[np.arange(number), truth] += 0.4
    return truth.astype(np.int64), raw / raw.sum(axis=1, keepdims=True)


def judged(truth: NDArray[np.int64], probs: NDArray[np.float64]) -> list[Outcome]:
    return [
        Outcome(
            f"{n}.mp4",
            f"s{n % 9}",
            LABELS[t],
            LABELS[int(p.argmax())],
            probs=tuple(p.tolist()),
        )
        for n, (t, p) in enumerate(zip(truth, probs, strict=True))
    ]


def test_a_roc_by_hand() -> None:
    """Scores 4 3 2 2 1: positive, negative, a tie of one each, negative."""
    found = roc([1, 0, 1, 0, 0], [4, 3, 2, 2, 1])
    assert found.x == pytest.approx((0, 0, 1 / 3, 2 / 3, 1))
    assert found.y == pytest.approx((0, 0.5, 0.5, 1, 1))
    assert found.area == pytest.approx(4.5 / 6)  # of 2 x 3 pairs: 3 + 1 right, 1 tied


def test_curves_are_scikit_learns() -> None:
    truth, probs = drawn(120)
    for k in range(3):
        is_k, score = truth == k, probs[:, k]
        x, y, _ = sk.roc_curve(is_k, score, drop_intermediate=False)
        mine = roc(is_k, score)
        np.testing.assert_allclose(mine.x, x)
        np.testing.assert_allclose(mine.y, y)
        assert mine.area == pytest.approx(sk.roc_auc_score(is_k, score))
        precision, recall, _ = sk.precision_recall_curve(is_k, score)
        pr = precision_recall(is_k, score)
        np.testing.assert_allclose(pr.x, recall[::-1])
        np.testing.assert_allclose(pr.y, precision[::-1])
        assert pr.area == pytest.approx(sk.average_precision_score(is_k, score))


def test_a_long_curve_is_thinned_and_its_area_is_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(5_000) < 0.3
    score = rng.random(5_000) + 0.3 * truth
    found = roc(truth, score)
    assert len(found.x) == MAX_POINTS
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)
    assert found.area == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-12)


def test_areas_of_resamples_are_scikit_learns_weighted_ones() -> None:
    truth, probs = drawn(80)
    times = np.random.default_rng(3).multinomial(80, np.full(80, 1 / 80), size=20)
    auc, precision = areas(truth == 0, probs[:, 0], times)
    for row, mine, ap in zip(times, auc, precision, strict=True):
        weights = {"sample_weight": row}
        assert mine == pytest.approx(sk.roc_auc_score(truth == 0, probs[:, 0], **weights))
        assert ap == pytest.approx(sk.average_precision_score(truth == 0, probs[:, 0], **weights))
    none = areas(np.ones(3), probs[:3, 0], [[1, 1, 1]])
    assert np.isnan(none).all()


def test_intervals_of_areas_by_hand() -> None:
    """Subject s is ranked right, t in reverse order: the AUC is 1 for s, 1/2 for both, 0 for t."""
    rows = [("s", "up", 0.9), ("s", "down", 0.1), ("t", "up", 0.1), ("t", "down", 0.9)]
    some = [Outcome(f"{n}", s, t, "up", probs=(p, 1 - p)) for n, (s, t, p) in enumerate(rows)]
    judge = partial(area_intervals, labels=("up", "down"), seed=0, num_resamples=200)
    found = judge(some)
    assert found["auc"] == (0.0, 1.0)
    assert found["average_precision"] == (0.5, 1.0)
    no_answer = Outcome("x", "u", "up", None, "no_face")
    assert judge([*some, no_answer])["auc"] == (0.0, 1.0)
    assert judge(some[:2]) == {}
    assert judge([no_answer]) == {}


def test_labels_that_none_or_all_have_get_no_curve() -> None:
    empty = label_curves([], np.empty((0, 3)), labels=LABELS)
    assert (empty.roc, empty.pr, empty.auc, empty.average_precision) == ({}, {}, None, None)
    one = label_curves([1, 1], [[0.2, 0.7, 0.1]] * 2, labels=LABELS)
    assert one.roc == {} and one.auc is None
    two = label_curves([0, 1], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]], labels=LABELS)
    assert list(two.roc) == ["up", "down"] and two.auc == 1.0


def test_an_evaluation_with_probabilities_is_scikit_learns() -> None:
    truth, probs = drawn(200)
    found = evaluate_outcomes(judged(truth, probs), labels=LABELS, num_resamples=50)
    values = {name: figure.value for name, figure in found.figures.items()}
    guess = probs.argmax(axis=1)
    assert values["weighted_f1"] == pytest.approx(sk.f1_score(truth, guess, average="weighted"))
    assert values["macro_f1"] == pytest.approx(sk.f1_score(truth, guess, average="macro"))
    assert values["auc"] == pytest.approx(sk.roc_auc_score(truth, probs, multi_class="ovr"))
    one_hot = np.eye(3)[truth]
    assert values["average_precision"] == pytest.approx(sk.average_precision_score(one_hot, probs))
    assert values["top2"] == pytest.approx(sk.top_k_accuracy_score(truth, probs, k=2))
    shares = sk.confusion_matrix(truth, guess, normalize="true")
    np.testing.assert_allclose(found.confusion_share, shares)
    for name in ("macro_f1", "weighted_f1", "top2"):
        interval, value = found.figures[name].interval, values[name]
        assert interval is not None and value is not None
        assert interval[0] < value < interval[1]
    ends = found.figures["ece"].interval
    assert ends is not None and ends[0] < ends[1]


def test_a_resample_is_the_figures_of_its_videos() -> None:
    """With two subjects a draw is one twice, or both: the ends are figures of one subject."""
    truth, probs = drawn(60)
    halves = [
        [
            Outcome(o.uri, name, o.label, o.predicted, probs=o.probs)
            for o in judged(truth[part], probs[part])
        ]
        for name, part in (("a", slice(0, 30)), ("b", slice(30, 60)))
    ]
    both = evaluate_outcomes([*halves[0], *halves[1]], labels=LABELS, num_resamples=400)
    alone = [evaluate_outcomes(half, labels=LABELS) for half in halves]
    some = ("war", "uar", "macro_f1", "weighted_f1", "top2", "ece", "war_covered", "uar_covered")
    for name in (*some, "auc", "average_precision"):
        ends = sorted(one.figures[name].value or 0.0 for one in (*alone, both))
        interval = both.figures[name].interval
        assert interval == pytest.approx((ends[0], ends[-1]), abs=1e-9)
    for label in LABELS:
        recalls = sorted(one.per_class[label].recall for one in (*alone, both))
        of_label = both.per_class_intervals[label]["recall"]
        assert of_label == pytest.approx((recalls[0], recalls[-1]))
    assert alone[0].per_class_intervals == {} and alone[0].figures["auc"].interval is None


def test_videos_without_a_face_count_for_top2_and_not_for_calibration() -> None:
    """One of two is right at 0.8, one has no face: ECE is over the two, top-2 over the three."""
    some = [
        Outcome("a", "s", "up", "up", probs=(0.8, 0.1, 0.1)),
        Outcome("b", "s", "odd", "up", probs=(0.8, 0.1, 0.1), uncalibrated=(0.4, 0.3, 0.3)),
        Outcome("c", "t", "up", None, "no_face"),
    ]
    found = evaluate_outcomes(some, labels=LABELS, num_resamples=10)
    values = {name: figure.value for name, figure in found.figures.items()}
    assert values["ece"] == pytest.approx(0.3)
    assert values["ece_uncalibrated"] == pytest.approx(0.4)
    assert values["top2"] == pytest.approx(1 / 3)
    assert values["war"] == pytest.approx(1 / 3) and values["war_covered"] == pytest.approx(1 / 2)


def test_without_probabilities_there_are_no_such_figures() -> None:
    found = evaluate_outcomes([Outcome("a", "s", "up", "up")], labels=LABELS)
    names = ("top2", "ece", "ece_uncalibrated", "auc")
    assert [found.figures[name].value for name in names] == [None] * 4
    assert found.reliability == () and found.per_class_auc == {}


def test_the_digest_knows_the_test_set_alone() -> None:
    a, b = Outcome("a", "s", "up", "up"), Outcome("b", "t", "odd", None, "no_face")
    digest = test_set_digest([a, b])
    assert digest == test_set_digest([b, Outcome("a", "s", "up", "down", probs=(0, 1, 0))])
    others = ([a], [a, Outcome("b", "t", "up", None)], [a, Outcome("b", "s", "odd", None)])
    assert len({digest, *(test_set_digest(other) for other in others)}) == 4
