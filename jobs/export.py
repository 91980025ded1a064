"""Export a score set for people and other programs: tables, subtitles, annotations, videos, pages.

    python -m jobs.export --scores URI --out URI --formats vtt eaf overlay

Each URI is a local path or s3://. Each table is one file. The other formats are one file per video,
named as the video, in its folders: OUT/vtt/s1/a.mp4.vtt. The same command again writes only the
files that are missing, and those of videos that are new or changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.common.command import one_line_errors, parse
from jobs.exporting.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; returns 0 when every file is written whose video could be read."""
    config = parse(Config, argv, verb="jobs.export", doc=__doc__)
    from jobs.exporting.run import run  # after parse: it imports PyAV, OpenCV and Ray

    return run(config)


if __name__ == "__main__":
    raise SystemExit(main())
