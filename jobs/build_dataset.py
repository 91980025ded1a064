"""Build frame, face, track and clip datasets from an archive of labelled videos.

    python -m jobs.build_dataset --videos URI --labels URI.csv --out URI

Each URI is a local path or s3://. The same command again does only what is missing, new, changed
or gone since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emotion import storage
from jobs.building.run import Config, run
from jobs.common.command import one_line_errors, parse


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when the datasets are complete and valid."""
    config = parse(Config, argv, doc=__doc__)
    return run(
        replace(
            config,
            videos=storage.absolute(config.videos),
            labels=storage.absolute(config.labels),
            out=storage.absolute(config.out),
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
