"""Keeping the persons with the most faces."""

from __future__ import annotations

import pytest

from emotion.errors import InputError
from emotion.predict.scan import Row, Scan, keep_people


def face(identity: int | None, frame: int) -> Row:
    return {"video_id": "v", "track_id": identity, "identity_id": identity, "frame_index": frame}


@pytest.fixture
def scan() -> Scan:
    """Three persons in ten samples: 0 in two, 1 in three, 2 in three; a face without a track."""
    who = {0: [0, 1], 1: [2, 3, 4], 2: [4, 5, 6]}
    faces = [face(one, k) for one, frames in who.items() for k in frames] + [face(None, 9)]
    clips: list[Row] = [{"clip_id": f"v/{k}", "identity_id": k} for k in (0, 1)]
    video: Row = {
        "video_id": "v", "num_frames": 10, "num_faces": 9, "num_clips": 2, "num_tracks": 3,
        "num_identities": 3, "coverage": 0.7, "reason": None, "duration_s": 1.25,
    }  # fmt: skip
    return Scan(video, clips, faces)


def test_all_are_kept_by_default(scan: Scan) -> None:
    assert keep_people(scan, None) is scan
    assert keep_people(scan, 3) == scan
    assert keep_people(scan, 9) == scan


def test_the_one_with_the_most_faces_who_came_first_is_kept(scan: Scan) -> None:
    kept = keep_people(scan, 1)
    assert [f["frame_index"] for f in kept.faces] == [2, 3, 4, 9]
    assert [c["clip_id"] for c in kept.clips] == ["v/1"]
    assert kept.video == scan.video | {
        "num_faces": 4, "num_clips": 1, "num_tracks": 1, "num_identities": 1, "coverage": 0.3,
    }  # fmt: skip


def test_a_sample_with_two_persons_covers_once(scan: Scan) -> None:
    assert keep_people(scan, 2).video["coverage"] == 0.5


def test_without_a_clip_there_is_a_reason(scan: Scan) -> None:
    scan = Scan(scan.video, [], scan.faces)
    assert keep_people(scan, 1).video["reason"] == "short_tracks"
    empty = Scan(scan.video, [], [])
    assert keep_people(empty, 1).video["reason"] == "no_face"
    assert keep_people(empty, 1).video["coverage"] == 0.0


def test_nobody_is_refused(scan: Scan) -> None:
    with pytest.raises(InputError, match="people must be at least 1, got 0"):
        keep_people(scan, 0)
