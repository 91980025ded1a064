"""Numbers of videos, clips and seconds of a dataset, by split, label and subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emotion.report.charts import Histogram, histogram
from emotion.report.tally import Tally
from emotion.splits import SPLITS

NUM_EXTREME = 5
"""Number of subjects in the table of the most clips, and in the table of the fewest clips."""


@dataclass(frozen=True)
class SplitRow:
    """One line of the split table.

    Shares refer to the whole dataset, 0 to 1; None if it has no videos, or no clips.
    """

    split: str
    num_subjects: int
    num_videos: int
    num_clips: int
    duration_s: float
    video_share: float | None
    clip_share: float | None


@dataclass(frozen=True)
class LabelCount:
    """Videos and clips of one label in one split, and its share of the split's clips."""

    num_videos: int
    num_clips: int
    clip_share: float | None


@dataclass(frozen=True)
class ClassTable:
    """Counts of every label in every split.

    Attributes:
        splits: names of the columns; the last one, "all", is the whole dataset.
        rows: for each label its name, a cell per column of ``splits``, and its seconds of video.
        spread: clips of the most frequent label, divided by those of the rarest label that has
            a clip; None if there is no clip.
        without_clips: labels of the label set that have no clip.
    """

    splits: tuple[str, ...]
    rows: tuple[tuple[str, tuple[LabelCount, ...], float], ...]
    spread: float | None
    without_clips: tuple[str, ...]


@dataclass(frozen=True)
class SubjectRow:
    """One subject's videos, clips and time."""

    subject_id: str
    num_videos: int
    num_clips: int
    duration_s: float


@dataclass(frozen=True)
class SubjectNumbers:
    """Numbers of clips per subject.

    Attributes:
        num_subjects: number of subjects.
        num_without_clips: number of subjects without a clip.
        clips: histogram of clips per subject.
        largest: the ``NUM_EXTREME`` subjects with the most clips, the most first.
        smallest: the ``NUM_EXTREME`` subjects with the fewest clips, the fewest first, without
            those in ``largest``.
        top_share: share of all clips that the tenth of subjects with the most clips has; None if
            there is no clip.
    """

    num_subjects: int
    num_without_clips: int
    clips: Histogram
    largest: tuple[SubjectRow, ...]
    smallest: tuple[SubjectRow, ...]
    top_share: float | None


def split_names(tally: Tally) -> tuple[str, ...]:
    """Return the three splits, then any other split that occurs."""
    names = {str(row["split"]) for row in tally.classes.rows()}
    return (*SPLITS, *sorted(names - set(SPLITS)))


def split_rows(tally: Tally) -> list[SplitRow]:
    """Return a row per split, and one for the whole dataset."""
    subjects = tally.subjects.table()
    names = [] if subjects is None else subjects["split"].to_pylist()
    num_all = 0 if subjects is None else pc.count_distinct(subjects["subject_id"]).as_py()
    rows = [
        _split_row(tally, split, num_subjects=sum(str(name) == split for name in names))
        for split in split_names(tally)
    ]
    return [*rows, _split_row(tally, None, num_subjects=num_all)]


def _split_row(tally: Tally, split: str | None, *, num_subjects: int) -> SplitRow:
    """Return the row of one split; None is the whole dataset."""
    videos = [r for r in tally.classes.rows() if split in (None, str(r["split"]))]
    clips = [r for r in tally.clip_classes.rows() if split in (None, str(r["split"]))]
    num_videos, num_clips = sum(r["rows"] for r in videos), sum(r["rows"] for r in clips)
    return SplitRow(
        split="all" if split is None else split,
        num_subjects=num_subjects,
        num_videos=num_videos,
        num_clips=num_clips,
        duration_s=sum(r["us"] for r in videos) / 1e6,
        video_share=_share(num_videos, tally.rows["videos"]),
        clip_share=_share(num_clips, tally.rows["clips"]),
    )


def class_rows(tally: Tally, labels: Sequence[str]) -> ClassTable:
    """Return the counts of each label, by split and in total.

    Labels that occur and are not in ``labels`` come last.
    """
    splits = split_names(tally)
    videos = {(str(r["label"]), str(r["split"])): r for r in tally.classes.rows()}
    clips = {(str(r["label"]), str(r["split"])): r["rows"] for r in tally.clip_classes.rows()}
    other_labels = sorted({label for label, _ in [*videos, *clips]} - set(labels))
    per_split = {s: sum(n for (_, split), n in clips.items() if split == s) for s in splits}
    rows, totals = [], []
    for label in (*labels, *other_labels):
        cells = []
        for split in splits:
            number = clips.get((label, split), 0)
            row = videos.get((label, split), {"rows": 0})
            cells.append(LabelCount(row["rows"], number, _share(number, per_split[split])))
        num_videos, num_clips = sum(c.num_videos for c in cells), sum(c.num_clips for c in cells)
        cells.append(LabelCount(num_videos, num_clips, _share(num_clips, tally.rows["clips"])))
        us = sum(row["us"] for (name, _), row in videos.items() if name == label)
        rows.append((label, tuple(cells), us / 1e6))
        totals.append(num_clips)
    above_0 = [number for number in totals if number]
    return ClassTable(
        splits=(*splits, "all"),
        rows=tuple(rows),
        spread=max(above_0) / min(above_0) if above_0 else None,
        without_clips=tuple(n for n, t in zip(labels, totals, strict=False) if not t),
    )


def subject_numbers(tally: Tally) -> SubjectNumbers:
    """Return the numbers of clips per subject; a subject in two splits counts once."""
    table = tally.subjects.table()
    if table is None:
        return SubjectNumbers(0, 0, histogram("clips per subject", []), (), (), None)
    sums = table.group_by("subject_id", use_threads=False).aggregate(
        [(name, "sum") for name in ("rows", "num_clips", "us")]
    )
    keys = [("num_clips_sum", "descending"), ("subject_id", "ascending")]
    ordered = sums.sort_by(keys)
    clips = ordered["num_clips_sum"].to_numpy()
    top = int(np.ceil(clips.size / 10))
    num_last = min(NUM_EXTREME, max(ordered.num_rows - NUM_EXTREME, 0))
    return SubjectNumbers(
        num_subjects=ordered.num_rows,
        num_without_clips=int((clips == 0).sum()),
        clips=histogram("clips per subject", clips),
        largest=_subject_rows(ordered.slice(0, NUM_EXTREME)),
        smallest=_subject_rows(ordered.slice(ordered.num_rows - num_last))[::-1],
        top_share=_share(int(clips[:top].sum()), int(clips.sum())),
    )


def _subject_rows(table: pa.Table) -> tuple[SubjectRow, ...]:
    return tuple(
        SubjectRow(
            subject_id=str(row["subject_id"]),
            num_videos=row["rows_sum"],
            num_clips=row["num_clips_sum"],
            duration_s=row["us_sum"] / 1e6,
        )
        for row in table.to_pylist()
    )


def _share(count: int, whole: int) -> float | None:
    return count / whole if whole else None
