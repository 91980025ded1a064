"""Scores computed by hand, and scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as sk

from emotion.evaluate.metrics import confusion_counts, scores, uar

LABELS = ("a", "b", "c")


@pytest.mark.parametrize(
    "confusion, war, mean_recall, macro_f1",
    [
        ([[0, 0, 0], [0, 0, 0], [0, 0, 0]], 0.0, 0.0, 0.0),
        ([[2, 0, 0], [0, 3, 0], [0, 0, 1]], 1.0, 1.0, 1.0),
        ([[8, 0, 0], [2, 0, 0], [0, 0, 0]], 0.8, 0.5, (16 / 18 + 0) / 2),
        ([[1, 1, 0], [0, 1, 1], [1, 0, 3]], 5 / 8, (0.5 + 0.5 + 0.75) / 3, (0.5 + 0.5 + 0.75) / 3),
        ([[1, 0, 1], [0, 2, 0], [0, 0, 0]], 0.75, 0.75, (2 / 3 + 1 + 0) / 3),
    ],
    ids=["empty", "perfect", "one label guessed", "mixed", "guessed but without support"],
)
def test_scores(
    confusion: list[list[int]], war: float, mean_recall: float, macro_f1: float
) -> None:
    found = scores(np.array(confusion), LABELS)
    assert (found.war, found.uar, found.macro_f1) == pytest.approx((war, mean_recall, macro_f1))


def test_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    found = scores(confusion_counts(truth, predicted, num_classes=3), LABELS)
    assert found.confusion == sk.confusion_matrix(truth, predicted).tolist()
    assert found.war == pytest.approx(sk.accuracy_score(truth, predicted))
    assert found.uar == pytest.approx(sk.balanced_accuracy_score(truth, predicted))
    assert found.macro_f1 == pytest.approx(sk.f1_score(truth, predicted, average="macro"))
    precision, recall, f1, support = sk.precision_recall_fscore_support(truth, predicted)
    for k, label in enumerate(LABELS):
        one = found.per_class[label]
        assert one.support == support[k]
        assert (one.precision, one.recall, one.f1) == pytest.approx(
            (precision[k], recall[k], f1[k])
        )


def test_counts_add_over_parts() -> None:
    truth, predicted = np.array([0, 1, 2, 2, 1]), np.array([0, 2, 2, 1, 1])
    parts = [
        confusion_counts(truth[part], predicted[part], num_classes=3)
        for part in (slice(0, 2), slice(2, 2), slice(2, 5))
    ]
    whole = confusion_counts(truth, predicted, num_classes=3)
    assert np.array_equal(sum(parts), whole)
    assert uar(whole) == pytest.approx((1 + 0.5 + 0.5) / 3)


@pytest.mark.parametrize(
    "truth, predicted", [([0, 1], [0]), ([0, 3], [0, 1]), ([0, -1], [0, 1])], ids=str
)
def test_refuses_indices_that_are_none(truth: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError):
        confusion_counts(np.array(truth), np.array(predicted), num_classes=3)


def test_refuses_a_matrix_of_other_labels() -> None:
    with pytest.raises(ValueError, match="does not fit 3 labels"):
        scores(np.zeros((2, 2), np.int64), LABELS)
