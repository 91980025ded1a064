"""Plan of an archive: its videos joined with the label table; ``plan_parts`` makes it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emotion.errors import Reason
from jobs.ledger.parts import Row


@dataclass(frozen=True)
class LabelTable:
    """Label table of an archive.

    Attributes:
        uri: address of the table.
        labels: the label set.
        seed: seed of the split: a stable hash of it and the subject's name gives the split of a
            subject, unless the table gives one.
    """

    uri: str
    labels: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Plan:
    """Videos that a job will read, and videos that it rejects before reading.

    It is the plan of a whole archive or a part of one, see ``plan_parts``.

    Attributes:
        manifest: local Parquet file with one row per video, in order of uri. It has the columns of
            ``MANIFEST`` without shard_id, duration_s and num_chunks, then ``extra_columns``.
        rejects: local Parquet file with the schema ``schemas.tables.REJECTS``.
        num_videos: number of rows of the manifest.
        size_bytes: total size of the videos of the manifest.
        reasons: number of rejects by reason.
        extra_columns: names that the additional columns of the label table get in ``videos``.
        is_whole: True if this is the plan of the whole archive.
        is_last: True if no further part follows.
    """

    manifest: Path
    rejects: Path
    num_videos: int
    size_bytes: int
    reasons: dict[str, int]
    extra_columns: tuple[str, ...] = ()
    is_whole: bool = True
    is_last: bool = True


class Planned:
    """Plan of an archive in one part or several, which are made while earlier ones are worked on.

    Attributes:
        is_whole: True if the first part is the whole plan.
        last: the latest part that was made; in the end the last one, which has the rejects.
    """

    def __init__(self, first: Plan, others: Iterator[Plan]) -> None:
        self.is_whole, self.last = first.is_whole, first
        self._parts = itertools.chain([first], others)

    def plans(self) -> Iterator[Plan]:
        """Yield the parts, once."""
        for plan in self._parts:
            self.last = plan
            yield plan


def reject(uri: str, reason: Reason, detail: str, *, stage: str, video: str | None = None) -> Row:
    """Return one row of ``rejects`` without a position in the file; ``video`` is its video_id."""
    row: Row = {"video_id": video, "uri": uri, "stage": stage, "reason": reason, "detail": detail}
    return row | {"offset_s": None, "offset_bytes": None}
