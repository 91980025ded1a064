"""A row per person, from tables written by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from emotion.analysis.people import person_answers
from schemas.scores import person_answers_schema, score_tables

LABELS = ("calm", "glad")
SCHEMAS = score_tables(LABELS)


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    full = [
        dict.fromkeys(SCHEMAS[name].names) | {"video_id": "v", "uri": "a.mp4"} | r for r in rows
    ]
    return pa.Table.from_pylist(full, schema=SCHEMAS[name])


def clip(identity: int, num_faces: int, calm: float) -> dict[str, Any]:
    probs = {"prob_calm": calm, "prob_glad": 1 - calm}
    return {"identity_id": identity, "num_faces": num_faces} | probs


def track(number: int, identity: int, start_s: float, stop_s: float, **more: Any) -> dict[str, Any]:
    ids = {"track_id": number, "identity_id": identity, "start_s": start_s, "stop_s": stop_s}
    return ids | {"num_clips": 1} | more


@pytest.fixture
def tables() -> dict[str, pa.Table]:
    """Person 0 with two tracks and two clips; person 1 with a track too short for a clip."""
    return {
        "scores": table("scores", [clip(0, 12, 1.0), clip(0, 4, 0.0)]),
        "segments": table(
            "segments",
            [
                {"identity_id": 0, "label": "calm", "num_faces": 15},
                {"identity_id": 0, "label": "glad", "num_faces": 5},
            ],
        ),
        "tracks": table(
            "tracks",
            [
                track(0, 0, 0.0, 1.5, num_faces=12),
                track(2, 0, 4.0, 5.0, num_faces=8),
                track(1, 1, 1.0, 1.5, num_faces=4, num_clips=0),
            ],
        ),
        "people": table(
            "people",
            [{"identity_id": 0, "face_s": 2.5, "usable_share": 0.25}, {"identity_id": 1}],
        ),
    }


@pytest.mark.parametrize("margin, uncertain", [(0.5, False), (0.51, True)])
def test_tracks_of_a_person_are_joined(
    margin: float, uncertain: bool, tables: dict[str, pa.Table]
) -> None:
    people = person_answers(tables, LABELS, margin=margin)
    assert people.schema.equals(person_answers_schema(LABELS))
    first, second = people.to_pylist()
    assert {name: value for name, value in first.items() if value is not None} == {
        "video_id": "v", "uri": "a.mp4", "identity_id": 0, "person": "person 1",
        "start_s": 0.0, "stop_s": 5.0, "num_faces": 20, "num_tracks": 2, "num_clips": 2,
        "label": "calm", "is_uncertain": uncertain, "confidence": 0.75, "second_label": "glad",
        "margin": 0.5, "entropy": pytest.approx(0.8112781), "prob_calm": 0.75, "prob_glad": 0.25,
        "share_calm": 0.75, "share_glad": 0.25, "face_s": 2.5, "usable_share": 0.25,
    }  # fmt: skip
    assert (second["person"], second["num_faces"], second["num_clips"]) == ("person 2", 4, 0)
    empty = ("label", "is_uncertain", "confidence", "prob_calm", "share_glad")
    assert [second[name] for name in empty] == [None] * 5


def test_the_same_number_in_two_videos_is_two_persons(tables: dict[str, pa.Table]) -> None:
    more: dict[str, list[dict[str, Any]]] = {
        "scores": [clip(0, 8, 0.25)],
        "segments": [{"identity_id": 0, "label": "glad", "num_faces": 8}],
        "tracks": [track(0, 0, 0.0, 1.0, num_faces=8)],
        "people": [{"identity_id": 0}],
    }
    other = {n: table(n, [row | {"video_id": "w"} for row in rows]) for n, rows in more.items()}
    both = {name: pa.concat_tables([tables[name], other[name]]) for name in tables}
    rows = person_answers(both, LABELS, margin=0.0).to_pylist()
    assert [(r["video_id"], r["identity_id"], r["label"]) for r in rows] == [
        ("v", 0, "calm"), ("v", 1, None), ("w", 0, "glad"),
    ]  # fmt: skip
    assert rows[2]["share_glad"] == 1.0


def test_without_a_person_there_is_no_row() -> None:
    names = ("people", "scores", "segments", "tracks")
    empty = {name: SCHEMAS[name].empty_table() for name in names}
    assert person_answers(empty, LABELS, margin=0.0).num_rows == 0
