"""The walk with identities, on boxes and embeddings written by hand."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.extract.cuts import Signature, signature
from emotion.extract.detect import spec_for
from emotion.extract.identity import CropEmbedder, MeanEmbedding
from emotion.extract.observe import DetectedFace, Observation, encode_jpeg
from emotion.extract.walk import VideoSummary, walk

Vector = NDArray[np.float32]
SPEC = spec_for("yunet")
GREY = np.full((90, 160, 3), 128, np.uint8)
ORANGE = np.full((90, 160, 3), (250, 120, 0), np.uint8)


def unit(*angles_deg: float) -> Vector:
    """Return a unit vector at an angle in one plane; 20 degrees are a distance of 0.347."""
    vector = np.zeros(128, np.float32)
    vector[0] = math.cos(math.radians(angles_deg[0]))
    vector[1] = math.sin(math.radians(angles_deg[0]))
    return vector


class ByGrey:
    """Embedder of plain grey crops: each level of grey is an angle, so 60 is at 60 degrees."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.count += len(crops)
        return np.stack([unit(float(crop.mean())) for crop in crops])


def face(x: float, who: int, *, size: float = 50, yaw_deg: float = 0) -> DetectedFace:
    crop = np.full((112, 112, 3), who, np.uint8)
    return DetectedFace(
        box=(x, 100, x + size, 100 + size),
        score=0.9,
        landmarks=(0.0,) * 10,
        landmarks_by="dlib",
        yaw_deg=yaw_deg,
        roll_deg=0.0,
        blur=100.0,
        brightness=100.0,
        jpeg=encode_jpeg(crop, 100),
    )


def frames(
    *samples: Sequence[DetectedFace], start: int = 0, picture: NDArray[np.uint8] = GREY
) -> list[Observation]:
    sign: Signature = signature(picture)
    return [
        Observation(k, k / 8, 128.0, 100.0, sign, tuple(faces))
        for k, faces in enumerate(samples, start)
    ]


class Walked:
    """Rows and summary of the walk over some frames."""

    def __init__(self, samples: Sequence[Observation], *, embed: ByGrey | None) -> None:
        self.summary = VideoSummary()
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        rows: Iterator[tuple[str, Any]] = walk(
            samples, spec=SPEC, video_id="v", summary=self.summary, embed=embed
        )
        for table, row in rows:
            self.rows[table].append(row)

    def at(self, column: str) -> dict[int, list[int | None]]:
        """Return, for each sample, the ids of its faces in the order of the detections."""
        ordered = sorted(self.rows["faces"], key=lambda row: str(row["face_id"]))
        result: dict[int, list[int | None]] = defaultdict(list)
        for row in ordered:
            result[row["frame_index"]].append(row[column])
        return dict(result)

    @property
    def spans(self) -> list[tuple[int, int, float, float]]:
        tracks = self.rows["tracks"]
        spans = [(t["track_id"], t["identity_id"], t["start_s"], t["stop_s"]) for t in tracks]
        return sorted(spans)


ANN, BOB = 20, 100  # 80 degrees: 1.29 apart
TWIN = 46  # 26 degrees from Ann: 0.45 apart, the least for two people


def test_nothing_seen_costs_nothing() -> None:
    embed = ByGrey()
    walked = Walked(frames([], [], []), embed=embed)
    assert (walked.rows["faces"], walked.rows["tracks"], embed.count) == ([], [], 0)
    assert walked.summary.num_identities == 0


@pytest.mark.parametrize(
    "samples, looks", [(2, 0), (3, 1), (20, 1), (40, 1), (43, 2), (160, 4)], ids=str
)
def test_one_person_alone_is_looked_at_every_five_seconds(samples: int, looks: int) -> None:
    embed = ByGrey()
    walked = Walked(frames(*[[face(100, ANN)]] * samples), embed=embed)
    assert embed.count == looks
    assert len(walked.rows["faces"]) == samples
    assert walked.summary.num_identities == (samples >= 3)


