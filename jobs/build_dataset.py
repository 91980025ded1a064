"""Build frame, face, track and clip datasets from an archive of labelled videos.

    python -m jobs.build_dataset --videos URI --labels URI.csv --out URI

Each URI is a local path or s3://. The same command again does only what is missing, new, changed
or gone since.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.building.run import Config, run
from jobs.common.command import one_line_errors, parse


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when the datasets are complete and valid."""
    return run(parse(Config, argv, verb="jobs.build_dataset", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())
