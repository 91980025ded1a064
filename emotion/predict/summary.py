"""Rows of one video that people read (seconds, segments, tracks), from its clips and faces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emotion.pooling import pool_clips
from emotion.predict.answer import ClipPrediction, by_label
from emotion.predict.baseline import Baseline, Rest, relative, rests_of
from emotion.predict.mixture import is_uncertain, mixture
from emotion.predict.people import person_rows
from emotion.predict.samples import ScoredClip, clips_by_track, samples_of
from emotion.predict.segments import Run, SegmentRule, runs
from emotion.predict.timeline import (
    Row,
    TrackFaces,
    answer_columns,
    empty_second_row,
    second_rows,
)


@dataclass(frozen=True)
class Summary:
    """Rows of one video, without video_id and uri; columns as in ``schemas.scores``.

    Attributes:
        timeline: rows by track and second, then the seconds without a tracked face.
        segments: rows by track and time.
        tracks: rows by track_id.
        people: rows by identity_id.
        video: label, confidence, second label, margin, entropy, probabilities, and each label's
            share of the tracked samples.
        clips: the clips with their final answers; with a baseline, relative to the person's rest.
    """

    timeline: list[Row] = field(default_factory=list)
    segments: list[Row] = field(default_factory=list)
    tracks: list[Row] = field(default_factory=list)
    people: list[Row] = field(default_factory=list)
    video: Row = field(default_factory=dict)
    clips: tuple[ScoredClip, ...] = ()


def summarise(
    faces: Sequence[TrackFaces],
    clips: Sequence[ScoredClip],
    labels: tuple[str, ...],
    *,
    fps: float,
    stride: int,
    duration_s: float,
    rule: SegmentRule = SegmentRule(),  # noqa: B008  (frozen)
    margin: float = 0.0,
    baseline: Baseline | None = None,
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
        margin: margin below which an answer is uncertain, 0 to 1; 0: none is.
        baseline: rule for each person's rest, to which the answers become relative; None: no rest.
    """
    tracks = sorted(faces, key=lambda t: t.track_id)
    before = samples_of(tracks, clips, fps=fps, stride=stride)
    rests = _rests(tracks, before, baseline, labels, fps=fps)
    after = before
    if rests:
        clips = [_relative_clip(clip, rests, labels, margin=margin) for clip in clips]
        after = samples_of(tracks, clips, fps=fps, stride=stride)
    by_track = clips_by_track(clips)
    summary = Summary(
        clips=tuple(clips),
        people=person_rows(tracks, rests, fps=fps, duration_s=duration_s),
    )
    shown = np.zeros(len(labels))  # samples by label, over all tracks
    for track in tracks:
        probs, rest = after[track.track_id], rests.get(track.identity_id)
        deltas = _deltas(before[track.track_id], rest)
        summary.timeline.extend(
            second_rows(track, probs, labels, fps=fps, margin=margin, deltas=deltas)
        )
        answers = [clip.answer for clip in by_track.get(track.track_id, [])]
        summary.tracks.append(_track(track, answers, labels, fps=fps, margin=margin))
        track_runs = runs(probs, track.frame_index, fps=fps, rule=rule) if probs is not None else []
        for number, run in enumerate(track_runs):
            shown[run.class_index] += run.stop - run.start
            summary.segments.append(
                _segment(track, run, number, probs, labels, fps=fps, least_margin=margin)
            )
    summary.timeline.extend(
        empty_second_row(second, labels) for second in _empty_seconds(faces, fps, duration_s)
    )
    summary.video.update(pooled_columns([clip.answer for clip in clips], labels, margin=margin))
    share = shown / shown.sum() if shown.sum() else [None] * len(labels)
    summary.video.update({f"share_{k}": v for k, v in zip(labels, share, strict=True)})
    return summary


def _rests(
    tracks: Sequence[TrackFaces],
    probs: Mapping[int, NDArray[np.float32] | None],
    baseline: Baseline | None,
    labels: tuple[str, ...],
    *,
    fps: float,
) -> dict[int, Rest]:
    """Return the rest of each person by identity_id; empty without a baseline."""
    if baseline is None:
        return {}
    samples: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float32] | None]]] = {}
    for track in tracks:
        own = samples.setdefault(track.identity_id, [])
        own.append((track.frame_index, probs[track.track_id]))
    return rests_of(samples, baseline, labels, fps=fps)


def _relative_clip(
    clip: ScoredClip, rests: Mapping[int, Rest], labels: tuple[str, ...], *, margin: float
) -> ScoredClip:
    """Return a clip with its answer and its steps relative to the rest of its person."""
    rest = rests.get(clip.answer.identity_id)
    own = np.array([list(clip.answer.probs.values())], np.float32)
    probs = relative(own, rest, labels)[0]
    mixed = mixture(probs, labels)
    answer = replace(
        clip.answer,
        label=mixed.label,
        confidence=mixed.confidence,
        probs=by_label(probs, labels),
        is_uncertain=is_uncertain(mixed.margin, least=margin),
    )
    return replace(clip, answer=answer, steps=relative(clip.steps, rest, labels))


def _deltas(probs: NDArray[np.float32] | None, rest: Rest | None) -> NDArray[np.float32] | None:
    """Return calibrated probabilities minus those of the rest, (N, K); None without a rest."""
    if probs is None or rest is None or rest.probs is None:
        return None
    return np.asarray(probs - rest.probs, np.float32)


def pooled_columns(
    clips: Sequence[ClipPrediction], labels: tuple[str, ...], *, margin: float = 0.0
) -> Row:
    """Return the answer columns of the probabilities pooled over clips; nulls without a clip."""
    if not clips:
        return answer_columns(None, labels)
    vectors = [list(clip.probs.values()) for clip in clips]
    pooled = pool_clips(vectors, [clip.num_faces for clip in clips])
    return answer_columns(pooled, labels, margin=margin)


def _track(
    track: TrackFaces,
    clips: Sequence[ClipPrediction],
    labels: tuple[str, ...],
    *,
    fps: float,
    margin: float,
) -> Row:
    return {
        "track_id": track.track_id,
        "identity_id": track.identity_id,
        "start_s": float(track.frame_index[0] / fps),
        "stop_s": float((track.frame_index[-1] + 1) / fps),
        "num_faces": len(track.frame_index),
        "num_clips": len(clips),
        "mean_size_px": float(track.sizes_px.mean()),
    } | pooled_columns(clips, labels, margin=margin)


def _segment(
    track: TrackFaces,
    run: Run,
    number: int,
    probs: NDArray[np.float32] | None,
    labels: tuple[str, ...],
    *,
    fps: float,
    least_margin: float,
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
    margin = float(mean[run.class_index] - (0.0 if second is None else others[second]))
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
            "margin": margin,
            "is_uncertain": is_uncertain(margin, least=least_margin),
        }
    )


def _empty_seconds(faces: Iterable[TrackFaces], fps: float, duration_s: float) -> list[int]:
    """Return the seconds of the video in which no track has a face."""
    has_face = np.zeros(max(0, math.ceil(duration_s - 1e-9)), bool)
    for track in faces:
        second = np.floor(track.frame_index / fps + 1e-9).astype(np.int64)
        has_face[second[second < len(has_face)]] = True
    return [int(k) for k in np.flatnonzero(~has_face)]
