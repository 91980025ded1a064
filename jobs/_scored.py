"""Scored rows of one shard, gathered as they stream in and written when the shard is complete."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emotion.extract.walk import VideoSummary
from emotion.predict.predictor import pool_clips
from emotion.predict.video import by_label, top
from jobs import _output
from jobs._parts import write_part
from jobs._plan import Row
from jobs._shards import ShardRef
from schemas.tables import REJECTS, prob_column, scored_videos_schema, scores_schema


@dataclass(frozen=True)
class Shard:
    """The unit of work and of resume, with its videos."""

    ref: ShardRef
    videos: tuple[Row, ...]


def closing_row(video: Row, content_sha256: str, summary: VideoSummary) -> Row:
    """What is known of a video once it was read, before its clips are pooled."""
    return {
        "video_id": video["video_id"],
        "uri": video["uri"],
        "content_sha256": content_sha256,
        "duration_s": summary.facts.duration_s,
        "num_clips": summary.num_clips,
        "num_tracks": summary.num_tracks,
        "coverage": summary.coverage,
        "reason": summary.reason,
    }


@dataclass
class OpenShard:
    """Rows of a shard that is under way; complete when every video has closed."""

    waiting: set[str]
    clips: dict[str, list[tuple[Row, list[float]]]] = field(default_factory=dict)
    closings: dict[str, tuple[str, Row]] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> bool:
        """Take one row; True when the shard is complete.

        Rows of one video may come in any order: a video is closed when its last row and all the
        clips that this row counts are here.
        """
        name, content = str(row["video_id"]), json.loads(row["row"])
        if row["kind"] == "clip":
            self.clips.setdefault(name, []).append((content, list(row["probs"])))
        else:
            self.closings[name] = (str(row["kind"]), content)
        if name in self.closings:
            kind, closing = self.closings[name]
            if kind == "reject" or len(self.clips.get(name, [])) == closing["num_clips"]:
                self.waiting.discard(name)
        return not self.waiting


def score_tables(labels: tuple[str, ...]) -> dict[str, pa.Schema]:
    """The tables of a scored archive, by folder name."""
    return {
        "scores": scores_schema(labels),
        "videos": scored_videos_schema(labels),
        "rejects": REJECTS,
    }


def commit(out: str, shard: Shard, opened: OpenShard, labels: tuple[str, ...]) -> Row:
    """Write one shard's parts, then its ledger entry; returns the entry."""
    scores: list[Row] = []
    videos: list[Row] = []
    rejects: list[Row] = []
    for video in shard.videos:
        name = str(video["video_id"])
        kind, closing = opened.closings[name]
        if kind == "reject":
            rejects.append(closing)
            continue
        clips = sorted(opened.clips.get(name, []), key=lambda c: str(c[0]["clip_id"]))
        scores += [score_row(clip, str(video["uri"]), probs, labels) for clip, probs in clips]
        videos.append(closing | pooled(clips, labels))
    rows = {"scores": scores, "videos": videos, "rejects": rejects}
    for name, schema in score_tables(labels).items():
        write_part(out, name, shard.ref.shard_id, rows[name], schema)
    entry: Row = {
        "shard_id": shard.ref.shard_id,
        "counts": {"scores": len(scores), "videos": len(videos), "rejects": len(rejects)},
        "rejects": dict(Counter(str(r["reason"]) for r in rejects)),
        "retired": len(shard.ref.retired),
    }
    _output.write_entry(out, shard.ref.shard_id, entry)
    return entry


def score_row(clip: Row, uri: str, probs: list[float], labels: tuple[str, ...]) -> Row:
    """One clip as a row of ``scores``."""
    vector = np.array(probs, np.float32)
    label, confidence = top(vector, labels)
    kept = {k: v for k, v in clip.items() if k != "pts_s"}
    return kept | {"uri": uri, "label": label, "confidence": confidence} | _columns(vector, labels)


def pooled(clips: list[tuple[Row, list[float]]], labels: tuple[str, ...]) -> Row:
    """Label, confidence and probabilities of one video; nulls where there is no clip."""
    if not clips:
        empty: Row = {"label": None, "confidence": None}
        return empty | {prob_column(label): None for label in labels}
    faces = [int(str(clip["num_faces"])) for clip, _ in clips]
    vector = pool_clips(np.array([probs for _, probs in clips], np.float32), faces)
    label, confidence = top(vector, labels)
    return {"label": label, "confidence": confidence, **_columns(vector, labels)}


def _columns(probs: NDArray[np.float32], labels: tuple[str, ...]) -> Row:
    return {prob_column(label): p for label, p in by_label(probs, labels).items()}
