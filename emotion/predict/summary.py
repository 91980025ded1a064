"""Rows of one video that people read (seconds, segments, tracks), from its clips and faces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes
from emotion.pooling import pool_clips
from emotion.predict.answer import ClipPrediction
from emotion.predict.segments import Run, SegmentRule, runs
from emotion.predict.timeline import (
    Evidence,
    Row,
    TrackFaces,
    answer_columns,
    empty_second_row,
    second_rows,
    smooth,
)

LEAST_REACH_S = 0.25
"""Smallest reach of the kernel, seconds: an expression takes 0.25 to 0.5 s to appear.

``emotion.predict.timeline`` defines the kernel.
"""


@dataclass(frozen=True)
class ScoredClip:
    """A clip with its answer and the probabilities of its steps.

    Attributes:
        answer: the answer for the clip.
        pts_s: presentation times, in seconds, of its T frames.
        steps: (S, K) probabilities of S equal parts of the clip in time.
    """

    answer: ClipPrediction
    pts_s: Sequence[float]
    steps: NDArray[np.float32]

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        shape = (None, len(self.answer.probs))
        check_array("ScoredClip.steps", self.steps, shape=shape, dtype=np.float32)


@dataclass(frozen=True)
class Summary:
    """Rows of one video, without video_id and uri; columns as in ``schemas.scores``.

    Attributes:
        timeline: rows by track and second, then the seconds without a tracked face.
        segments: rows by track and time.
        tracks: rows by track_id.
        video: label, confidence, second label, margin, entropy, probabilities, and each label's
            share of the tracked samples.
    """

    timeline: list[Row] = field(default_factory=list)
    segments: list[Row] = field(default_factory=list)
    tracks: list[Row] = field(default_factory=list)
    video: Row = field(default_factory=dict)


def summarise(
    faces: Sequence[TrackFaces],
    clips: Sequence[ScoredClip],
    labels: tuple[str, ...],
    *,
    fps: float,
    stride: int,
    duration_s: float,
    rule: SegmentRule = SegmentRule(),  # noqa: B008  (frozen)
) -> Summary:
    """Return the rows of one video that follow from its scored clips.

    Args:
        faces: tracks of the video; may be empty.
        clips: scored clips of these tracks; may be empty.
        labels: K names.
        fps: samples per second of the extraction spec.
        stride: samples from the start of a clip to the start of the next clip of the track.
        duration_s: length of the video, seconds.
        rule: rule by which segments are cut.
    """
    summary = Summary()
    by_track: dict[int, list[ScoredClip]] = {}
    for clip in clips:
        by_track.setdefault(clip.answer.track_id, []).append(clip)
    shown = np.zeros(len(labels))  # samples by label, over all tracks
    for track in sorted(faces, key=lambda t: t.track_id):
        of_track = by_track.get(track.track_id, [])
        probs = _at_samples(track, of_track, fps=fps, stride=stride)
        summary.timeline.extend(second_rows(track, probs, labels, fps=fps))
        summary.tracks.append(_track(track, [c.answer for c in of_track], labels, fps=fps))
        track_runs = runs(probs, track.frame_index, fps=fps, rule=rule) if probs is not None else []
        for number, run in enumerate(track_runs):
            shown[run.class_index] += run.stop - run.start
            summary.segments.append(_segment(track, run, number, probs, labels, fps=fps))
    summary.timeline.extend(
        empty_second_row(second, labels) for second in _empty_seconds(faces, fps, duration_s)
    )
    summary.video.update(pooled_columns([clip.answer for clip in clips], labels))
    share = shown / shown.sum() if shown.sum() else [None] * len(labels)
    summary.video.update({f"share_{k}": v for k, v in zip(labels, share, strict=True)})
    return summary


def pooled_columns(clips: Sequence[ClipPrediction], labels: tuple[str, ...]) -> Row:
    """Return the answer columns of the probabilities pooled over clips; nulls without a clip."""
    if not clips:
        return answer_columns(None, labels)
    vectors = [list(clip.probs.values()) for clip in clips]
    return answer_columns(pool_clips(vectors, [clip.num_faces for clip in clips]), labels)


def _at_samples(
    track: TrackFaces, clips: Sequence[ScoredClip], *, fps: float, stride: int
) -> NDArray[np.float32] | None:
    """Return (N, K) probabilities at the middle of each of the track's samples.

    Each step of a clip is one point of evidence, at the mean time of its frames. The reach of the
    kernel is half the distance between two points, at least ``LEAST_REACH_S``.

    Returns:
        None if the track has no clip.
    """
    if not clips:
        return None
    times_s, weights, probs = [], [], []
    for clip in clips:
        of_steps = np.array_split(np.asarray(clip.pts_s), len(clip.steps))
        times_s += [float(part.mean()) + 0.5 / fps for part in of_steps]
        weights += [float(clip.answer.num_faces)] * len(of_steps)
        probs.append(clip.steps)
    num_steps = len(clips[0].steps)
    apart = stride if num_steps == 1 else len(clips[0].pts_s) / num_steps
    evidence = Evidence(np.array(times_s), np.array(weights), np.concatenate(probs))
    middle_s = (track.frame_index.astype(np.float64) + 0.5) / fps
    return smooth(evidence, middle_s, reach_s=max(LEAST_REACH_S, 0.5 * apart / fps))


def _track(
    track: TrackFaces, clips: Sequence[ClipPrediction], labels: tuple[str, ...], *, fps: float
) -> Row:
    return {
        "track_id": track.track_id,
        "identity_id": track.identity_id,
        "start_s": float(track.frame_index[0] / fps),
        "stop_s": float((track.frame_index[-1] + 1) / fps),
        "num_faces": len(track.frame_index),
        "num_clips": len(clips),
        "mean_size_px": float(track.sizes_px.mean()),
    } | pooled_columns(clips, labels)


def _segment(
    track: TrackFaces,
    run: Run,
    number: int,
    probs: NDArray[np.float32] | None,
    labels: tuple[str, ...],
    *,
    fps: float,
) -> Row:
    """Return the row of one segment.

    The label is that of the run. The mean of another label may be higher, if that label never led
    by ``SegmentRule.enter``; then ``margin`` is negative.
    """
    inside = slice(run.start, run.stop)
    first, last = track.frame_index[run.start], track.frame_index[run.stop - 1]
    assert probs is not None  # a run has probabilities
    mean = probs[inside].astype(np.float64).mean(axis=0)
    label = labels[run.class_index]
    others = np.delete(mean, run.class_index)
    names = [name for name in labels if name != label]
    second = int(others.argmax()) if len(others) else None
    return {
        "track_id": track.track_id,
        "identity_id": track.identity_id,
        "segment_index": number,
        "start_s": float(first / fps),
        "stop_s": float((last + 1) / fps),
        "num_faces": run.stop - run.start,
        "quality": float(np.minimum(track.scores[inside], 1).sum() / (last + 1 - first)),
    } | (
        answer_columns(mean, labels)
        | {
            "label": label,
            "confidence": float(mean[run.class_index]),
            "second_label": None if second is None else names[second],
            "margin": float(mean[run.class_index] - (0.0 if second is None else others[second])),
        }
    )


def _empty_seconds(faces: Iterable[TrackFaces], fps: float, duration_s: float) -> list[int]:
    """Return the seconds of the video in which no track has a face."""
    has_face = np.zeros(max(0, math.ceil(duration_s - 1e-9)), bool)
    for track in faces:
        second = np.floor(track.frame_index / fps + 1e-9).astype(np.int64)
        has_face[second[second < len(has_face)]] = True
    return [int(k) for k in np.flatnonzero(~has_face)]
