"""Second labels, margins and entropy, against values worked out by hand and by scipy."""

import numpy as np
import pytest
from scipy.stats import entropy

from emotion.predict.mixture import mixture

LABELS = ("calm", "tense", "glad")


def test_the_second_is_named_with_its_distance() -> None:
    found = mixture(np.array([0.2, 0.5, 0.3], np.float32), LABELS)
    assert (found.label, found.second_label) == ("tense", "glad")
    assert found.confidence == pytest.approx(0.5)
    assert found.margin == pytest.approx(0.2)


def test_certainty_has_no_entropy_and_no_minus_sign() -> None:
    found = mixture(np.array([0.0, 1.0, 0.0], np.float32), LABELS)
    assert (found.label, found.confidence, found.margin) == ("tense", 1.0, 1.0)
    assert str(found.entropy) == "0.0"


def test_the_first_of_equals_wins() -> None:
    found = mixture(np.full(3, 1 / 3), LABELS)
    assert (found.label, found.second_label, found.margin) == ("calm", "tense", 0.0)
    assert found.entropy == pytest.approx(np.log2(3))


def test_entropy_is_scipys() -> None:
    for seed in range(5):
        probs = np.random.default_rng(seed).dirichlet(np.ones(7))
        names = tuple("abcdefg")
        assert mixture(probs, names).entropy == pytest.approx(entropy(probs, base=2))


def test_one_label_has_no_second() -> None:
    found = mixture(np.array([1.0]), ("calm",))
    assert (found.second_label, found.margin, found.entropy) == (None, 1.0, 0.0)
