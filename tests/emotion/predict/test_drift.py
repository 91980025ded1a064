"""Compare drift figures with scipy and with values worked out by hand."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from emotion.predict.drift import (
    Profile,
    compare,
    jensen_shannon,
    label_profile,
    measured_profile,
    profiles_from_json,
    psi,
)

LABELS = ("calm", "glad")


def test_divergence_is_scipys() -> None:
    for seed in range(5):
        p, q = np.random.default_rng(seed).dirichlet(np.ones(6), 2)
        assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_index_by_hand() -> None:
    by_hand = (0.3 - 0.5) * math.log(0.3 / 0.5) + (0.7 - 0.5) * math.log(0.7 / 0.5)
    assert psi([0.5, 0.5], [0.3, 0.7]) == pytest.approx(by_hand)
    assert psi([0.5, 0.5], [0.5, 0.5]) == 0.0


def test_an_empty_bin_is_far_and_finite() -> None:
    assert 4 < psi([0.5, 0.5], [0.0, 1.0]) < 10


@pytest.mark.parametrize(
    "now, level", [((50, 50), "ok"), ((66, 34), "watch"), ((90, 10), "drift"), ((9, 1), "unknown")]
)
def test_levels(now: tuple[int, int], level: str) -> None:
    baseline = Profile("label", LABELS, (100, 100))
    drift = compare(baseline, Profile("label", LABELS, now))
    assert drift.level == level
    assert (drift.psi is None) == (level == "unknown")


def test_without_a_baseline_the_level_is_unknown() -> None:
    now = Profile("label", LABELS, (500, 500))
    assert compare(None, now).level == "unknown"
    assert compare(Profile("label", ("sad", "glad"), (500, 500)), now).level == "unknown"


def test_values_fall_into_their_bins() -> None:
    sizes = measured_profile("face_px", [15.9, 16.0, 5000.0, -1.0, math.nan, math.inf])
    assert sizes.counts == (2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    light = measured_profile("brightness", [0.0, 255.0, 256.0])
    assert (light.counts[0], light.counts[-1]) == (1, 2)
    assert measured_profile("confidence", []).total == 0


def test_profiles_add_up_and_are_stored() -> None:
    one = label_profile({"glad": 2}, LABELS)
    both = one.plus(label_profile({"calm": 1, "glad": 1}, LABELS))
    assert both.counts == (1, 3)
    assert profiles_from_json({"label": both.to_json()}) == {"label": both}
    with pytest.raises(ValueError, match="confidence"):
        both.plus(measured_profile("confidence", [0.5]))