def test_two_people_near_each_other_are_looked_at_every_second() -> None:
    embed = ByGrey()
    walked = Walked(frames(*[[face(0, ANN), face(120, BOB)]] * 81), embed=embed)
    assert embed.count == 2 * 10  # confirmed at 0.25 s, then at 1.25, ..., 9.25 s
    assert walked.spans == [(0, 0, 0.0, 10.125), (1, 1, 0.0, 10.125)]


@pytest.mark.parametrize(
    "gap_samples, tracks",
    [
        (3, [(0, 0, 0.0, 2.375)]),
        (16, [(0, 0, 0.0, 4.0)]),
        (23, [(0, 0, 0.0, 4.875)]),
        (24, [(0, 0, 0.0, 1.0), (1, 0, 4.0, 5.0)]),
        (80, [(0, 0, 0.0, 1.0), (1, 0, 11.0, 12.0)]),
    ],
    ids=["a moment", "two seconds", "the longest gap", "a little longer", "ten seconds"],
)
def test_who_comes_back_is_the_same_person(
    gap_samples: int, tracks: list[tuple[int, int, float, float]]
) -> None:
    there = [[face(0, ANN)]] * 8
    back = [[face(300, ANN)]] * 8
    walked = Walked(frames(*there, *[[]] * gap_samples, *back), embed=ByGrey())
    if gap_samples == 3:  # in another place: only the embedding decides
        tracks = [(0, 0, 0.0, 19 / 8)]
    assert walked.spans == tracks
    assert walked.summary.num_identities == 1


def test_who_comes_instead_is_another_person() -> None:
    samples = frames(*[[face(0, ANN)]] * 8, *[[]] * 16, *[[face(0, BOB)]] * 8)
    assert Walked(samples, embed=ByGrey()).spans == [(0, 0, 0.0, 1.0), (1, 1, 3.0, 4.0)]


def test_a_cut_ends_tracks_but_not_people() -> None:
    before = frames(*[[face(0, ANN), face(200, BOB)]] * 8)
    after = frames(*[[face(0, BOB), face(200, ANN)]] * 8, start=8, picture=ORANGE)
    walked = Walked([*before, *after], embed=ByGrey())
    expected = [(0, 0, 0.0, 1.0), (1, 1, 0.0, 1.0), (2, 1, 1.0, 2.0), (3, 0, 1.0, 2.0)]
    assert walked.spans == expected
    assert walked.summary.num_identities == 2


def test_without_an_embedder_every_track_is_a_person() -> None:
    samples = frames(*[[face(0, ANN)]] * 8, *[[]] * 16, *[[face(0, ANN)]] * 8)
    walked = Walked(samples, embed=None)
    assert walked.spans == [(0, 0, 0.0, 1.0), (1, 1, 3.0, 4.0)]
    assert [row["embedding"] for row in walked.rows["tracks"]] == [[], []]
    assert walked.summary.num_identities == 2


@pytest.mark.parametrize("other", [BOB, TWIN], ids=["unlike", "alike"])
def test_two_who_meet_and_turn_back_stay_who_they_are(other: int) -> None:
    """Hide one of them for two samples; with constant velocity they would cross."""
    gaps = [200, 160, 120, 90, 60, 30, 0, 0, 30, 60, 90, 120, 160, 200, 200]
    lone = [[face(200 - gap / 2, ANN), face(200 + gap / 2, other)] for gap in gaps]
    for k in (6, 7):
        lone[k] = lone[k][:1]
    there = [[face(100, ANN), face(300, other)]] * 8
    samples = frames(*there, *lone, *there)
    walked = Walked(samples, embed=ByGrey())
    assert {k: v for k, v in walked.at("track_id").items() if v not in ([0, 1], [0])} == {}
    boxes_only = Walked(samples, embed=None).at("track_id")
    assert boxes_only[30] != [0, 1]  # wrong without embeddings


def test_people_who_change_places_unseen_are_told_apart_from_that_frame_on() -> None:
    """Swap two people without a cut or a move: the waiting rows go to the right person."""
    samples = frames(*[[face(0, ANN), face(120, BOB)]] * 21, *[[face(0, BOB), face(120, ANN)]] * 21)
    walked = Walked(samples, embed=ByGrey())
    result = walked.at("identity_id")
    assert {tuple(result[k]) for k in range(21)} == {(0, 1)}
    assert {tuple(result[k]) for k in range(21, 42)} == {(1, 0)}
    assert walked.at("track_id") == result
    assert walked.summary.num_identities == 2


