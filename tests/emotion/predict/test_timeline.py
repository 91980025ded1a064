"""Seconds, segments and shares of one video, from clips and faces written down by hand."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from emotion.predict.answer import ClipPrediction
from emotion.predict.samples import ScoredClip
from emotion.predict.segments import Run, SegmentRule, runs
from emotion.predict.summary import Summary, summarise
from emotion.predict.timeline import Evidence, TrackFaces, second_rows, smooth
from tests.helpers.tracks import track_faces as faces

LABELS = ("calm", "glad")
FPS = 8.0


def clip(start: int, glad: Sequence[float], *, track: int = 0, num_faces: int = 16) -> ScoredClip:
    """Return a clip of 16 samples from ``start``; ``glad`` is the probability by step."""
    steps = np.array([[1 - g, g] for g in glad], np.float32)
    mean = float(np.mean(glad))
    answer = ClipPrediction(
        clip_id=f"v/{start}/{track}",
        track_id=track,
        identity_id=track,
        start_s=start / FPS,
        stop_s=(start + 16) / FPS,
        box=(1.0, 2.0, 3.0, 4.0),
        num_faces=num_faces,
        quality=0.9,
        label="glad" if mean > 0.5 else "calm",
        confidence=max(mean, 1 - mean),
        probs={"calm": 1 - mean, "glad": mean},
    )
    return ScoredClip(answer, [k / FPS for k in range(start, start + 16)], steps)


def summary(
    tracks: Sequence[TrackFaces],
    clips: Sequence[ScoredClip],
    *,
    duration_s: float,
    stride: int = 16,
) -> Summary:
    return summarise(tracks, clips, LABELS, fps=FPS, stride=stride, duration_s=duration_s)


def test_between_two_points_the_kernel_interpolates() -> None:
    points = Evidence(np.array([0.0, 1.0]), np.ones(2), np.array([[1, 0], [0, 1]], np.float32))
    probs = smooth(points, np.array([-5.0, 0.0, 0.25, 1.0, 9.0]), reach_s=1.0)
    assert probs[:, 1].tolist() == pytest.approx([0, 0, 0.25, 1, 1])
    assert probs.sum(axis=1).tolist() == pytest.approx([1] * 5)


def test_out_of_reach_the_nearest_point_counts() -> None:
    points = Evidence(np.array([0.0, 4.0]), np.ones(2), np.array([[1, 0], [0, 1]], np.float32))
    probs = smooth(points, np.array([1.9, 2.1]), reach_s=0.5)
    assert probs[:, 1].tolist() == [0, 1]


def test_points_weigh_by_the_faces_behind_them() -> None:
    points = Evidence(
        np.array([0.0, 0.0]), np.array([3.0, 1.0]), np.array([[1, 0], [0, 1]], np.float32)
    )
    assert smooth(points, np.array([0.0]), reach_s=1.0)[0].tolist() == [0.75, 0.25]


def test_a_change_needs_a_lead_and_is_dated_to_where_it_began() -> None:
    glad = [0.1, 0.52, 0.53, 0.54, 0.7, 0.7]
    probs = np.array([[1 - g, g] for g in glad], np.float32)
    rule = SegmentRule(enter=0.1, min_s=0)
    assert runs(probs, np.arange(6), fps=1, rule=rule) == [Run(0, 1, 0), Run(1, 6, 1)]
    never = np.array([[1 - g, g] for g in [0.1, 0.52, 0.53, 0.2]], np.float32)
    assert runs(never, np.arange(4), fps=1, rule=rule) == [Run(0, 4, 0)]


def test_a_short_run_goes_to_its_neighbour() -> None:
    probs = np.array([[0.9, 0.1]] * 8 + [[0.1, 0.9]] * 2 + [[0.9, 0.1]] * 8, np.float32)
    frames = np.arange(18)
    assert runs(probs, frames, fps=8) == [Run(0, 18, 0)]
    whole = runs(probs, frames, fps=8, rule=SegmentRule(min_s=0.25))
    assert whole == [Run(0, 8, 0), Run(8, 10, 1), Run(10, 18, 0)]


def test_a_long_absence_ends_a_run_and_a_short_one_does_not() -> None:
    frames = np.array([*range(8), *range(16, 24), *range(40, 48)])  # 1 s and 2 s away
    probs = np.tile(np.array([0.9, 0.1], np.float32), (24, 1))
    assert runs(probs, frames, fps=8) == [Run(0, 16, 0), Run(16, 24, 0)]


def test_no_samples_give_no_runs() -> None:
    assert runs(np.empty((0, 2), np.float32), np.empty(0, np.int64), fps=8) == []


def test_runs_cover_every_sample_once_whatever_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        count = int(rng.integers(1, 60))
        frames = np.cumsum(rng.integers(1, 14, count))
        cut = runs(rng.dirichlet(np.ones(4), count).astype(np.float32), frames, fps=8)
        assert [k for run in cut for k in range(run.start, run.stop)] == list(range(count))
        for before, after in zip(cut, cut[1:], strict=False):
            away = frames[after.start] - frames[before.stop - 1] - 1 > 8
            assert away or before.class_index != after.class_index


def test_a_second_without_the_face_has_a_row_of_nulls() -> None:
    track = faces([*range(4, 8), *range(16, 24)])  # half of second 0, none of 1, all of 2
    probs = np.array([[0.9, 0.1]] * 4 + [[0.2, 0.8]] * 8, np.float32)
    rows = second_rows(track, probs, LABELS, fps=FPS)
    assert [(r["start_s"], r["face_share"], r["label"]) for r in rows] == [
        (0.0, 0.5, "calm"), (1.0, 0.0, None), (2.0, 1.0, "glad"),
    ]  # fmt: skip
    assert rows[0]["quality"] == pytest.approx(0.45)
    away = rows[1]
    assert all(away[k] is None for k in ("confidence", "margin", "prob_calm", "box", "quality"))
    assert rows[2]["prob_glad"] == pytest.approx(0.8)


def test_a_rate_that_does_not_divide_a_second() -> None:
    """12.5 samples a second: 13 in the first second, 12 in the next; each share is 1."""
    rows = second_rows(faces(range(25)), None, LABELS, fps=12.5)
    assert [r["face_share"] for r in rows] == [1.0, 1.0]
    assert [r["label"] for r in rows] == [None, None]


def test_steps_place_the_change_within_a_clip() -> None:
    made = summary([faces(range(16))], [clip(0, [0.1, 0.1, 0.9, 0.9])], duration_s=2)
    assert [(s["label"], s["start_s"], s["stop_s"]) for s in made.segments] == [
        ("calm", 0.0, 1.0),
        ("glad", 1.0, 2.0),
    ]
    assert [r["label"] for r in made.timeline] == ["calm", "glad"]
    assert (made.video["share_calm"], made.video["share_glad"]) == (0.5, 0.5)
    assert made.video["prob_glad"] == pytest.approx(0.5)
    (track,) = made.tracks
    assert (track["start_s"], track["stop_s"], track["num_clips"]) == (0.0, 2.0, 1)


def test_without_steps_each_clip_speaks_for_its_own_time() -> None:
    made = summary([faces(range(32))], [clip(0, [0.1]), clip(16, [0.9])], duration_s=4)
    assert [(s["label"], s["start_s"], s["stop_s"]) for s in made.segments] == [
        ("calm", 0.0, 2.0),
        ("glad", 2.0, 4.0),
    ]
    assert made.segments[1]["confidence"] == pytest.approx(0.9)
    assert made.segments[1]["second_label"] == "calm"
    assert made.segments[1]["num_faces"] == 16


def test_two_people_have_their_own_rows() -> None:
    made = summary(
        [faces(range(16)), faces(range(16), track=1, person=1)],
        [clip(0, [0.1]), clip(0, [0.9], track=1)],
        duration_s=2,
    )
    assert {(r["track_id"], r["label"]) for r in made.timeline} == {(0, "calm"), (1, "glad")}
    assert [(s["identity_id"], s["label"]) for s in made.segments] == [(0, "calm"), (1, "glad")]


def test_seconds_without_a_tracked_face_have_a_row() -> None:
    made = summary([faces(range(8))], [], duration_s=2.5)
    assert [(r["track_id"], r["start_s"], r["face_share"]) for r in made.timeline] == [
        (0, 0.0, 1.0),
        (None, 1.0, 0.0),
        (None, 2.0, 0.0),
    ]
    assert made.segments == []
    assert made.tracks[0]["label"] is None
    assert made.video["label"] is None
    assert made.video["share_calm"] is None


def test_a_video_without_faces() -> None:
    made = summary([], [], duration_s=1.0)
    assert [r["track_id"] for r in made.timeline] == [None]
    assert (made.tracks, made.segments, made.video["label"]) == ([], [], None)
    assert summary([], [], duration_s=0.0).timeline == []


def test_arrays_of_another_shape_are_refused_and_texts_show_shapes() -> None:
    track = faces(range(3))
    assert "boxes=(3, 4) float32" in repr(track)
    with pytest.raises(ValueError, match=r"TrackFaces\.boxes must be \(3, 4\) float32, got \(2, 4"):
        dataclasses.replace(track, boxes=track.boxes[:2])
    with pytest.raises(ValueError, match=r"ScoredClip\.steps must be \(\*, 2\) float32"):
        dataclasses.replace(clip(0, [0.5]), steps=np.zeros((1, 3), np.float32))
