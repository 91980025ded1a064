"""Persons by embeddings written by hand, and on real clips."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.extract.detect import spec_for
from emotion.extract.embed import SAME_PERSON_DISTANCE
from emotion.extract.extractor import Extractor
from emotion.extract.identity import Identities, MeanEmbedding
from emotion.extract.walk import VideoSummary
from emotion.weights import YUNET

pytestmark = pytest.mark.large

SPEC = spec_for("yunet")
Vector = NDArray[np.float32]


def unit(*angles_deg: float) -> Vector:
    """Return a unit vector at an angle in one plane; 20 degrees are a distance of 0.347."""
    vector = np.zeros(128, np.float32)
    vector[0] = math.cos(math.radians(angles_deg[0]))
    vector[1] = math.sin(math.radians(angles_deg[0]))
    return vector


@pytest.mark.parametrize(
    "known, vectors, taken, expected",
    [
        ([], [], [], []),
        ([], [unit(0)], [set()], [0]),
        ([], [None, None], [set(), set()], [0, 1]),
        ([0], [unit(15)], [set()], [0]),
        ([0], [unit(30)], [set()], [1]),
        ([0], [unit(0)], [{0}], [1]),
        ([0, 25], [unit(13), unit(24)], [set(), set()], [0, 1]),
        ([0, 30], [unit(16), unit(14)], [set(), set()], [1, 0]),
        ([0], [unit(2), unit(1)], [set(), set()], [1, 0]),
    ],
    ids=[
        "no person",
        "the first",
        "no embeddings",
        "near",
        "far",
        "seen beside",
        "the nearest first",
        "each its own",
        "two at once are two",
    ],
)
def test_identities(
    known: list[float],
    vectors: list[Vector | None],
    taken: list[set[int]],
    expected: list[int],
) -> None:
    people = Identities()
    for angle in known:
        others = [set(range(len(people)))]
        people.assign([unit(angle)], taken=others)
    assert people.assign(vectors, taken=taken) == expected


def test_a_person_is_not_drawn_towards_those_who_are_only_rather_alike() -> None:
    people = Identities()
    people.assign([unit(0)], taken=[set()])
    for angle in (19, 20, 19, 20):  # 0.33 to 0.35: within the limit, with little room
        assert people.assign([unit(angle)], taken=[set()]) == [0]
    assert 2 * math.sin(math.radians(24) / 2) > SAME_PERSON_DISTANCE
    assert people.assign([unit(24)], taken=[set()]) == [1]


def test_swapped_faces_are_strangers_even_where_each_might_pass() -> None:
    people = Identities()
    people.assign([unit(0), unit(20)], taken=[set(), set()])
    means = []
    for angle in (0, 20):
        means.append(MeanEmbedding())
        means[-1].add(unit(angle))
    right = [(0, means[0], unit(2)), (1, means[1], unit(19))]
    wrong = [(0, means[0], unit(12)), (1, means[1], unit(6))]
    assert people.strangers(right) == [False, False]
    assert people.strangers(wrong) == [True, True]
    assert people.strangers([]) == []


def extract(shared: Path, name: str) -> tuple[list[dict[str, Any]], VideoSummary]:
    model = (shared / "models" / YUNET.name).read_bytes()
    summary = VideoSummary()
    extractor = Extractor(SPEC, yunet_model=model)
    rows = extractor.rows(shared / "data/real" / name, video_id="v", summary=summary)
    return [dict(row) for table, row in rows if table == "faces"], summary


def test_a_real_clip_of_one_person_is_one_identity(shared: Path) -> None:
    rows, summary = extract(shared, "WolfgangLanger_Pexels.mp4")
    assert (summary.num_tracks, summary.num_identities) == (1, 1)
    assert Counter(row["identity_id"] for row in rows)[0] >= 0.98 * summary.num_frames


def test_two_people_of_a_real_clip_do_not_mix(shared: Path) -> None:
    rows, summary = extract(shared, "obama_speech.mp4")
    assert summary.num_identities == 2
    left = [min(r["box"][0] for r in rows if r["identity_id"] == k) for k in (0, 1)]
    right = [max(r["box"][2] for r in rows if r["identity_id"] == k) for k in (0, 1)]
    assert right[0] < left[1] or right[1] < left[0]
