"""Export a score set for people and other programs: tables, subtitles, annotations, videos, pages.

    python -m jobs.export --scores URI --out URI --formats vtt eaf overlay

Each URI is a local path or s3://. Each table becomes one file. The other formats write one file per
video. Its path repeats the path of the video: the subtitles of s1/a.mp4 are OUT/vtt/s1/a.mp4.vtt.
Run the same command again to write only missing files and the files of new or changed videos.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.common.command import one_line_errors, parse
from jobs.common.runner import prepare
from jobs.exporting.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the files of all videos that could be read are written."""
    config = parse(Config, argv, verb="jobs.export", doc=__doc__)
    prepare(config.runner, config.address, "jobs.exporting.worker")
    from jobs.exporting.run import run  # imports too much for --help

    return run(config)


if __name__ == "__main__":
    raise SystemExit(main())
