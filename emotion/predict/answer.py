"""Answers for a clip, a segment and a video as plain values; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ClipPrediction:
    """Answer for one clip of one track.

    The clip shows [start_s, stop_s), seconds from the first frame. ``box`` is xyxy pixels.
    ``confidence`` is the probability of ``label``. ``probs`` is by label, in label order.
    """

    clip_id: str
    track_id: int
    identity_id: int
    start_s: float
    stop_s: float
    box: Box
    num_faces: int
    quality: float
    label: str
    confidence: float
    probs: dict[str, float]


@dataclass(frozen=True)
class SegmentPrediction:
    """Answer for a run of one label in one track, [start_s, stop_s) in seconds.

    ``confidence`` is the label's mean probability. ``margin`` is ``confidence`` minus the mean
    probability of ``second_label``, which is None if there is only one label.
    """

    track_id: int
    identity_id: int
    start_s: float
    stop_s: float
    label: str
    confidence: float
    second_label: str | None
    margin: float


@dataclass(frozen=True)
class VideoPrediction:
    """Answer for one video.

    Attributes:
        uri: address that the caller gave; from ``VideoPredictor.predict``, the name of the file.
        duration_s: length in seconds.
        label: most probable label of the pooled probabilities; None without a clip.
        confidence: probability of the label; None without a clip.
        probs: probabilities pooled over the clips, by label; empty without a clip.
        coverage: share of sampled frames with a tracked face, 0 to 1.
        reason: reason for a missing label (``no_face``, ``short_tracks``); else None.
        num_tracks: number of tracks.
        clips: answers for the clips, in the order in which the clips were completed.
        segments: segments by track, in order of time; see ``emotion.predict.segments``.
        model_id: id of the package.
    """

    uri: str
    duration_s: float
    label: str | None
    confidence: float | None
    probs: dict[str, float]
    coverage: float
    reason: str | None
    num_tracks: int
    clips: tuple[ClipPrediction, ...]
    segments: tuple[SegmentPrediction, ...]
    model_id: str


def top(probs: NDArray[np.float32], labels: tuple[str, ...]) -> tuple[str, float]:
    """Return the most probable label and its probability; the first of equally probable ones.

    >>> top(np.array([0.25, 0.75], np.float32), ("calm", "tense"))
    ('tense', 0.75)
    """
    best = int(probs.argmax())
    return labels[best], float(probs[best])


def by_label(probs: NDArray[np.float32], labels: tuple[str, ...]) -> dict[str, float]:
    """Return probabilities by label, in label order."""
    return {label: float(p) for label, p in zip(labels, probs, strict=True)}


def clip_prediction(
    clip: Mapping[str, Any], probs: NDArray[np.float32], labels: tuple[str, ...]
) -> ClipPrediction:
    """Return the answer for a clip.

    Args:
        clip: row of the clip. It needs clip_id, track_id, identity_id, start_s, stop_s, box,
            num_faces and quality.
        probs: (K,) probabilities of the model.
        labels: K names.
    """
    label, confidence = top(probs, labels)
    x1, y1, x2, y2 = clip["box"]
    return ClipPrediction(
        clip_id=clip["clip_id"],
        track_id=clip["track_id"],
        identity_id=clip["identity_id"],
        start_s=clip["start_s"],
        stop_s=clip["stop_s"],
        box=(x1, y1, x2, y2),
        num_faces=clip["num_faces"],
        quality=clip["quality"],
        label=label,
        confidence=confidence,
        probs=by_label(probs, labels),
    )


def segment_prediction(row: Mapping[str, Any]) -> SegmentPrediction:
    """Return the answer for a row of the table ``segments``; other columns are left out."""
    return SegmentPrediction(**{f.name: row[f.name] for f in fields(SegmentPrediction)})
