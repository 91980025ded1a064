"""People in videos of subjects of different splits: subjects, lookalikes, second persons."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emotion.validate.lookalikes import Lookalikes, find_lookalikes
from emotion.validate.subjects import SubjectStore
from tests.jobs.validating.test_whole import ANNA, shards, whole, write

Vector = NDArray[np.float64]


def subjects(number: int, *, split: str, seed: int) -> pa.Table:
    """Return tracks of ``number`` subjects, a video each, with random embeddings."""
    values = np.random.default_rng(seed).normal(size=(number, 128)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    names = [f"{split}{k}" for k in range(number)]
    return pa.table(
        {
            "video_id": names,
            "identity_id": pa.array([0] * number, pa.int32()),
            "subject_id": names,
            "split": [split] * number,
            "num_faces": pa.array([10] * number, pa.int32()),
            "embedding": pa.array(list(values), pa.list_(pa.float32())),
        }
    )


def test_near_subjects_are_those_of_the_whole_matrix(tmp_path: Path) -> None:
    """Compare with one matrix product; there are more subjects than a block, and the file grows."""
    train, test = subjects(1500, split="train", seed=1), subjects(900, split="test", seed=2)
    store = SubjectStore(tmp_path, same_distance=0.36)
    store.add(train)
    store.add(test)
    a = np.array(train["embedding"].to_pylist())
    b = np.array(test["embedding"].to_pylist())
    apart = np.sqrt(2 - 2 * a @ b.T)
    limit = float(np.quantile(apart, 1e-4))
    found = find_lookalikes(store, same_distance=limit, leak_distance=0.0, pair_distance=0.0)
    near_subjects = found.alike
    assert found.same.num_people == 0 and found.recordings == ()
    near = apart < limit
    assert near_subjects.num_people == near.any(axis=1).sum() + near.any(axis=0).sum()
    order = np.argsort(apart.ravel())[:3]
    assert [text.rsplit(": ", 1)[1] for text in near_subjects.texts[:3]] == [
        f"{value:.2f} apart" for value in apart.ravel()[order]
    ]
    i, j = divmod(int(order[0]), len(b))
    assert (
        f"train{i} in train" in near_subjects.texts[0]
        and f"test{j} in test" in near_subjects.texts[0]
    )


def test_a_subject_is_the_person_with_most_faces_of_each_video(tmp_path: Path) -> None:
    """Give Carl's two tracks more faces than those of another person who looks like Anna."""
    dataset = shards()
    track = dataset["1"]["tracks"][0]
    dataset["1"]["tracks"] += [
        track | {"track_id": 1, "num_faces": 2},
        track | {"track_id": 2, "identity_id": 1} | {"num_faces": 4} | {"embedding": ANNA},
    ]
    write(str(tmp_path), dataset)
    (beside,) = whole(str(tmp_path))
    assert beside.severity == "warning" and beside.unexpected == 2
    assert beside.examples == (
        "a person beside carl in val (1 video) and anna in train (2 videos): 0.00 apart",
    )
    track["identity_id"] = 2
    write(str(tmp_path), dataset)
    errors = [result.severity for result in whole(str(tmp_path))]
    assert errors == ["error", "warning"]


def axis(number: int) -> Vector:
    """Return a unit vector; those of two numbers are 1.41 apart."""
    vector: Vector = np.eye(128)[number]
    return vector


def near_to(one: Vector, distance: float, *, towards: int) -> Vector:
    """Return a unit vector at a distance from ``one``, turned towards another axis."""
    angle = 2 * np.arcsin(distance / 2)
    turned: Vector = np.cos(angle) * one + np.sin(angle) * axis(towards)
    return turned


def of_videos(*videos: tuple[str, str, Sequence[Vector]]) -> Lookalikes:
    """Search in videos, each with subject, split and its people; the first has most faces."""
    rows = [
        {
            "video_id": f"v{k}",
            "identity_id": number,
            "subject_id": subject,
            "split": split,
            "num_faces": 20 - number,
            "embedding": vector.tolist(),
        }
        for k, (subject, split, people) in enumerate(videos)
        for number, vector in enumerate(people)
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = SubjectStore(Path(folder), same_distance=0.36)
        store.add(pa.Table.from_pylist(rows))
        return find_lookalikes(store, same_distance=0.36)


P, Q, R = axis(0), axis(1), axis(2)
P2, Q2 = near_to(P, 0.15, towards=9), near_to(Q, 0.15, towards=9)
TWO = "anna in train (1 video) and ben in test (1 video) show the same two people"


def test_a_recording_of_two_people_in_two_files_is_an_error() -> None:
    """Anna leads in the first half and Ben in the second; both halves show both."""
    swapped = of_videos(("anna", "train", [P, Q]), ("ben", "test", [Q2, P2]))
    assert swapped.recordings == (TWO,)
    assert (swapped.same.num_people, swapped.alike.num_people) == (0, 0)
    assert of_videos(("anna", "train", [P, Q]), ("ben", "test", [P2, Q2])).recordings == (TWO,)


def test_one_person_in_common_is_no_recording() -> None:
    """An interviewer sits beside two subjects; one face looks like both people of a video."""
    interviews = of_videos(("anna", "train", [P, R]), ("ben", "test", [Q, R]))
    assert interviews.recordings == ()
    assert interviews.beside.num_people == 2
    assert interviews.beside.texts == (
        "a person beside anna in train (1 video) and a person beside ben in test (1 video): "
        "0.00 apart",
    )
    halfway = near_to(P, 0.1, towards=1)
    both = near_to(P, 0.2, towards=1)
    assert of_videos(("anna", "train", [P, both]), ("ben", "test", [halfway, R])).recordings == ()


def test_the_same_split_and_the_same_subject_are_compared_with_others_only() -> None:
    for second in (("ben", "train"), ("anna", "test")):
        alone = of_videos(("anna", "train", [P, Q]), (*second, [Q2, P2]))
        assert alone.recordings == () and alone.beside.num_people == 0


def test_a_second_person_of_many_videos_is_one_row(tmp_path: Path) -> None:
    """The interviewer of 30 videos of one subject has one embedding, the mean."""
    rows = [
        {
            "video_id": f"v{k}",
            "identity_id": number,
            "subject_id": "anna",
            "split": "train",
            "num_faces": 20 - number,
            "embedding": near_to((P, R)[number], 0.05, towards=20 + k).tolist(),
        }
        for k in range(30)
        for number in range(2)
    ]
    store = SubjectStore(tmp_path, same_distance=0.36)
    for k in range(0, 60, 20):
        store.add(pa.Table.from_pylist(rows[k : k + 20]))
    ((first, block),) = store.blocks(0)
    assert (first, len(store), len(block)) == (0, 1, 2)
    assert sorted(block["num_videos"].tolist()) == [30, 30]
    assert [bool(row["is_main"]) for row in block] == [True, False]
