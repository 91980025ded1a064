"""Uncertain answers: the mark in every row, and the text that people read."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from emotion.predict.answer import clip_prediction
from emotion.predict.mixture import is_uncertain
from emotion.predict.summary import Summary, summarise
from tests.emotion.predict.test_timeline import FPS, LABELS, clip
from tests.helpers.tracks import track_faces as faces


def summary(margin: float) -> Summary:
    """Two seconds of a clear answer, 0.9 to 0.1, then two of 0.55 to 0.45."""
    clips = [clip(0, [0.9]), clip(16, [0.45])]
    return summarise(
        [faces(range(32))], clips, LABELS, fps=FPS, stride=16, duration_s=5.0, margin=margin
    )


@pytest.mark.parametrize(
    "margin, least, expected",
    [
        (0.0, 0.0, False),
        (-0.1, 0.0, False),
        (0.1, 0.1, False),
        (0.09, 0.1, True),
        (-0.1, 0.1, True),
    ],
)
def test_below_the_margin_an_answer_is_uncertain(
    margin: float, least: float, expected: bool
) -> None:
    assert is_uncertain(margin, least=least) is expected


def test_every_row_has_the_mark() -> None:
    rows = summary(0.2)
    marks = [row["is_uncertain"] for row in rows.timeline]
    assert marks == [False, False, True, True, None]  # the last second has no face
    assert [(s["label"], s["is_uncertain"]) for s in rows.segments] == [
        ("glad", False), ("calm", True),
    ]  # fmt: skip
    # pooled: 0.675 to 0.325
    assert (rows.video["label"], rows.video["is_uncertain"]) == ("glad", False)
    assert summary(0.4).video["is_uncertain"] is True
    assert [track["is_uncertain"] for track in summary(0.4).tracks] == [True]


def test_the_margin_changes_no_other_value() -> None:
    plain, marked = summary(0.0), summary(0.2)
    for name in ("timeline", "segments", "tracks"):
        pairs = zip(getattr(plain, name), getattr(marked, name), strict=True)
        for one, other in pairs:
            assert one["is_uncertain"] in (False, None)
            assert one | {"is_uncertain": None} == other | {"is_uncertain": None}


def test_without_an_answer_the_mark_is_null() -> None:
    nothing = summarise([], [], LABELS, fps=FPS, stride=16, duration_s=1.0, margin=0.5)
    assert nothing.video["is_uncertain"] is None


def test_a_clip_has_the_mark() -> None:
    row = dataclasses.asdict(clip(0, [0.5]).answer)
    probs = np.array([0.55, 0.45], np.float32)
    assert clip_prediction(row, probs, LABELS, margin=0.2).is_uncertain
    assert not clip_prediction(row, probs, LABELS).is_uncertain
