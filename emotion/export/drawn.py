"""Tracks for the overlay to draw, from a score set's rows of one video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from emotion.colours import colour, rgb
from emotion.export.overlay import DrawnTrack
from emotion.predict.spans import NO_NAMES, Names, person, spans_of
from schemas.scores import prob_column

Rows = Iterable[Mapping[str, Any]]


def drawn_tracks(
    faces: Rows,
    segments: Rows,
    timeline: Rows,
    labels: Sequence[str],
    *,
    fps: float,
    names: Names = NO_NAMES,
) -> list[DrawnTrack]:
    """Return the tracks of one video, then each detection without a track.

    Such a detection becomes a track of one sample without a name: the overlay can blur it and does
    not draw it.

    Args:
        faces: rows of the table ``faces`` of the video.
        segments: rows of the table ``segments`` of the video.
        timeline: rows of the table ``timeline`` of the video.
        labels: the package's label set.
        fps: samples per second of the extraction spec.
        names: names of people.
    """
    spans = spans_of(segments)
    bars: dict[int, dict[int, list[float]]] = {}
    for row in timeline:
        if row["label"] is not None:
            probs = [float(row[prob_column(label)]) for label in labels]
            bars.setdefault(row["track_id"], {})[int(row["start_s"])] = probs
    by_track: dict[int, list[Mapping[str, Any]]] = {}
    untracked: list[Mapping[str, Any]] = []
    for face in faces:
        if face["track_id"] is None:
            untracked.append(face)
        else:
            by_track.setdefault(face["track_id"], []).append(face)
    colours = {label: rgb(colour(label, labels)) for label in labels}
    tracks = [
        DrawnTrack(
            name=person(rows[0]["identity_id"], names),
            spans=[span for span in spans if span.track_id == track_id],
            colour=colours,
            bars=bars.get(track_id, {}),
            labels=labels,
            **_times_and_boxes(rows, fps),
        )
        for track_id, rows in sorted(by_track.items())
    ]
    return tracks + [DrawnTrack(name="", **_times_and_boxes([face], fps)) for face in untracked]


def _times_and_boxes(rows: Sequence[Mapping[str, Any]], fps: float) -> dict[str, Any]:
    ordered = sorted(rows, key=lambda row: int(row["frame_index"]))
    return {
        "times_s": np.array([row["frame_index"] / fps for row in ordered], np.float64),
        "boxes": np.array([row["box"] for row in ordered], np.float64),
    }
