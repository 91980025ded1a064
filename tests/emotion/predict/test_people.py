"""Evidence about people, counted by hand."""

from __future__ import annotations

import pytest

from emotion.predict.answer import PersonPrediction, people_lines, person_prediction
from emotion.predict.people import person_rows
from tests.helpers.tracks import track_faces

FPS = 8.0


def people(*tracks: object, duration_s: float = 4.0) -> list[PersonPrediction]:
    rows = person_rows(tracks, {}, fps=FPS, duration_s=duration_s)  # type: ignore[arg-type]
    return [person_prediction(row) for row in rows]


def test_no_track_gives_no_person() -> None:
    assert people() == []


def test_a_person_with_small_faces_in_half_of_the_time() -> None:
    """32 samples: 8 with a usable face, 8 with a face of 20 px."""
    (one,) = people(
        track_faces(range(8), track=0), track_faces(range(8, 16), track=1, size_px=20.0)
    )
    assert (one.face_s, one.face_share, one.usable_share) == (2.0, 0.5, 0.25)
    assert (one.small_share, one.turned_share, one.blurred_share) == (0.5, 0.0, 0.0)
    assert (one.median_size_px, one.median_yaw_deg, one.median_blur) == (30.0, 0.0, 100.0)
    assert (one.baseline_s, one.baseline_reason) == (None, None)


def test_a_sample_with_two_faces_of_a_person_counts_once() -> None:
    (one,) = people(track_faces(range(8), track=0), track_faces(range(8), track=1))
    assert (one.face_s, one.face_share) == (1.0, 0.25)


def test_faces_turned_to_either_side_and_blurred_ones_are_not_usable() -> None:
    turned, blurred = people(
        track_faces(range(4), track=0, person=0, yaw_deg=-50.0),
        track_faces(range(4), track=1, person=1, blur=1.0),
    )
    assert (turned.turned_share, turned.usable_share, turned.median_yaw_deg) == (1.0, 0.0, 50.0)
    assert (blurred.blurred_share, blurred.usable_share) == (1.0, 0.0)
    assert people_lines([turned, blurred]) == [
        "person 1: few usable faces (0% small, 100% turned away, 0% blurred)",
        "person 2: few usable faces (0% small, 0% turned away, 100% blurred)",
    ]


@pytest.mark.parametrize("duration_s, share", [(0.0, 0.0), (0.5, 1.0)])
def test_shares_stay_between_0_and_1(duration_s: float, share: float) -> None:
    (one,) = people(track_faces(range(8)), duration_s=duration_s)
    assert (one.face_share, one.usable_share) == (share, share)
