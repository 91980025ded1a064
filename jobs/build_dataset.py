"""Build frame, face, track and clip datasets from an archive of labelled videos.

    python -m jobs.build_dataset --videos URI --labels URI.csv --out URI

Each URI is a local path or an s3:// address. Run the same command again to do only the missing
work. It also follows the archive: it adds new and changed videos and removes deleted ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.building.options import Config
from jobs.common.command import one_line_errors, parse
from jobs.common.runner import prepare


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the datasets are complete and valid, else 1."""
    config = parse(Config, argv, verb="jobs.build_dataset", doc=__doc__)
    prepare(config.runner, config.address, "jobs.building.worker")
    from jobs.building.run import run  # imports too much for --help

    return run(config)


if __name__ == "__main__":
    raise SystemExit(main())
