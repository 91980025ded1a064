"""Options of jobs.export; this module imports nothing large, so that --help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.errors import InputError
from emotion.ranges import at_least, check_ranges
from jobs.common.command import Address
from jobs.common.workers import RunnerName

Format = Literal["csv", "jsonl", "vtt", "srt", "eaf", "textgrid", "overlay", "blurred", "report"]

MAY_CHANGE = ("out", "runner", "address")
"""Options that may differ when an export is resumed, because they change no file."""


@dataclass(frozen=True)
class Config:
    """Options of an export.

    Attributes:
        scores: Complete score set: a folder that jobs.score made.
        out: Folder for the exported files: new, or begun by the same command.
        formats: Formats to write, one or more. csv, jsonl: the tables. vtt, srt: subtitles. eaf:
            annotations for ELAN. textgrid: annotations for Praat. overlay: the video with boxes,
            labels and bars. blurred: the same video with every face blurred. report: an HTML page
            with the video, a timeline to click, and faces.
        videos: Folder of the videos, for overlay, blurred and report; default: the folder that was
            scored.
        only: Videos to export: a pattern of names such as "interviews/*"; @FILE, a text file with a
            name per line; or where: and a condition in SQL on the table videos, such as
            "where: label = 'happy' and not is_uncertain". Default: all.
        people: CSV file of names with the columns uri, person (a number from 1) and name. It is
            kept in the score set, so that later exports use it too.
        embed_mb: Largest video in MB of 2^20 bytes, at least 0, that a report contains. For a
            larger video the report asks the reader to open the video file.
        runner: Workers of the job. processes: on this machine, quick to start; ray: on Ray; auto
            takes processes up to an hour of video if no cluster is named, else ray.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    scores: Address
    out: Address
    formats: tuple[Format, ...]
    videos: Address | None = None
    only: str | None = None
    people: Address | None = None
    embed_mb: float = 20.0
    runner: RunnerName = "auto"
    address: str | None = None

    def __post_init__(self) -> None:
        if not self.formats:
            raise InputError("--formats names no format; name some of csv, vtt, overlay, ...")
        check_ranges(self, embed_mb=at_least(0))
