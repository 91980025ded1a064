"""Answers for a clip, a segment and a video as plain values; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion.package.trust import TrustNote
from emotion.predict.mixture import is_uncertain, mixture
from schemas.scores import prob_column

FEW_USABLE = 0.5
"""Share of a person's faces that must be usable; with fewer, the answer says so."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ClipPrediction:
    """Answer for one clip of one track.

    The clip shows [start_s, stop_s), seconds from the first frame. ``box`` is xyxy pixels.
    ``confidence`` is the probability of ``label``. ``probs`` is by label, in label order.
    ``is_uncertain`` is True if the two largest probabilities differ by less than the margin in use.
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
    is_uncertain: bool = False


@dataclass(frozen=True)
class SegmentPrediction:
    """Answer for a run of one label in one track, [start_s, stop_s) in seconds.

    ``confidence`` is the label's mean probability. ``margin`` is ``confidence`` minus the mean
    probability of ``second_label``, which is None if there is only one label. ``is_uncertain`` is
    True if ``margin`` is below the margin in use.
    """

    track_id: int
    identity_id: int
    start_s: float
    stop_s: float
    label: str
    confidence: float
    second_label: str | None
    margin: float
    is_uncertain: bool = False


@dataclass(frozen=True)
class PersonPrediction:
    """Evidence about one person of a video; fields are the columns of ``schemas.scores.PEOPLE``.

    ``emotion.predict.people`` defines a usable face.
    """

    identity_id: int
    face_s: float
    face_share: float
    usable_share: float
    small_share: float
    turned_share: float
    blurred_share: float
    median_size_px: float
    median_yaw_deg: float
    median_blur: float
    baseline_s: float | None
    baseline_reason: str | None


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
        is_uncertain: True if the two largest probabilities differ by less than the margin in use;
            None without a clip.
        people: evidence about each person, by identity_id.
        trust: warning, margin and recall by label; see ``emotion.package.trust``.
        first_frame_s: time of the first frame on a player's clock, seconds. All other times count
            from the first frame.
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
    is_uncertain: bool | None = None
    people: tuple[PersonPrediction, ...] = ()
    trust: TrustNote = field(default_factory=TrustNote)
    first_frame_s: float = 0.0


def by_label(probs: NDArray[np.float32], labels: tuple[str, ...]) -> dict[str, float]:
    """Return probabilities by label, in label order."""
    return {label: float(p) for label, p in zip(labels, probs, strict=True)}


def clip_prediction(
    clip: Mapping[str, Any],
    probs: NDArray[np.float32],
    labels: tuple[str, ...],
    *,
    margin: float = 0.0,
) -> ClipPrediction:
    """Return the answer for a clip.

    Args:
        clip: row of the clip. It needs clip_id, track_id, identity_id, start_s, stop_s, box,
            num_faces and quality.
        probs: (K,) probabilities of the model.
        labels: K names.
        margin: margin below which the answer is uncertain.
    """
    mixed = mixture(probs, labels)
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
        label=mixed.label,
        confidence=mixed.confidence,
        probs=by_label(probs, labels),
        is_uncertain=is_uncertain(mixed.margin, least=margin),
    )


def segment_prediction(row: Mapping[str, Any]) -> SegmentPrediction:
    """Return the answer for a row of the table ``segments``; other columns are left out."""
    return SegmentPrediction(**{f.name: row[f.name] for f in fields(SegmentPrediction)})


def person_prediction(row: Mapping[str, Any]) -> PersonPrediction:
    """Return the evidence of a row of the table ``people``; other columns are left out."""
    return PersonPrediction(**{f.name: row[f.name] for f in fields(PersonPrediction)})


def people_lines(people: Sequence[PersonPrediction]) -> list[str]:
    """Return a line about each person with few usable faces or without a rest; may be empty."""
    lines = []
    for one in people:
        name = f"person {one.identity_id + 1}"
        if one.usable_share < FEW_USABLE * one.face_share:
            lines.append(
                f"{name}: few usable faces ({one.small_share:.0%} small, {one.turned_share:.0%} "
                f"turned away, {one.blurred_share:.0%} blurred)"
            )
        if one.baseline_reason is not None:
            lines.append(f"{name}: no baseline ({one.baseline_reason}); answers are not relative")
    return lines


def video_prediction(
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    labels: tuple[str, ...],
    *,
    model_id: str,
    trust: TrustNote,
) -> VideoPrediction:
    """Return the answer for one video from its rows in the tables of a score set.

    Args:
        tables: rows of ``videos`` (one row), ``scores``, ``segments`` and ``people``; other tables
            are left out.
        labels: K names.
        model_id: id of the package.
        trust: what stands beside the answer; its margin is the one in use.
    """
    (video,) = tables["videos"]
    names = [prob_column(label) for label in labels]
    clips = [
        clip_prediction(
            row, np.array([row[name] for name in names], np.float32), labels, margin=trust.margin
        )
        for row in tables["scores"]
    ]
    return VideoPrediction(
        uri=video["uri"],
        duration_s=video["duration_s"],
        label=video["label"],
        confidence=video["confidence"],
        probs=dict(zip(labels, (video[name] for name in names), strict=True)) if clips else {},
        coverage=video["coverage"],
        reason=video["reason"],
        num_tracks=video["num_tracks"],
        clips=tuple(clips),
        segments=tuple(segment_prediction(row) for row in tables["segments"]),
        model_id=model_id,
        is_uncertain=video["is_uncertain"],
        people=tuple(person_prediction(row) for row in tables["people"]),
        trust=trust,
        first_frame_s=video["first_frame_s"],
    )
