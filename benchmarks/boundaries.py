"""How far a score set's segments begin and end from where a label table says the expression does.

    python -m benchmarks.boundaries --scores SCORES --labels ACTED/labels.csv

The table has columns uri, subject_id, label, onset_s and offset_s, as the renderer of the acted
clips writes them; neutral videos have nothing to find. Of each video of the split the longest
segment of the true label counts. Beside it what a single segment over the whole video would give.
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
    """What to compare."""

    scores: str
    """Folder that jobs.score made."""
    labels: str
    """The label table with onset_s and offset_s."""
    split: Literal["train", "val", "test", "all"] = "test"
    """Whose videos count: the table's split, else that of the hash of the people's names."""
    split_seed: int = 0
    """Of that hash."""


@dataclass(frozen=True)
class Found:
    """Seconds between segments and truth, each a list over videos.

    Attributes:
        videos: how many have something to find.
        onsets: of the videos in which the true label was found.
        offsets: the same.
        whole: both ends of all videos, were the video one segment.
    """

    videos: int
    onsets: list[float]
    offsets: list[float]
    whole: list[float]


def distances(
    videos: Sequence[Row], segments: Sequence[Row], truth: Mapping[str, LabelRow]
) -> Found:
    """Compare the longest segment of the true label with the truth.

    >>> runs = [{"uri": "a", "label": "sad", "start_s": 1.0, "stop_s": 2.5}]
    >>> times = {"onset_s": "0.75", "offset_s": "3.0"}
    >>> told = {"a": LabelRow("a", "s0", "sad", None, None, None, times)}
    >>> distances([{"uri": "a", "duration_s": 4.0}], runs, told)
    Found(videos=1, onsets=[0.25], offsets=[0.5], whole=[0.75, 1.0])
    """
    onsets, offsets, whole, count = list[float](), list[float](), list[float](), 0
    for video in videos:
        told = truth.get(video["uri"])
        if told is None or told.label == NEUTRAL:
            continue
        count += 1
        onset_s, offset_s = float(told.extra["onset_s"]), float(told.extra["offset_s"])
        whole += [onset_s, abs(video["duration_s"] - offset_s)]
        mine = [
            row for row in segments if row["uri"] == video["uri"] and row["label"] == told.label
        ]
        if mine:
            longest = max(mine, key=lambda row: float(row["stop_s"] - row["start_s"]))
            onsets.append(abs(longest["start_s"] - onset_s))
            offsets.append(abs(longest["stop_s"] - offset_s))
    return Found(count, onsets, offsets, whole)


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
    found = distances(videos, segments, truth)
    if not found.onsets:
        raise InputError(f"--scores {config.scores} finds no true label in split {config.split}")
    both = found.onsets + found.offsets
    print(f"{found.videos} videos; the true label was found in {len(found.onsets)}")
    for name, values in (
        ("both ends", both),
        ("onset", found.onsets),
        ("offset", found.offsets),
        ("whole video", found.whole),
    ):
        median, mean = statistics.median(values), statistics.fmean(values)
        print(f"{name:12} median {median:.2f} s, mean {mean:.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
