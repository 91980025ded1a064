"""Counts for the page of a dataset, made in one pass over the tables, in bounded memory.

A tally keeps counts by group, a sample of each distribution and the positions of the faces to show.
Only the counts by subject grow with a dataset, by about 50 bytes per subject.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.report.crops import CLIP_COLUMNS, Candidates
from emotion.report.grouped import Grouped
from emotion.report.sample import Sample
from emotion.storage import Group, read_groups

TALLY_COLUMNS: dict[str, tuple[str, ...]] = {
    "videos": (
        "duration_s",
        "fps",
        "width",
        "height",
        "codec",
        "subject_id",
        "label",
        "split",
        "num_faces",
        "num_tracks",
        "num_identities",
        "num_clips",
        "complete",
        "reason",
    ),
    "frames": ("num_faces",),
    "faces": ("size_px", "blur", "brightness", "yaw_deg"),
    "tracks": ("start_s", "stop_s"),
    "clips": (*CLIP_COLUMNS, "split"),
    "rejects": ("uri", "stage", "reason", "detail", "offset_s", "offset_bytes"),
}
"""Columns that the page needs, by table."""

QUALITY_STEPS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
PER_LABEL = 12
NUM_WORST = 24


def _samples() -> dict[str, Sample]:
    names = ("duration_s", "fps", "size_px", "blur", "brightness", "yaw_deg", "track_s", "quality")
    return {name: Sample(seed=number) for number, name in enumerate(names)}


@dataclass
class Tally:
    """Counts over the tables of a dataset, to which row groups are added one at a time.

    Attributes:
        rows: number of rows, by table.
        stages: number of videos with faces (``num_faces``), with tracks (``num_tracks``), with
            clips (``num_clips``), and of ``incomplete`` videos.
        samples: sample of each distribution, by column; ``track_s`` is the length of tracks.
        classes: videos by label and split, with their length in microseconds (``us``).
        clip_classes: clips by label and split.
        subjects: videos by subject and split, with their clips and length in microseconds.
        sizes, codecs: videos by width and height, and by codec.
        no_clip: videos without a clip, by reason.
        people, tracks: videos by number of identities, and by number of tracks.
        faces: sampled frames by number of faces.
        rejects: rejects by stage and reason; ``placed`` is the number of them that give the place
            of the fault in the file.
        examples: uri and detail of the first reject of each reason.
        below: number of clips with a quality below each of ``QUALITY_STEPS``.
        candidates: clips whose crops may be shown.
    """

    rows: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    samples: dict[str, Sample] = field(default_factory=_samples)
    classes: Grouped = field(default_factory=lambda: Grouped(["label", "split"], ["us"]))
    clip_classes: Grouped = field(default_factory=lambda: Grouped(["label", "split"]))
    subjects: Grouped = field(
        default_factory=lambda: Grouped(["subject_id", "split"], ["num_clips", "us"])
    )
    sizes: Grouped = field(default_factory=lambda: Grouped(["width", "height"]))
    codecs: Grouped = field(default_factory=lambda: Grouped(["codec"]))
    no_clip: Grouped = field(default_factory=lambda: Grouped(["reason"]))
    people: Grouped = field(default_factory=lambda: Grouped(["num_identities"]))
    tracks: Grouped = field(default_factory=lambda: Grouped(["num_tracks"]))
    faces: Grouped = field(default_factory=lambda: Grouped(["num_faces"]))
    rejects: Grouped = field(default_factory=lambda: Grouped(["stage", "reason"], ["placed"]))
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)
    below: Counter[float] = field(default_factory=Counter)
    candidates: Candidates = field(
        default_factory=lambda: Candidates(per_label=PER_LABEL, num_worst=NUM_WORST)
    )

    def add(self, table: str, group: Group) -> None:
        """Count one row group of a table, which has the columns ``TALLY_COLUMNS[table]``."""
        rows = group.rows
        self.rows[table] += rows.num_rows
        if table == "videos":
            self._add_videos(rows)
        elif table == "frames":
            self.faces.add(rows)
        elif table == "faces":
            for name in TALLY_COLUMNS["faces"]:
                self.samples[name].add(rows[name])
        elif table == "tracks":
            self.samples["track_s"].add(pc.subtract(rows["stop_s"], rows["start_s"]))
        elif table == "clips":
            self._add_clips(group)
        else:
            self._add_rejects(rows)

    def _add_videos(self, rows: pa.Table) -> None:
        us = pc.round(pc.multiply(rows["duration_s"], 1e6)).cast(pa.int64())
        rows = rows.append_column("us", us)
        for grouped in (self.classes, self.subjects, self.sizes, self.codecs):
            grouped.add(rows)
        self.people.add(rows)
        self.tracks.add(rows)
        for name in ("num_faces", "num_tracks", "num_clips"):
            self.stages[name] += _count(pc.greater(rows[name], 0))
        self.stages["incomplete"] += _count(pc.invert(rows["complete"]))
        self.no_clip.add(rows.filter(pc.equal(rows["num_clips"], 0)))
        for name in ("duration_s", "fps"):
            self.samples[name].add(rows[name])

    def _add_clips(self, group: Group) -> None:
        rows = group.rows
        self.clip_classes.add(rows)
        self.samples["quality"].add(rows["quality"])
        for step in QUALITY_STEPS:
            self.below[step] += _count(pc.less(rows["quality"], pa.scalar(step, pa.float32())))
        self.candidates.add(group)

    def _add_rejects(self, rows: pa.Table) -> None:
        placed = pc.or_(pc.is_valid(rows["offset_s"]), pc.is_valid(rows["offset_bytes"]))
        self.rejects.add(rows.append_column("placed", placed.cast(pa.int64())))
        for row in rows.select(["reason", "uri", "detail"]).to_pylist():
            if row["reason"] not in self.examples:
                self.examples[row["reason"]] = (row["uri"] or "", row["detail"] or "")


def read_tally(dataset_uri: str) -> Tally:
    """Read and count a stored dataset, with one row group in memory at a time.

    Raises:
        InputError: if a table has no part.
    """
    tally = Tally()
    for table, columns in TALLY_COLUMNS.items():
        for group in read_groups(storage.join(dataset_uri, table), columns):
            tally.add(table, group)
    return tally


def _count(mask: pa.ChunkedArray) -> int:
    """Return the number of True values; nulls are not counted."""
    return int(pc.sum(mask).as_py() or 0)
