"""The last stage of scoring: one shard's scored clips and faces to its parts and ledger entry."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emotion import storage
from emotion.extract.spec import ExtractionSpec
from emotion.predict.answer import clip_prediction
from emotion.predict.faces import tracks_of
from emotion.predict.segments import SegmentRule
from emotion.predict.summary import ScoredClip, summarise
from emotion.predict.timeline import TrackFaces, mixed
from jobs.common.faults import Fault
from jobs.ledger.entries import Entry, SlowVideo, write_entry
from jobs.ledger.parts import ShardWriter, part_uri
from jobs.ledger.plan import Row
from jobs.ledger.shards import ShardRef
from jobs.reading.chunks import forget_chunks
from schemas.scores import score_tables

SLOWEST = 5
Scored = tuple[dict[str, Any], list[float], list[float]]
"""A clip's row, its probabilities, and those of its steps one after the other."""


@dataclass(frozen=True)
class Commit:
    """What every commit is told.

    Attributes:
        out: the score set.
        labels: of the package, in its order.
        spec: of the package.
        rule: how segments are cut.
    """

    out: str
    labels: tuple[str, ...]
    spec: ExtractionSpec
    rule: SegmentRule


@dataclass
class OpenShard:
    """Rows of a shard that is under way; rows may come in any order, and one may come twice."""

    clips: dict[str, Scored] = field(default_factory=dict)
    end: dict[str, Any] | None = None

    def add(self, row: dict[str, Any]) -> bool:
        """Take one row; True when the shard is complete: its end and all clips of its videos."""
        content = json.loads(row["row"])
        if row["kind"] == "clip":
            self.clips[str(content["clip_id"])] = (content, list(row["probs"]), list(row["steps"]))
        else:
            self.end = content
        if self.end is None:
            return False
        wanted = {str(v["video_id"]): int(v["num_clips"]) for v in self.end["videos"]}
        here = sum(str(clip["video_id"]) in wanted for clip, *_ in self.clips.values())
        return here == sum(wanted.values())


class Committer:
    """Commits shard after shard; runs as an actor.

    As tasks commits cost a new process each: Ray ends processes that have been idle for a second.
    """

    def __init__(self, told: Commit) -> None:
        self._told = told

    def commit(self, opened: OpenShard, ref: ShardRef) -> Entry | Fault:
        """Commit one shard; returns its ledger entry, or the fault of a storage that fails."""
        with Fault() as fault:
            return commit(self._told, opened, ref)
        return fault


def commit(told: Commit, opened: OpenShard, ref: ShardRef) -> Entry:
    """Write one shard's parts, then its ledger entry; returns the entry."""
    end, shard_id = opened.end or {}, ref.shard_id
    by_video: dict[str, list[Scored]] = {}
    for scored in opened.clips.values():
        by_video.setdefault(str(scored[0]["video_id"]), []).append(scored)
    faces = read_faces(told.out, shard_id)
    schemas = {k: v for k, v in score_tables(told.labels).items() if k != "faces"}
    with ShardWriter(schemas) as writer:
        for video in end["videos"]:
            name = str(video["video_id"])
            of_video = sorted(by_video.get(name, []), key=lambda c: str(c[0]["clip_id"]))
            for table, row in video_rows(video, of_video, faces.get(name, []), told):
                writer.add(table, row)
        for row in end["rejects"]:
            writer.add("rejects", row)
        writer.commit(told.out, shard_id)
        counts = writer.counts | {"faces": _num_rows(told.out, "faces", shard_id)}
    slow = sorted(end["videos"], key=lambda v: -v["wall_s"])[:SLOWEST]
    entry = Entry(
        shard_id=shard_id,
        counts=counts,
        rejects=dict(Counter(str(r["reason"]) for r in end["rejects"])),
        retired=len(ref.retired),
        video_s=sum(float(v["duration_s"]) for v in end["videos"]),
        wall_s=sum(float(v["wall_s"]) for v in end["videos"]),
        frames=sum(int(v["num_frames"]) for v in end["videos"]),
        slowest=tuple(SlowVideo(v["uri"], v["wall_s"], v["duration_s"]) for v in slow),
    )
    write_entry(told.out, entry)
    forget_chunks(told.out, shard_id, ref.num_chunks)
    return entry


def video_rows(
    video: dict[str, Any], scored: Sequence[Scored], faces: Sequence[TrackFaces], told: Commit
) -> Iterator[tuple[str, Row]]:
    """Every row of one video that was read, by table."""
    who = {"video_id": video["video_id"], "uri": video["uri"]}
    clips = []
    for clip, probs, steps in scored:
        vector = np.array(probs, np.float32)
        of_steps = np.array(steps, np.float32).reshape(-1, len(told.labels))
        answer = clip_prediction(clip, vector, told.labels)
        clips.append(ScoredClip(answer, clip["pts_s"], of_steps))
        stored = {name: value for name, value in clip.items() if name != "pts_s"}
        yield "scores", stored | mixed(vector, told.labels)
    made = summarise(
        faces,
        clips,
        told.labels,
        fps=told.spec.sample_fps,
        stride=told.spec.clip_stride,
        duration_s=video["duration_s"],
        rule=told.rule,
    )
    for table, rows in (
        ("timeline", made.timeline),
        ("segments", made.segments),
        ("tracks", made.tracks),
    ):
        for row in rows:
            yield table, who | row
    yield "videos", {k: v for k, v in video.items() if k != "wall_s"} | made.video


def read_faces(out: str, shard_id: str) -> dict[str, list[TrackFaces]]:
    """The tracks of each video of a shard."""
    columns = ["video_id", "track_id", "identity_id", "frame_index", "score", "size_px", "box"]
    return tracks_of(storage.read_part(part_uri(out, "faces", shard_id), columns))


def _num_rows(out: str, table: str, shard_id: str) -> int:
    return storage.count_rows(part_uri(out, table, shard_id))
