"""From the scored clips of one track to its probabilities at every sample, and to a row per second.

Clips say little about *when*: each covers a window of one or two seconds. What a model says of it
is taken as evidence at a point in time (or at several, where the model tells its steps apart), and
the probabilities at a sample are a mean of the evidence around it::

    p(t) = sum_i w_i k((t - t_i) / h) p_i / sum_i w_i k((t - t_i) / h),    k(u) = max(0, 1 - |u|)

This is kernel regression with a triangular kernel (Nadaraya 1964, Watson 1964). ``h``, here
``reach_s``, is half the distance of a clip's points, or a quarter of a second: wide enough to calm
what flickers, narrow enough to keep a change in its place. Where no point is within reach the
nearest is taken. A mean of vectors that sum to 1 sums to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.predict.mixture import mixture
from schemas.scores import prob_column

Row = dict[str, object]


@dataclass(frozen=True)
class Evidence:
    """What a model says of one track, as points in time.

    Attributes:
        times_s: (N,) in any order; seconds from the first frame.
        weights: (N,) above 0: faces behind each point.
        probs: (N, K), rows sum to 1.
    """

    times_s: NDArray[np.float64]
    weights: NDArray[np.float64]
    probs: NDArray[np.float32]


@dataclass(frozen=True)
class TrackFaces:
    """The samples in which a track's face was found, in order of time; N at least 1.

    Attributes:
        track_id: the track, numbered in its video.
        identity_id: whose it is.
        frame_index: (N,) k of the sample at k / sample_fps, rising.
        scores: (N,) of the detections; above 1 counts as 1.
        sizes_px: (N,) square roots of the boxes' areas.
        boxes: (N, 4) xyxy pixels.
    """

    track_id: int
    identity_id: int
    frame_index: NDArray[np.int64]
    scores: NDArray[np.float64]
    sizes_px: NDArray[np.float64]
    boxes: NDArray[np.float32]


def smooth(
    evidence: Evidence, times_s: NDArray[np.float64], *, reach_s: float
) -> NDArray[np.float32]:
    """Probabilities at some times.

    Args:
        evidence: at least one point.
        times_s: (M,), in order.
        reach_s: h, above 0.

    Returns:
        (M, K) float32; rows sum to 1.

    >>> points = Evidence(np.array([1.0, 2.0]), np.ones(2), np.array([[1, 0], [0, 1]], np.float32))
    >>> smooth(points, np.array([0.0, 1.25, 1.5, 9.0]), reach_s=1.0)[:, 0]
    array([1.  , 0.75, 0.5 , 0.  ], dtype=float32)
    """
    order = np.argsort(evidence.times_s, kind="stable")
    at, weight = evidence.times_s[order], evidence.weights[order]
    probs = evidence.probs[order].astype(np.float64)
    made = np.empty((len(times_s), probs.shape[1]), np.float64)
    low = np.searchsorted(at, times_s - reach_s, side="right")
    high = np.searchsorted(at, times_s + reach_s, side="left")
    for m, t in enumerate(times_s):
        near = slice(low[m], high[m])
        share = weight[near] * (1 - np.abs(at[near] - t) / reach_s)
        if share.sum() > 0:
            made[m] = share @ probs[near] / share.sum()
        else:
            made[m] = probs[int(np.abs(at - t).argmin())]
    return made.astype(np.float32)


def seconds(
    faces: TrackFaces, probs: NDArray[np.float32] | None, labels: tuple[str, ...], *, fps: float
) -> list[Row]:
    """One row for each second from the track's first face to its last.

    Args:
        faces: where it was seen.
        probs: (N, K) at those samples; None: the track is too short for a clip.
        labels: K names.
        fps: samples per second of the extraction spec.

    Returns:
        Rows of ``timeline`` without the video's columns. A second without a face of the track has
        ``face_share`` 0 and nulls in all that a face would tell.
    """
    start_s = faces.frame_index / fps
    second = np.floor(start_s + 1e-9).astype(np.int64)
    rows = []
    for number in range(int(second[0]), int(second[-1]) + 1):
        inside = second == number
        count = int(inside.sum())
        # Rates such as 12.5 samples a second do not fill all seconds alike.
        expected = math.ceil((number + 1) * fps - 1e-9) - math.ceil(number * fps - 1e-9)
        rows.append(
            {
                "track_id": faces.track_id,
                "identity_id": faces.identity_id,
                "start_s": float(number),
                "stop_s": float(number + 1),
                "face_share": count / max(1, expected),
                "quality": float(np.minimum(faces.scores[inside], 1).sum()) / max(1, expected)
                if count
                else None,
                "box": faces.boxes[inside].astype(np.float64).mean(axis=0).tolist()
                if count
                else None,
            }
            | mixed(probs[inside].mean(axis=0) if count and probs is not None else None, labels)
        )
    return rows


def nobody(number: int, labels: tuple[str, ...]) -> Row:
    """The row of a second in which no track has a face."""
    return {
        "track_id": None,
        "identity_id": None,
        "start_s": float(number),
        "stop_s": float(number + 1),
        "face_share": 0.0,
        "quality": None,
        "box": None,
    } | mixed(None, labels)


def mixed(probs: NDArray[np.floating] | None, labels: Sequence[str]) -> Row:
    """Label, second label, margin, entropy and a column per label; nulls for None."""
    if probs is None:
        names = ("label", "confidence", "second_label", "margin", "entropy")
        return dict.fromkeys((*names, *map(prob_column, labels)))
    found: Row = dict(vars(mixture(probs, tuple(labels))))
    return found | {prob_column(label): float(p) for label, p in zip(labels, probs, strict=True)}
