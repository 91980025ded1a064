"""Last stage of scoring: write the parts and the ledger entry of a shard whose clips are scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.predict.baseline import Baseline
from emotion.predict.faces import tracks_of
from emotion.predict.score_rows import video_rows
from emotion.predict.segments import SegmentRule
from emotion.predict.timeline import TrackFaces
from jobs.common.faults import Fault
from jobs.ledger.audit import check_shard
from jobs.ledger.entries import Entry, SlowVideo, write_entry
from jobs.ledger.lock import Fence, guarded
from jobs.ledger.parts import ShardWriter, part_uri, shard_versions
from jobs.ledger.shards import ShardRef
from jobs.reading.chunks import forget_chunks
from schemas.scores import SCORED_FACES, score_tables

SLOWEST = 5
"""Number of slowest videos of a shard that its ledger entry names, for the report."""


@dataclass(frozen=True)
class CommitSettings:
    """Settings of every commit.

    Attributes:
        out: folder of the score set.
        labels: labels of the package, in its order.
        spec: extraction spec of the package.
        rule: rule by which segments are cut.
        margin: margin below which an answer is uncertain.
        baseline: rule for each person's rest; None: no rest.
        fence: lock of the run.
    """

    out: str
    labels: tuple[str, ...]
    spec: ExtractionSpec
    rule: SegmentRule
    margin: float = 0.0
    baseline: Baseline | None = None
    fence: Fence | None = None


@dataclass
class PendingShard:
    """Rows of a shard that is not complete yet.

    Rows arrive in any order. A clip may arrive twice.

    Attributes:
        clips: tables of scored clips with the columns of ``jobs.scoring.rows.SCORED_ROWS``.
        end: end of the shard, see ``jobs.scoring.rows.END``; None until it has arrived.
    """

    clips: list[pa.Table] = field(default_factory=list)
    end: dict[str, Any] | None = None
    _video_of_clip: dict[str, str] = field(default_factory=dict)

    def add(self, rows: pa.Table) -> bool:
        """Add rows that have arrived.

        Args:
            rows: table of ``SCORED_ROWS`` with clips of the shard, its end, or both.

        Returns:
            True if the shard is complete: its end and every clip of its videos have arrived.
        """
        clips = rows.filter(pc.equal(rows["kind"], "clip"))
        self.clips.append(clips)
        clip_ids, video_ids = clips["clip_id"].to_pylist(), clips["video_id"].to_pylist()
        self._video_of_clip.update(zip(clip_ids, video_ids, strict=True))
        for end in rows["end"].drop_null().to_pylist():
            self.end = end
        if self.end is None:
            return False
        num_clips = {video["video_id"]: video["num_clips"] for video in self.end["videos"]}
        num_here = sum(video_id in num_clips for video_id in self._video_of_clip.values())
        return bool(num_here == sum(num_clips.values()))

    def clips_by_video(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of the clips by video_id, each clip once, in order of clip_id."""
        clips = pa.concat_tables(self.clips).sort_by("clip_id")
        by_video: dict[str, dict[str, dict[str, Any]]] = {}
        for clip in clips.to_pylist():
            by_video.setdefault(clip["video_id"], {})[clip["clip_id"]] = clip
        return {video_id: list(by_id.values()) for video_id, by_id in by_video.items()}


class CommitActor:
    """Ray actor that commits one shard after the other.

    Commits are not Ray tasks, because Ray ends a worker that is idle for 1 s, and so each task
    would start a process.
    """

    def __init__(self, settings: CommitSettings) -> None:
        self._settings = settings

    def commit(self, shard: PendingShard, ref: ShardRef) -> Entry | Fault:
        """Commit one shard; return its ledger entry, or the expected failure."""
        with Fault() as fault:
            return commit_shard(self._settings, shard, ref)
        return fault


def commit_shard(settings: CommitSettings, shard: PendingShard, ref: ShardRef) -> Entry:
    """Write the parts of a complete shard, then its ledger entry; return the entry.

    The reader has already written the part of ``faces``.
    """
    end, shard_id = shard.end or {}, ref.shard_id
    clips = shard.clips_by_video()
    known = {video["video_id"] for video in end["videos"]}
    with guarded(settings.fence):
        faces = read_faces(settings.out, shard_id, num_faces=end["num_faces"], video_ids=known)
    schemas = {k: v for k, v in score_tables(settings.labels).items() if k != "faces"}
    with ShardWriter(schemas) as writer:
        for video in end["videos"]:
            video_id = video["video_id"]
            for table, row in video_rows(
                video,
                clips.get(video_id, []),
                faces.get(video_id, []),
                labels=settings.labels,
                spec=settings.spec,
                rule=settings.rule,
                margin=settings.margin,
                baseline=settings.baseline,
            ):
                writer.add(table, row)
        for row in end["rejects"]:
            writer.add("rejects", row)
        folder = writer.close(shard_id)
        entry = _entry(ref, end, writer.counts | {"faces": end["num_faces"]})
        check_shard(folder, ref, entry, tables=schemas)
        with guarded(settings.fence):
            writer.commit(settings.out, shard_id)
            versions = shard_versions(settings.out, (*schemas, "faces"), shard_id)
    entry = replace(entry, parts=versions)
    write_entry(settings.out, entry, settings.fence)
    forget_chunks(settings.out, shard_id, ref.num_chunks)
    return entry


def _entry(ref: ShardRef, end: dict[str, Any], counts: dict[str, int]) -> Entry:
    videos = end["videos"]
    slowest = sorted(videos, key=lambda video: -video["wall_s"])[:SLOWEST]
    return Entry(
        shard_id=ref.shard_id,
        counts=counts,
        rejects=dict(Counter(reject["reason"] for reject in end["rejects"])),
        retired=len(ref.retired),
        video_s=sum(video["duration_s"] for video in videos),
        wall_s=sum(video["wall_s"] for video in videos),
        frames=sum(video["num_frames"] for video in videos),
        faceless_frames=sum(video["num_faceless_frames"] for video in videos),
        slowest=tuple(SlowVideo(v["uri"], v["wall_s"], v["duration_s"]) for v in slowest),
    )


def read_faces(
    out: str, shard_id: str, *, num_faces: int, video_ids: Collection[str]
) -> dict[str, list[TrackFaces]]:
    """Read the faces of each track by video_id, from the faces part that the reader wrote.

    Faces go through the storage, because the driver holds the rows of all shards that are not
    complete. A shard of one hour may have 100,000 faces.

    Raises:
        InputError: if the part does not hold ``num_faces`` rows, or holds other videos' rows.
    """
    columns = [name for name in SCORED_FACES.names if name not in ("pts_s", "brightness")]
    faces = storage.read_part(part_uri(out, "faces", shard_id), columns)
    others = set(faces["video_id"].unique().to_pylist()) - set(video_ids)
    if faces.num_rows != num_faces or others:
        raise InputError(
            f"{part_uri(out, 'faces', shard_id)} holds {faces.num_rows:,} rows, {num_faces:,} were "
            f"written, and rows of {len(others)} other videos: run the same command again"
        )
    return tracks_of(faces)
