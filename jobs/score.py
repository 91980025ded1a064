"""Score an archive of videos with a model package.

    python -m jobs.score --videos URI --out URI [--package URI]

Each URI is a local path or s3://. Without --package the default model for real faces scores. Run
the same command again to score only missing videos.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.common.command import one_line_errors, parse
from jobs.common.runner import prepare
from jobs.scoring.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when every video is in the score set or among its rejects."""
    config = parse(Config, argv, verb="jobs.score", doc=__doc__)
    prepare(config.runner, config.address, "jobs.scoring.shard")
    from jobs.scoring.run import run  # imports too much for --help

    return run(config)


if __name__ == "__main__":
    raise SystemExit(main())
