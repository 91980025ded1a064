"""Tracker on boxes written by hand."""

import numpy as np
import pytest

from emotion.extract.cuts import CutDetector, signature
from emotion.extract.detect import Faces
from emotion.extract.track import Embeddings, Tracker, Vector


def faces(*boxes: tuple[float, float, float, float]) -> Faces:
    count = len(boxes)
    return Faces(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.ones(count, np.float32),
        np.zeros((count, 5, 2), np.float32),
    )


def box(x: float, size: float = 50) -> tuple[float, float, float, float]:
    return (x, 100, x + size, 100 + size)


def test_no_faces_no_keys() -> None:
    tracker = Tracker()
    assert tracker.step(faces(), 0.0, cut=False) == ([], [])
    assert tracker.finish() == []


def test_a_moving_face_keeps_its_key() -> None:
    tracker = Tracker()
    for step in range(10):
        keys, ended = tracker.step(faces(box(20 * step)), step * 0.125, cut=False)
        assert (keys, ended) == ([0], [])
    assert tracker.finish() == [0]


def test_two_faces_keep_their_keys_when_their_order_changes() -> None:
    tracker = Tracker()
    assert tracker.step(faces(box(0), box(200)), 0.0, cut=False)[0] == [0, 1]
    assert tracker.step(faces(box(200), box(0)), 0.125, cut=False)[0] == [1, 0]


def test_the_best_overlap_wins_when_two_tracks_want_one_face() -> None:
    tracker = Tracker()
    tracker.step(faces(box(0), box(30)), 0.0, cut=False)
    assert tracker.step(faces(box(25)), 0.125, cut=False)[0] == [1]


@pytest.mark.parametrize("gap_s, same", [(0.5, True), (0.75, True), (1.0, False)])
def test_a_short_gap_is_bridged_and_a_long_one_is_not(gap_s: float, same: bool) -> None:
    tracker = Tracker()
    tracker.step(faces(box(0)), 0.0, cut=False)
    keys, ended = tracker.step(faces(box(0)), gap_s, cut=False)
    assert (keys, ended) == (([0], []) if same else ([1], [0]))


def test_no_track_crosses_a_cut() -> None:
    tracker = Tracker()
    tracker.step(faces(box(0)), 0.0, cut=False)
    assert tracker.step(faces(box(0)), 0.125, cut=True) == ([1], [0])


def test_a_face_of_another_size_is_another_track() -> None:
    tracker = Tracker()
    tracker.step(faces(box(0, size=50)), 0.0, cut=False)
    assert tracker.step(faces(box(0, size=100)), 0.125, cut=False)[0] == [1]


class People:
    """Embeddings of people that the test names; counts the faces embedded."""

    def __init__(self, *who: int) -> None:
        self.who, self.count = who, 0

    def __call__(self, *now: int) -> Embeddings:
        """Return embeddings for a frame that shows ``now``; track k shows the k-th of ``who``."""
        return Embeddings(
            lambda number: self.face(now[number]), lambda key: self.person(self.who[key])
        )

    def face(self, number: int) -> Vector:
        self.count += 1
        return self.person(number)

    def person(self, number: int) -> Vector:
        return np.asarray(np.eye(3)[number], np.float32)


def test_faces_that_do_not_touch_are_not_looked_at() -> None:
    tracker, people = Tracker(), People(0, 1)
    for step in range(10):
        keys, _ = tracker.step(
            faces(box(0), box(60)), step * 0.125, cut=False, embeddings=people(0, 1)
        )
        assert keys == [0, 1]
    assert people.count == 0


@pytest.mark.parametrize("looking, keys", [(False, [0, 1]), (True, [1, 0])])
def test_looks_outweigh_overlap_where_tracks_touch(looking: bool, keys: list[int]) -> None:
    """Keep both still and close for a second, then swap them within one frame."""
    tracker, people = Tracker(), People(0, 1)
    for step in range(8):
        looks = people(0, 1) if looking else None
        tracker.step(faces(box(0), box(40)), step * 0.125, cut=False, embeddings=looks)
    for step in range(8, 17):
        looks = people(1, 0) if looking else None
        result, _ = tracker.step(faces(box(0), box(40)), step * 0.125, cut=False, embeddings=looks)
    assert result == keys


def test_rivals_that_parted_are_looked_at_once_more_and_then_no_more() -> None:
    tracker, people = Tracker(), People(0, 1)
    for step, gap in enumerate([40, 40, 60, 80, 100, 120]):
        tracker.step(faces(box(0), box(gap)), step * 0.125, cut=False, embeddings=people(0, 1))
    assert not tracker.crowded(0)
    count = people.count
    for step in range(6, 30):
        tracker.step(faces(box(0), box(120)), step * 0.125, cut=False, embeddings=people(0, 1))
    assert people.count == count


@pytest.mark.parametrize("flicker", [False, True])
def test_a_crowd_is_looked_at_a_few_times_a_second_at_most(flicker: bool) -> None:
    """Put six faces in a row, each touching the next, for 20 s; one appears and disappears."""
    tracker, people = Tracker(), People(*[0] * 300)
    for step in range(160):
        count = 5 + (step % 2 if flicker else 1)
        row = faces(*[box(40 * k) for k in range(count)])
        tracker.step(row, step * 0.125, cut=False, embeddings=people(*[0] * count))
    per_face_and_second = people.count / 6 / 20
    assert per_face_and_second <= (5 if flicker else 1.5)
    assert people.count > 0


def test_tracks_that_nobody_has_looked_at_are_told_by_their_boxes() -> None:
    tracker = Tracker()
    unknown = Embeddings(lambda number: None, lambda key: None)
    for step in range(5):
        keys, _ = tracker.step(faces(box(0), box(40)), step * 0.125, cut=False, embeddings=unknown)
        assert keys == [0, 1]


def test_a_dropped_track_is_followed_by_another() -> None:
    tracker = Tracker()
    tracker.step(faces(box(0)), 0.0, cut=False)
    tracker.drop(0)
    tracker.drop(7)
    assert tracker.step(faces(box(0)), 0.125, cut=False) == ([1], [])


def scene(seed: int, shift: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Draw four large patches of colour, moved sideways by ``shift`` px."""
    colours = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), np.uint8)
    image = np.repeat(np.repeat(colours, 90, axis=0), 160, axis=1)
    return np.roll(image, shift, axis=1)


def test_a_pan_is_no_cut_and_another_scene_is() -> None:
    is_cut = CutDetector()
    assert [is_cut(signature(scene(1, shift))) for shift in (0, 20, 40)] == [False, False, False]
    assert is_cut(signature(scene(2))) is True
    assert is_cut(signature(scene(2))) is False


def test_a_change_of_light_is_no_cut() -> None:
    is_cut = CutDetector()
    is_cut(signature(scene(1)))
    assert is_cut(signature((scene(1) * 0.9).astype(np.uint8))) is False
