"""Answers relative to a person's rest, with probabilities written down by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from emotion.errors import InputError
from emotion.predict.answer import clip_prediction
from emotion.predict.baseline import Baseline, Rest, measure_rest, parse_baseline, relative
from emotion.predict.samples import ScoredClip
from emotion.predict.summary import Summary, summarise
from tests.helpers.tracks import track_faces

LABELS = ("neutral", "happy", "angry")
FPS = 8.0
FROWN, SMILE_OF_FROWN = (0.2, 0.1, 0.7), (0.2, 0.7, 0.1)
CALM, ANGRY = (0.8, 0.1, 0.1), (0.2, 0.1, 0.7)


def clip(number: int, probs: Sequence[float], *, track: int, person: int) -> ScoredClip:
    """Return clip ``number`` of a track, 16 samples with one answer."""
    start_s, vector = 2.0 * number, np.array(probs, np.float32)
    row = {
        "clip_id": f"{track}/{number}", "track_id": track, "identity_id": person,
        "start_s": start_s, "stop_s": start_s + 2, "box": (0, 0, 9, 9), "num_faces": 16,
        "quality": 1.0,
    }  # fmt: skip
    times_s = [start_s + k / FPS for k in range(16)]
    return ScoredClip(clip_prediction(row, vector, LABELS), times_s, vector[None])


def two_people(baseline: str | None) -> Summary:
    """Person 0 rests with a frown for 4 s and smiles for 2 s; person 1 is calm, then angry."""
    clips = [clip(k, p, track=0, person=0) for k, p in enumerate((FROWN, FROWN, SMILE_OF_FROWN))]
    clips += [clip(k, p, track=1, person=1) for k, p in enumerate((CALM, CALM, ANGRY))]
    return summarise(
        [track_faces(range(48), track=n, person=n) for n in range(2)],
        clips,
        LABELS,
        fps=FPS,
        stride=16,
        duration_s=6.0,
        baseline=parse_baseline(baseline) if baseline else None,
    )


def seconds(summary: Summary, track: int) -> list[object]:
    return [row["label"] for row in summary.timeline if row["track_id"] == track]


def reasons(summary: Summary) -> list[tuple[object, object]]:
    return [(row["baseline_s"], row["baseline_reason"]) for row in summary.people]


@pytest.mark.parametrize("text, measured_s", [("first:2s", 2.0), ("median", 6.0)])
def test_a_frown_at_rest_reads_as_neutral_and_a_smile_as_happy(
    text: str, measured_s: float
) -> None:
    """Rest of person 0: n/r is (0.7/0.2, 0.15/0.1, 0.15/0.7); the smile gives 0.7, 1.05, 0.021."""
    summary = two_people(text)
    assert seconds(two_people(None), 0) == ["angry"] * 4 + ["happy"] * 2
    assert seconds(summary, 0) == ["neutral"] * 4 + ["happy"] * 2
    assert seconds(summary, 1) == ["neutral"] * 4 + ["angry"] * 2
    assert reasons(summary) == [(measured_s, None)] * 2
    by_id = {one.answer.clip_id: one.answer.probs for one in summary.clips}
    total = 0.7 + 1.05 + 0.15 / 7
    assert list(by_id["0/0"].values()) == pytest.approx([0.7, 0.15, 0.15])
    assert list(by_id["0/2"].values()) == pytest.approx(
        [0.7 / total, 1.05 / total, 0.15 / 7 / total]
    )
    assert list(by_id["1/2"].values()) == pytest.approx(ANGRY)  # its rest is plain neutral


def test_deltas_are_the_differences_to_the_rest() -> None:
    rows = [row for row in two_people("first:2s").timeline if row["track_id"] == 0]
    names = [f"delta_{label}" for label in LABELS]
    assert [rows[0][name] for name in names] == pytest.approx([0, 0, 0], abs=1e-6)
    assert [rows[5][name] for name in names] == pytest.approx([0, 0.6, -0.6], abs=1e-6)
    without = two_people(None).timeline[0]
    assert [without[name] for name in names] == [None] * 3


def test_a_label_that_never_leads_leaves_a_person_as_before() -> None:
    summary, before = two_people("label:neutral"), two_people(None)
    assert reasons(summary) == [(None, "never_leads"), (4.0, None)]
    assert seconds(summary, 0) == seconds(before, 0)
    assert [row["delta_happy"] for row in summary.timeline if row["track_id"] == 0] == [None] * 6


def test_too_little_face_time_and_no_clip_are_reasons() -> None:
    assert reasons(two_people("first:30s")) == [(None, "too_short")] * 2
    alone = summarise(
        [track_faces(range(3))], [], LABELS, fps=FPS, stride=16, duration_s=1.0,
        baseline=Baseline("median"),
    )  # fmt: skip
    assert reasons(alone) == [(None, "no_clip")]
    assert alone.video["label"] is None
    absent = summarise(
        [], [], LABELS, fps=FPS, stride=16, duration_s=1.0, baseline=Baseline("median")
    )
    assert absent.people == []


def test_a_person_with_two_tracks_has_one_rest_by_time() -> None:
    """The later track comes first in the list; the first second of face time is in the other."""
    tracks = [track_faces(range(16, 32), track=0), track_faces(range(16), track=1)]
    clips = [
        clip(1, SMILE_OF_FROWN, track=0, person=0),
        clip(0, FROWN, track=1, person=0),
    ]
    summary = summarise(
        tracks,
        clips,
        LABELS,
        fps=FPS,
        stride=16,
        duration_s=4.0,
        baseline=parse_baseline("first:1s"),
    )
    assert [row["label"] for row in summary.tracks] == ["happy", "neutral"]


def test_certain_probabilities_do_not_break_it() -> None:
    """0 counts as 0.01: r is (0.01, 0.01, 1) / 1.02, and a rest stays neutral."""
    certain = np.tile(np.array([0, 0, 1], np.float32), (8, 1))
    rest = measure_rest(certain, Baseline("median"), LABELS, fps=FPS)
    assert rest.probs is not None
    assert rest.probs.tolist() == pytest.approx([0.01 / 1.02, 0.01 / 1.02, 1 / 1.02])
    assert relative(certain, rest, LABELS)[0].tolist() == pytest.approx(
        [1 / 1.02] + [0.01 / 1.02] * 2
    )


def test_without_a_neutral_label_a_rest_has_no_label() -> None:
    rest = Rest(np.log(np.array([0.2, 0.8])))
    probs = np.array([[0.2, 0.8], [0.5, 0.5]], np.float32)
    changed = relative(probs, rest, ("glad", "sad"))
    assert changed.ravel().tolist() == pytest.approx([0.5, 0.5, 0.8, 0.2])


@pytest.mark.parametrize(
    "text",
    ["", "first", "first:", "first:0s", "first:-3s", "first:nans", "first:infs", "label:", "mean"],
)
def test_a_wrong_baseline_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"must be first:30s .* got"):
        parse_baseline(text)


def test_a_baseline_names_a_label_of_the_model() -> None:
    assert parse_baseline("first:2.5s").seconds == 2.5
    with pytest.raises(InputError, match="label:calm: the model has the labels neutral, happy"):
        parse_baseline("label:calm").check_labels(LABELS)
