"""Compare second labels, margins and entropy with values worked out by hand and by scipy."""

import numpy as np
import pytest
from scipy.stats import entropy

from emotion.predict.mixture import mixture

LABELS = ("calm", "tense", "glad")


def test_the_second_is_named_with_its_distance() -> None:
    answer = mixture(np.array([0.2, 0.5, 0.3], np.float32), LABELS)
    assert (answer.label, answer.second_label) == ("tense", "glad")
    assert answer.confidence == pytest.approx(0.5)
    assert answer.margin == pytest.approx(0.2)


def test_certainty_has_no_entropy_and_no_minus_sign() -> None:
    answer = mixture(np.array([0.0, 1.0, 0.0], np.float32), LABELS)
    assert (answer.label, answer.confidence, answer.margin) == ("tense", 1.0, 1.0)
    assert str(answer.entropy) == "0.0"


def test_the_first_of_equals_wins() -> None:
    answer = mixture(np.full(3, 1 / 3), LABELS)
    assert (answer.label, answer.second_label, answer.margin) == ("calm", "tense", 0.0)
    assert answer.entropy == pytest.approx(np.log2(3))


def test_entropy_is_scipys() -> None:
    for seed in range(5):
        probs = np.random.default_rng(seed).dirichlet(np.ones(7))
        names = tuple("abcdefg")
        assert mixture(probs, names).entropy == pytest.approx(entropy(probs, base=2))


def test_one_label_has_no_second() -> None:
    answer = mixture(np.array([1.0]), ("calm",))
    assert (answer.second_label, answer.margin, answer.entropy) == (None, 1.0, 0.0)
