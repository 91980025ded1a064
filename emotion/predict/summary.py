"""One video's clips and faces to what people read: seconds, segments, tracks, and the video."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion.pooling import pool_clips
from emotion.predict.answer import ClipPrediction
from emotion.predict.segments import Run, SegmentRule, runs
from emotion.predict.timeline import Evidence, Row, TrackFaces, mixed, nobody, seconds, smooth

LEAST_REACH_S = 0.25
"""A kernel is never narrower: expressions come within some 0.25 to 0.5 s."""


@dataclass(frozen=True)
class ScoredClip:
    """A clip, what was said of it, and what the model said of its steps.

    Attributes:
        answer: the clip.
        pts_s: (T,) presentation times of the frames that it shows.
        steps: (S, K) probabilities of S equal parts.
    """

    answer: ClipPrediction
    pts_s: Sequence[float]
    steps: NDArray[np.float32]


@dataclass(frozen=True)
class Summary:
    """Rows of one video, without its ids; columns as in ``schemas.scores``.

    Attributes:
        timeline: by track and second; seconds in which nobody is seen last.
        segments: by track and time.
        tracks: by track_id.
        video: label, mixture, probabilities and shares of time.
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
    """Everything that follows from the scored clips of one video.

    Args:
        faces: its tracks; none is fine.
        clips: its scored clips, each of one of the tracks.
        labels: K names.
        fps: samples per second of the extraction spec.
        stride: samples from one clip of a track to the next.
        duration_s: of the video.
        rule: how segments are cut.
    """
    made = Summary()
    by_track: dict[int, list[ScoredClip]] = {}
    for clip in clips:
        by_track.setdefault(clip.answer.track_id, []).append(clip)
    shown = np.zeros(len(labels))  # samples by label, over all tracks
    for track in sorted(faces, key=lambda t: t.track_id):
        of_track = by_track.get(track.track_id, [])
        probs = _at_samples(track, of_track, fps=fps, stride=stride)
        made.timeline.extend(seconds(track, probs, labels, fps=fps))
        made.tracks.append(_track(track, [c.answer for c in of_track], labels, fps=fps))
        found = runs(probs, track.frame_index, fps=fps, rule=rule) if probs is not None else []
        for number, run in enumerate(found):
            shown[run.class_index] += run.stop - run.start
            made.segments.append(_segment(track, run, number, probs, labels, fps=fps))
    made.timeline.extend(
        nobody(second, labels) for second in _empty_seconds(faces, fps, duration_s)
    )
    made.video.update(pooled([clip.answer for clip in clips], labels))
    share = shown / shown.sum() if shown.sum() else [None] * len(labels)
    made.video.update({f"share_{k}": v for k, v in zip(labels, share, strict=True)})
    return made


def pooled(clips: Sequence[ClipPrediction], labels: tuple[str, ...]) -> Row:
    """Mixture and probabilities of clips together; nulls where there is none."""
    if not clips:
        return mixed(None, labels)
    vectors = [list(clip.probs.values()) for clip in clips]
    return mixed(pool_clips(vectors, [clip.num_faces for clip in clips]), labels)


def _at_samples(
    track: TrackFaces, clips: Sequence[ScoredClip], *, fps: float, stride: int
) -> NDArray[np.float32] | None:
    """(N, K) at the middle of each of the track's samples; None without a clip.

    Points of evidence are the clips' steps, at the mean time of the frames that they show. The
    kernel reaches half-way to the next one, or ``LEAST_REACH_S``.
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
    } | pooled(clips, labels)


def _segment(
    track: TrackFaces,
    run: Run,
    number: int,
    probs: NDArray[np.float32] | None,
    labels: tuple[str, ...],
    *,
    fps: float,
) -> Row:
    """The label is the run's, also where another has the higher mean for want of a lead."""
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
        mixed(mean, labels)
        | {
            "label": label,
            "confidence": float(mean[run.class_index]),
            "second_label": None if second is None else names[second],
            "margin": float(mean[run.class_index] - (0.0 if second is None else others[second])),
        }
    )


def _empty_seconds(faces: Iterable[TrackFaces], fps: float, duration_s: float) -> list[int]:
    """Seconds of the video in which no track has a face."""
    seen = np.zeros(max(0, math.ceil(duration_s - 1e-9)), bool)
    for track in faces:
        second = np.floor(track.frame_index / fps + 1e-9).astype(np.int64)
        seen[second[second < len(seen)]] = True
    return [int(k) for k in np.flatnonzero(~seen)]
