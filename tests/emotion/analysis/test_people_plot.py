"""The plot of one video: bands, heights and segments from rows written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from emotion.analysis.people_plot import MAX_PEOPLE, draw_people, drawn_people, inches_high

LABELS = ("calm", "glad")


def second(identity: int | None, start: int, calm: float | None, share: float = 1.0) -> Any:
    probs = {"prob_calm": calm, "prob_glad": None if calm is None else 1 - calm}
    label = None if calm is None else "calm"
    times = {"start_s": float(start), "stop_s": start + 1.0}
    return {"identity_id": identity, "label": label, "face_share": share} | times | probs


def track(identity: int, num_faces: int) -> Any:
    return {"identity_id": identity, "num_faces": num_faces}


def drawn(timeline: list[Any], segments: list[Any], tracks: list[Any]) -> Axes:
    axes = Figure().add_subplot()
    draw_people(
        axes, timeline=timeline, segments=segments, tracks=tracks, labels=LABELS, duration_s=10.0
    )
    return axes


def boxes(axes: Axes) -> list[tuple[float, ...]]:
    """Return x0, x1, y0, y1 of every drawn area, rounded."""
    found = []
    for area in axes.collections:
        assert isinstance(area, PolyCollection)
        for path in area.get_paths():
            (x0, y0), (x1, y1) = path.get_extents().get_points()
            found.append(tuple(float(v) for v in np.round([x0, x1, y0, y1], 3)))
    return found


def test_without_a_face_it_says_so() -> None:
    axes = drawn([second(None, 0, None)], [], [])
    assert [text.get_text() for text in axes.texts] == ["no face"]
    assert boxes(axes) == []
    assert list(axes.get_yticks()) == []


def test_probabilities_are_stacked_and_a_gap_is_left_out() -> None:
    """A band is 1 high: from 0.30 to 0.94 probabilities; 64% of it for each whole one."""
    rows = [second(0, 0, 0.25), second(0, 1, None), second(0, 3, 1.0)]
    assert boxes(drawn(rows, [], [track(0, 8)])) == [
        (0.0, 1.0, 0.3, 0.46),  # calm 0.25 x 0.64
        (0.0, 1.0, 0.46, 0.94),  # glad above it
        (3.0, 4.0, 0.3, 0.94),
        (3.0, 4.0, 0.94, 0.94),
    ]


def test_of_two_tracks_in_a_second_the_one_with_more_faces_counts() -> None:
    rows = [second(0, 0, 0.0, share=0.25), second(0, 0, 1.0, share=0.75)]
    assert boxes(drawn(rows, [], [track(0, 8)]))[0] == (0.0, 1.0, 0.3, 0.94)


def test_segments_lie_below_and_are_named_if_there_is_room() -> None:
    segments = [
        {"label": "calm", "start_s": 0.0, "stop_s": 4.0, "is_uncertain": True},
        {"label": "glad", "start_s": 4.0, "stop_s": 4.25, "is_uncertain": False},
    ]
    axes = drawn([], [{"identity_id": 0, **row} for row in segments], [track(0, 8)])
    assert boxes(axes) == [(0.0, 4.0, 0.06, 0.26), (4.0, 4.25, 0.06, 0.26)]
    assert [text.get_text() for text in axes.texts] == ["uncertain (calm)"]
    assert [area.get_hatch() for area in axes.collections] == ["///", None]


def test_the_first_person_is_at_the_top() -> None:
    axes = drawn([], [], [track(4, 8), track(2, 9)])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["person 3", "person 5"]
    assert list(axes.get_yticks()) == [1.5, 0.5]


def test_only_those_with_the_most_faces_are_drawn() -> None:
    tracks = [track(k, 10 + k) for k in range(20)]
    assert drawn_people(tracks) == list(range(20 - MAX_PEOPLE, 20))
    assert inches_high(tracks) == inches_high(tracks[:MAX_PEOPLE])
    assert drawn_people([track(0, 3), track(1, 5), track(0, 3)]) == [0, 1]
