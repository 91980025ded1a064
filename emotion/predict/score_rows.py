"""Rows of one video for the tables of a score set, from its scored clips and its faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emotion.extract.spec import ExtractionSpec
from emotion.extract.walk import VideoSummary
from emotion.predict.answer import clip_prediction
from emotion.predict.baseline import Baseline
from emotion.predict.samples import ScoredClip
from emotion.predict.segments import SegmentRule
from emotion.predict.summary import summarise
from emotion.predict.timeline import Row, TrackFaces, answer_columns
from schemas.scores import CLIP_FACTS, VIDEO_FACTS


def video_facts(
    summary: VideoSummary, *, video_id: str, uri: str, content_sha256: str | None
) -> dict[str, Any]:
    """Return the columns ``VIDEO_FACTS`` of a video that was read.

    Args:
        summary: counts of the video, complete.
        video_id: id of the video.
        uri: its address.
        content_sha256: hex SHA-256 of its bytes; None if it was not computed.
    """
    return {
        "video_id": video_id,
        "uri": uri,
        "content_sha256": content_sha256,
        "duration_s": summary.facts.duration_s,
        "first_frame_s": summary.facts.first_frame_s,
        "num_frames": summary.num_frames,
        "num_faceless_frames": summary.num_faceless_frames,
        "num_faces": summary.num_faces,
        "num_clips": summary.num_clips,
        "num_tracks": summary.num_tracks,
        "num_identities": summary.num_identities,
        "coverage": summary.coverage,
        "reason": summary.reason,
    }


def video_rows(
    video: Mapping[str, Any],
    clips: Sequence[Mapping[str, Any]],
    faces: Sequence[TrackFaces],
    *,
    labels: tuple[str, ...],
    spec: ExtractionSpec,
    rule: SegmentRule,
    margin: float = 0.0,
    baseline: Baseline | None = None,
) -> Iterator[tuple[str, Row]]:
    """Yield (name of the table, row) for every row of one video.

    Args:
        video: the columns ``VIDEO_FACTS`` of the video; other keys are left out.
        clips: for each clip the columns ``CLIP_FACTS``; ``pts_s``, the times of its frames;
            ``probs``, K probabilities; and ``steps``, S x K probabilities of its S equal parts as
            one flat list.
        faces: tracks of the video; may be empty.
        labels: K names.
        spec: extraction spec of the clips.
        rule: rule by which segments are cut.
        margin: margin below which an answer is uncertain.
        baseline: rule for each person's rest; None: no rest.
    """
    scored = []
    for clip in clips:
        probs = np.array(clip["probs"], np.float32)
        steps = np.array(clip["steps"], np.float32).reshape(-1, len(labels))
        answer = clip_prediction(clip, probs, labels, margin=margin)
        scored.append(ScoredClip(answer, clip["pts_s"], steps))
    summary = summarise(
        faces,
        scored,
        labels,
        fps=spec.sample_fps,
        stride=spec.clip_stride,
        duration_s=video["duration_s"],
        rule=rule,
        margin=margin,
        baseline=baseline,
    )
    for clip, final in zip(clips, summary.clips, strict=True):
        probs = np.array(list(final.answer.probs.values()), np.float32)
        yield (
            "scores",
            {name: clip[name] for name, _ in CLIP_FACTS}
            | answer_columns(probs, labels, margin=margin),
        )
    ids = {"video_id": video["video_id"], "uri": video["uri"]}
    for table, rows in (
        ("timeline", summary.timeline),
        ("segments", summary.segments),
        ("tracks", summary.tracks),
        ("people", summary.people),
    ):
        for row in rows:
            yield table, ids | row
    yield "videos", {name: video[name] for name, _ in VIDEO_FACTS} | summary.video