def test_who_turns_up_elsewhere_while_a_stranger_is_in_their_place() -> None:
    cal = 170
    before = [[face(0, ANN), face(120, BOB)]] * 17
    after = [[face(0, cal), face(120, BOB), face(400, ANN)]] * 17
    walked = Walked(frames(*before, *after), embed=ByGrey())
    result = walked.at("identity_id")
    assert {tuple(result[k]) for k in range(17)} == {(0, 1)}
    assert {tuple(result[k]) for k in range(17, 34)} == {(2, 1, 0)}
    assert walked.spans == [(0, 0, 0.0, 4.25), (1, 1, 0.0, 4.25), (2, 2, 2.125, 4.25)]


@pytest.mark.parametrize("at", [3, 4, 10, 17, 20])
def test_a_stranger_in_the_place_of_one_who_is_gone(at: int) -> None:
    cal = 170
    before, after = [[face(0, ANN), face(120, BOB)]] * at, [[face(0, cal), face(120, BOB)]] * 17
    walked = Walked(frames(*before, *after), embed=ByGrey())
    end_s = (at + 17) / 8
    assert walked.spans == [(0, 0, 0.0, at / 8), (1, 1, 0.0, end_s), (2, 2, at / 8, end_s)]
    assert len(walked.rows["faces"]) == 2 * (at + 17)


def test_one_odd_look_changes_nothing() -> None:
    """Show another person in one frame; the next check, after 0.25 s, sees the right one."""
    samples = frames(*[[face(0, ANN), face(120, BOB)]] * 30)
    odd = frames([face(0, 180), face(120, BOB)], start=10)  # checked at 0.25 s and a second later
    walked = Walked([*samples[:10], *odd, *samples[11:]], embed=ByGrey())
    assert walked.spans == [(0, 0, 0.0, 3.75), (1, 1, 0.0, 3.75)]
    assert len(walked.rows["faces"]) == 60


def test_every_face_is_a_row_once_and_in_order_within_its_track() -> None:
    people = [[face(0, ANN), face(120, BOB)], [face(120, ANN), face(0, BOB)], [face(60, ANN)], []]
    draw = np.random.default_rng(4)
    samples = frames(*[people[int(k)] for k in np.repeat(draw.integers(0, 4, 40), 7)])
    rows = Walked(samples, embed=ByGrey()).rows["faces"]
    assert len(rows) == sum(len(o.faces) for o in samples)
    assert len({row["face_id"] for row in rows}) == len(rows)
    by_track = defaultdict(list)
    for row in rows:
        by_track[row["track_id"]].append(row["frame_index"])
    for track, indexes in by_track.items():
        if track is not None:
            assert indexes == sorted(set(indexes))


def test_a_crop_that_is_no_picture_gives_a_person_without_an_embedding() -> None:
    broken = dataclasses.replace(face(0, ANN), jpeg=b"")
    walked = Walked(frames(*[[broken]] * 8), embed=ByGrey())
    assert walked.spans == [(0, 0, 0.0, 1.0)]
    assert walked.rows["tracks"][0]["embedding"] == []
    assert CropEmbedder(ByGrey())(b"no picture") is None


def test_only_good_crops_are_looked_at_again() -> None:
    embed = ByGrey()
    profile = [[face(100, ANN, yaw_deg=60)]] * 160
    walked = Walked(frames(*[[face(100, ANN)]] * 3, *profile), embed=embed)
    assert embed.count == 1
    assert len(walked.rows["faces"]) == 163


def test_the_embedding_of_a_track_is_the_unit_mean_of_its_looks() -> None:
    mean = MeanEmbedding()
    assert (mean.mean, mean.distance(unit(0))) == (None, 2.0)
    mean.add(unit(0))
    mean.add(unit(90))
    assert mean.mean == pytest.approx(unit(45), abs=1e-6)
    assert mean.distance(unit(105)) == pytest.approx(1.0, abs=1e-6)  # 60 degrees: equilateral
