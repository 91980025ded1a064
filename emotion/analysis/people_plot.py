"""Plot of one video: a band per person, with the probabilities of each second above its segments.

The palette is that of all pages. Names of labels are written into segments that are long enough, so
that a reader without colour vision can read the plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotion.colours import colour, ink
from emotion.predict.mixture import label_text
from emotion.predict.spans import person
from schemas.scores import prob_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_PEOPLE = 8
"""Largest number of bands: those of the persons with the most faces."""
BAND_INCHES = 0.9
_STRIP = 0.24  # height of the segments in a band of height 1; the remainder is for probabilities
_GAP = 0.12
_LETTER_SHARE = 0.012  # width of a letter, as a share of the plot
Row = Mapping[str, Any]


def drawn_people(tracks: Sequence[Row]) -> list[int]:
    """Return the persons that the plot shows, by identity_id; may be empty."""
    faces: dict[int, int] = {}
    for track in tracks:
        faces[track["identity_id"]] = faces.get(track["identity_id"], 0) + track["num_faces"]
    return sorted(sorted(faces, key=lambda one: (-faces[one], one))[:MAX_PEOPLE])


def inches_high(tracks: Sequence[Row]) -> float:
    """Return the height of a figure with one plot of these tracks, in inches."""
    return 1.1 + BAND_INCHES * max(1, len(drawn_people(tracks)))


def draw_people(
    axes: Axes,
    *,
    timeline: Sequence[Row],
    segments: Sequence[Row],
    tracks: Sequence[Row],
    labels: Sequence[str],
    duration_s: float,
) -> None:
    """Draw the answers for one video; x is the time in seconds.

    Args:
        axes: the axes to draw on.
        timeline: rows of ``timeline`` of the video.
        segments: rows of ``segments`` of the video.
        tracks: rows of ``tracks`` of the video; without a track the axes say "no face".
        labels: K names.
        duration_s: length of the video, seconds.
    """
    people = drawn_people(tracks)
    for band, identity in enumerate(people):
        top = float(len(people) - band)
        _draw_probs(axes, [r for r in timeline if r["identity_id"] == identity], labels, top)
        own = [r for r in segments if r["identity_id"] == identity]
        _draw_segments(axes, own, labels, top, duration_s)
    if not people:
        axes.text(0.5, 0.5, "no face", transform=axes.transAxes, ha="center", va="center")
    axes.set_xlim(0, max(duration_s, 0.1))
    axes.set_ylim(0, max(1, len(people)))
    axes.set_yticks([len(people) - n - 0.5 for n in range(len(people))], map(person, people))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("seconds")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    _draw_legend(axes, labels)


def _draw_probs(axes: Axes, rows: Sequence[Row], labels: Sequence[str], top: float) -> None:
    """Draw the probabilities of one person's seconds, stacked, in the upper part of the band."""
    low, high = top - 1 + _STRIP + _GAP / 2, top - _GAP / 2
    for first, probs_SK in _runs(_seconds(rows, labels)):
        edges_s = np.arange(first, first + len(probs_SK) + 1)
        tops_SK = low + (high - low) * np.cumsum(np.vstack([probs_SK, probs_SK[-1:]]), axis=1)
        floor_S = np.full(len(tops_SK), low)
        for number, label in enumerate(labels):
            top_S = tops_SK[:, number]
            axes.fill_between(
                edges_s, floor_S, top_S, step="post", color=colour(label, labels), linewidth=0
            )
            floor_S = top_S


def _seconds(rows: Sequence[Row], labels: Sequence[str]) -> dict[int, list[float]]:
    """Return the probabilities of one person by second.

    In a second with several tracks of the person, the track with the most faces counts.
    """
    best: dict[int, Row] = {}
    for row in rows:
        second = int(row["start_s"])
        if row["label"] is not None and (
            second not in best or row["face_share"] > best[second]["face_share"]
        ):
            best[second] = row
    return {second: [row[prob_column(k)] for k in labels] for second, row in best.items()}


def _runs(seconds: Mapping[int, list[float]]) -> list[tuple[int, NDArray[np.float64]]]:
    """Return first second and (S, K) probabilities of each run of seconds without a gap.

    >>> [(first, len(probs)) for first, probs in _runs({1: [1.0], 2: [1.0], 5: [1.0]})]
    [(1, 2), (5, 1)]
    """
    runs: list[tuple[int, list[list[float]]]] = []
    for second in sorted(seconds):
        if not runs or second != runs[-1][0] + len(runs[-1][1]):
            runs.append((second, []))
        runs[-1][1].append(seconds[second])
    return [(first, np.array(probs, np.float64)) for first, probs in runs]


def _draw_segments(
    axes: Axes, rows: Sequence[Row], labels: Sequence[str], top: float, duration_s: float
) -> None:
    """Draw the segments of one person in the lower part of the band, with names if they fit.

    Uncertain ones are hatched.
    """
    low = top - 1 + _GAP / 2
    for row in rows:
        fill, text = colour(row["label"], labels), _text(row)
        start_s, long_s = row["start_s"], row["stop_s"] - row["start_s"]
        axes.broken_barh(
            [(start_s, long_s)],
            (low, _STRIP - 0.04),
            facecolors=fill,
            edgecolor="white",
            hatch="///" if row["is_uncertain"] else None,
        )
        if long_s > _LETTER_SHARE * len(text) * duration_s:
            axes.text(
                start_s + long_s / 2,
                low + (_STRIP - 0.04) / 2,
                text,
                ha="center",
                va="center",
                fontsize=8,
                color=ink(fill),
                clip_on=True,
            )


def _text(row: Row) -> str:
    return label_text(row["label"], uncertain=row["is_uncertain"])


def _draw_legend(axes: Axes, labels: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=colour(label, labels), label=label) for label in labels],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=max(1, len(labels)),
        frameon=False,
        fontsize=8,
    )
