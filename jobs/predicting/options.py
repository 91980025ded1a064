"""Options of jobs.predict; this module imports nothing large, so that --help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from emotion.errors import InputError
from emotion.predict.baseline import parse_baseline
from emotion.predict.engine import Engine
from emotion.ranges import Range, at_least, check_ranges

Format = Literal["table", "csv", "json", "vtt", "srt", "eaf", "textgrid", "html", "mp4"]
SUFFIXES: dict[Format, str] = {
    "table": ".txt",
    "csv": ".csv",
    "json": ".json",
    "vtt": ".vtt",
    "srt": ".srt",
    "eaf": ".eaf",
    "textgrid": ".TextGrid",
    "html": ".html",
    "mp4": ".mp4",
}
"""Ending of a file in each format."""
PRINTED: tuple[Format, ...] = ("table", "csv", "json")
"""Formats that are printed if no folder is named."""


@dataclass(frozen=True)
class Config:
    """Options of a prediction."""

    videos: tyro.conf.Positional[tuple[str, ...]]
    """Videos: files, folders with videos at any depth, or s3:// addresses of either."""
    format: Annotated[Format, tyro.conf.arg(aliases=["-f"])] = "table"
    """Format of the answers. table: text for people. csv: a row per second of each face. json: the
    whole answer. vtt, srt: subtitles. eaf: annotations for ELAN. textgrid: annotations for Praat.
    html: a page with the video and a timeline to click. mp4: the video with boxes and labels."""
    json: bool = False
    """Short for --format json --quiet: prints one line of JSON per video and nothing else."""
    quiet: Annotated[bool, tyro.conf.arg(aliases=["-q"])] = False
    """Leave out the lines about the model; the answers of most formats hold them too."""
    out: Annotated[str | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder or s3:// prefix for one file per video. Without it, table, csv and json are printed;
    the other formats need it."""
    package: tyro.conf.UseAppendAction[
        Annotated[tuple[str, ...], tyro.conf.arg(aliases=["-p"], metavar="PACKAGE")]
    ] = ()
    """Model package: a folder, an s3:// prefix or a model.tar.gz. Repeat the flag for several
    packages, whose probabilities are averaged. Default: the model for real faces."""
    people: int | None = None
    """Number of persons to keep in each video: those with the most faces. Default: everybody."""
    sample_fps: float | None = None
    """Samples per second, 2 to 240, for a model that reads each frame alone. Default: those of the
    package."""
    margin: float | None = None
    """Difference between the two largest probabilities, 0 to 1, below which an answer is uncertain.
    Default: the margin of the package."""
    baseline: str | None = None
    """Each person's resting expression, to which the answers become relative: first:30s takes the
    first 30 s of face time, label:neutral the samples in which neutral leads, median all samples.
    Default: no baseline."""
    yunet: str | None = None
    """File of YuNet's weights; default: $VIDEO_EMOTION_YUNET, then the cache, then a download."""
    device: str = "auto"
    """Device of the model: cpu, cuda or cuda:N; auto takes a GPU if there is one, else the CPU."""
    engine: Engine = "torch"
    """Runtime of the model: torch; or onnx, the model.onnx that jobs.export_onnx adds, on CPU."""

    def __post_init__(self) -> None:
        if not self.videos:
            raise InputError("no video is named; name files or folders")
        check_ranges(self, people=at_least(1), margin=Range(0, 1), sample_fps=Range(2, 240))
        if self.baseline is not None:
            parse_baseline(self.baseline)  # refuses a wrong text
        if self.json:
            if self.format not in ("table", "json"):
                raise InputError(f"--json and --format {self.format} are both given; give one")
            object.__setattr__(self, "format", "json")
            object.__setattr__(self, "quiet", True)
        if self.out is None and self.format not in PRINTED:
            raise InputError(
                f"--format {self.format} writes a file per video: name a folder with --out DIR"
            )
