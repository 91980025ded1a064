"""Options of ``jobs.export``; this module imports nothing large, so that the help comes quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.errors import InputError
from emotion.ranges import at_least, check_ranges
from jobs.common.command import Address

Format = Literal["csv", "jsonl", "vtt", "srt", "eaf", "textgrid", "overlay", "blurred", "report"]


@dataclass(frozen=True)
class Config:
    """Options of an export.

    Attributes:
        scores: Folder that jobs.score made.
        out: Folder for the files: a new one, or that of an earlier run of the same command.
        formats: csv and jsonl: the tables. vtt, srt: subtitles. eaf: ELAN. textgrid: Praat.
            overlay: the video with boxes, names and bars. blurred: the same with every face
            blurred. report: a page with the video, a timeline to click, and faces.
        videos: Folder of the videos, for overlay, blurred and report; default: the one scored.
        embed_mb: Largest video, in MB, that a report contains; for a larger one the report asks
            its reader to open the file.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    scores: Address
    out: Address
    formats: tuple[Format, ...]
    videos: Address | None = None
    embed_mb: float = 20.0
    address: str | None = None

    def __post_init__(self) -> None:
        if not self.formats:
            raise InputError("--formats names no format; name some of csv, vtt, overlay, ...")
        check_ranges(self, embed_mb=at_least(0))
