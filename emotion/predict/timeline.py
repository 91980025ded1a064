"""Probabilities of one track at every sample and in every second, from its scored clips.

A clip covers one or two seconds, so its answer does not give the moment of an expression. Its
probabilities are taken as evidence at one point in time, or at several points if the model has
steps (``emotion.models.steps``). The probabilities at a sample are a weighted mean of the evidence
near it::

    p(t) = sum_i w_i k((t - t_i) / h) p_i / sum_i w_i k((t - t_i) / h),    k(u) = max(0, 1 - |u|)

This is kernel regression with a triangular kernel (Nadaraya 1964, Watson 1964). Point i has time
t_i, probabilities p_i, and as weight w_i its number of faces. ``h`` (``reach_s`` in the code) is
half the distance between two points of evidence, at least 0.25 s. This is wide enough to remove
flicker, and narrow enough to keep the time of a change. If no point is within reach, the nearest
point is taken. A mean of vectors that sum to 1 sums to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes
from emotion.predict.mixture import is_uncertain, mixture
from schemas.scores import delta_column, prob_column

Row = dict[str, object]
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """Probabilities of one track at points in time.

    Attributes:
        times_s: (N,) in any order; seconds from the first frame.
        weights: (N,) above 0: number of faces from which each point was computed.
        probs: (N, K), rows sum to 1.
    """

    times_s: NDArray[np.float64]
    weights: NDArray[np.float64]
    probs: NDArray[np.float32]

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        num = len(self.times_s)
        check_array("Evidence.times_s", self.times_s, shape=(None,), dtype=np.float64)
        check_array("Evidence.weights", self.weights, shape=(num,), dtype=np.float64)
        check_array("Evidence.probs", self.probs, shape=(num, None), dtype=np.float32)


@dataclass(frozen=True)
class TrackFaces:
    """The faces of one track, one per sample, in order of time; N is at least 1.

    Attributes:
        track_id: number of the track in its video.
        identity_id: number of the person in the video.
        frame_index: (N,) numbers k of the samples at k / sample_fps seconds, ascending.
        scores: (N,) detection scores; a score above 1 counts as 1.
        sizes_px: (N,) square roots of the boxes' areas.
        yaws_deg: (N,) estimates of the turn of the head, degrees.
        blurs: (N,) variances of the crops' Laplacians; a small value means blurred.
        boxes: (N, 4) xyxy pixels.
    """

    track_id: int
    identity_id: int
    frame_index: NDArray[np.int64]
    scores: NDArray[np.float64]
    sizes_px: NDArray[np.float64]
    yaws_deg: NDArray[np.float64]
    blurs: NDArray[np.float64]
    boxes: NDArray[np.float32]

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        num = len(self.frame_index)
        check_array("TrackFaces.frame_index", self.frame_index, shape=(None,), dtype=np.int64)
        for name in ("scores", "sizes_px", "yaws_deg", "blurs"):
            values = getattr(self, name)
            check_array(f"TrackFaces.{name}", values, shape=(num,), dtype=np.float64)
        check_array("TrackFaces.boxes", self.boxes, shape=(num, 4), dtype=np.float32)


def smooth(
    evidence: Evidence, times_s: NDArray[np.float64], *, reach_s: float
) -> NDArray[np.float32]:
    """Return the probabilities at M times.

    Args:
        evidence: at least one point.
        times_s: (M,) seconds from the first frame.
        reach_s: h of the module's formula, seconds, above 0.

    Returns:
        (M, K) float32; rows sum to 1.

    >>> points = Evidence(np.array([1.0, 2.0]), np.ones(2), np.array([[1, 0], [0, 1]], np.float32))
    >>> smooth(points, np.array([0.0, 1.25, 1.5, 9.0]), reach_s=1.0)[:, 0]
    array([1.  , 0.75, 0.5 , 0.  ], dtype=float32)
    """
    order = np.argsort(evidence.times_s, kind="stable")
    at, weight = evidence.times_s[order], evidence.weights[order]
    probs = evidence.probs[order].astype(np.float64)
    means = np.empty((len(times_s), probs.shape[1]), np.float64)
    low = np.searchsorted(at, times_s - reach_s, side="right")
    high = np.searchsorted(at, times_s + reach_s, side="left")
    for m, t in enumerate(times_s):
        near = slice(low[m], high[m])
        share = weight[near] * (1 - np.abs(at[near] - t) / reach_s)
        if share.sum() > 0:
            means[m] = share @ probs[near] / share.sum()
        else:
            means[m] = probs[int(np.abs(at - t).argmin())]
    return means.astype(np.float32)


def second_rows(
    faces: TrackFaces,
    probs: NDArray[np.float32] | None,
    labels: tuple[str, ...],
    *,
    fps: float,
    margin: float = 0.0,
    deltas: NDArray[np.float32] | None = None,
) -> list[Row]:
    """Return one row for each second from the track's first face to its last.

    Args:
        faces: the track.
        probs: (N, K) probabilities at the track's samples; None if the track has no clip.
        labels: K names.
        fps: samples per second of the extraction spec.
        margin: margin below which an answer is uncertain.
        deltas: (N, K) differences to the person's rest at the samples; None without a rest.

    Returns:
        Rows of ``timeline`` without the video's columns. In a second without a face of the track,
        ``face_share`` is 0, and quality, box and the answer columns are null.
    """
    start_s = faces.frame_index / fps
    second = np.floor(start_s + 1e-9).astype(np.int64)
    rows = []
    for number in range(int(second[0]), int(second[-1]) + 1):
        inside = second == number
        count = int(inside.sum())
        # With rates such as 12.5 samples a second, seconds differ in their number of samples.
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
            | answer_columns(_mean(probs, inside), labels, margin=margin)
            | delta_columns(_mean(deltas, inside), labels)
        )
    return rows


def _mean(values: NDArray[np.float32] | None, inside: NDArray[np.bool_]) -> Vector | None:
    """Return the mean of the rows of ``values`` in ``inside``; None if there is none."""
    if values is None or not inside.any():
        return None
    mean: Vector = values[inside].mean(axis=0)
    return mean


def empty_second_row(number: int, labels: tuple[str, ...]) -> Row:
    """Return the row of a second in which no track has a face."""
    return (
        {
            "track_id": None,
            "identity_id": None,
            "start_s": float(number),
            "stop_s": float(number + 1),
            "face_share": 0.0,
            "quality": None,
            "box": None,
        }
        | answer_columns(None, labels)
        | delta_columns(None, labels)
    )


def delta_columns(deltas: NDArray[np.floating] | None, labels: Sequence[str]) -> Row:
    """Return a column per label: the difference to the person's rest; null for None."""
    if deltas is None:
        return dict.fromkeys(map(delta_column, labels))
    return {delta_column(k): float(v) for k, v in zip(labels, deltas, strict=True)}


def answer_columns(
    probs: NDArray[np.floating] | None, labels: Sequence[str], *, margin: float = 0.0
) -> Row:
    """Return the columns of a prediction; see ``schemas.scores``.

    Args:
        probs: (K,) summing to 1; for None all columns are null.
        labels: K names.
        margin: margin below which an answer is uncertain, 0 to 1; 0: none is.
    """
    if probs is None:
        names = ("label", "is_uncertain", "confidence", "second_label", "margin", "entropy")
        return dict.fromkeys((*names, *map(prob_column, labels)))
    mixed = mixture(probs, tuple(labels))
    columns: Row = vars(mixed) | {"is_uncertain": is_uncertain(mixed.margin, least=margin)}
    return columns | {prob_column(label): float(p) for label, p in zip(labels, probs, strict=True)}
