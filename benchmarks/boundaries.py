"""Compare the start and end of a score set's segments with the times in a label table.

    python -m benchmarks.boundaries --scores SCORES --labels ACTED/labels.csv

The table has the columns uri, subject_id, label, onset_s and offset_s, as the renderer of the acted
clips writes them. Neutral videos are left out. In each video of the split the longest segment of
the true label counts. The last line gives the result of one segment over each whole video.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from emotion import storage
from emotion.errors import InputError
from emotion.label_table import LabelRow, read_label_table
from emotion.splits import assign_split
from jobs.common.command import one_line_errors, parse

NEUTRAL = "neutral"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """Settings of the comparison."""

    scores: str
    """Folder of a score set, made by jobs.score."""
    labels: str
    """Label table with onset_s and offset_s."""
    split: Literal["train", "val", "test", "all"] = "test"
    """Split whose videos count: from the table, else from a hash of the subjects' names."""
    split_seed: int = 0
    """Seed of that hash."""


@dataclass(frozen=True)
class Distances:
    """Seconds between segments and truth, each a list over videos.

    Attributes:
        videos: number of videos that are not neutral.
        onsets: error of the start, of each video with a segment of the true label.
        offsets: error of the end, of the same videos.
        whole: error of both ends, if one segment covered each whole video.
    """

    videos: int
    onsets: list[float]
    offsets: list[float]
    whole: list[float]


def distances(
    videos: Sequence[Row], segments: Sequence[Row], truth: Mapping[str, LabelRow]
) -> Distances:
    """Compare the longest segment of the true label with the truth.

    >>> runs = [{"uri": "a", "label": "sad", "start_s": 1.0, "stop_s": 2.5}]
    >>> times = {"onset_s": "0.75", "offset_s": "3.0"}
    >>> truth = {"a": LabelRow("a", "s0", "sad", None, None, None, times)}
    >>> distances([{"uri": "a", "duration_s": 4.0}], runs, truth)
    Distances(videos=1, onsets=[0.25], offsets=[0.5], whole=[0.75, 1.0])
    """
    onsets, offsets, whole, count = list[float](), list[float](), list[float](), 0
    for video in videos:
        row = truth.get(video["uri"])
        if row is None or row.label == NEUTRAL:
            continue
        count += 1
        onset_s, offset_s = float(row.extra["onset_s"]), float(row.extra["offset_s"])
        whole += [onset_s, abs(video["duration_s"] - offset_s)]
        own = [s for s in segments if s["uri"] == video["uri"] and s["label"] == row.label]
        if own:
            longest = max(own, key=lambda s: float(s["stop_s"] - s["start_s"]))
            onsets.append(abs(longest["start_s"] - onset_s))
            offsets.append(abs(longest["stop_s"] - offset_s))
    return Distances(count, onsets, offsets, whole)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Print medians and means."""
    config = parse(Config, argv, verb="benchmarks.boundaries", doc=__doc__)
    scores = storage.absolute(config.scores)
    root = str(storage.read_json(storage.join(scores, "config.json"))["videos_root"])
    table = read_label_table(storage.absolute(config.labels), videos_root=root)
    truth = {
        row.uri: row
        for row in table.rows
        if config.split
        in ("all", row.split or assign_split(row.subject_id, seed=config.split_seed))
    }
    videos, segments = (
        storage.read_tables(storage.join(scores, name)).to_pylist()
        for name in ("videos", "segments")
    )
    seconds = distances(videos, segments, truth)
    if not seconds.onsets:
        raise InputError(
            f"--scores {config.scores} has no segment of a true label in split {config.split}"
        )
    both = seconds.onsets + seconds.offsets
    print(f"{seconds.videos} videos; the true label is in {len(seconds.onsets)}")
    for name, values in (
        ("both ends", both),
        ("onset", seconds.onsets),
        ("offset", seconds.offsets),
        ("whole video", seconds.whole),
    ):
        median, mean = statistics.median(values), statistics.fmean(values)
        print(f"{name:12} median {median:.2f} s, mean {mean:.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
