"""Train a model on a dataset's clips and write a model package.

    python -m jobs.train --dataset URI --out URI

Each URI is a local path or s3://. Writes OUT/package, metrics.json, checkpoints/, tensorboard/ and
config.json. Run the same command again to resume from the last checkpoint; a finished run does not
change. The epoch with the best result on the val split gives the weights. Clips of the test split
are counted, but never used.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.common.command import one_line_errors, parse
from jobs.training.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the package is written."""
    config = parse(Config, argv, verb="jobs.train", doc=__doc__)
    from jobs.training.run import run  # imports torch and Ray: not for --help

    return run(config)


if __name__ == "__main__":
    raise SystemExit(main())
