"""Train a model on a dataset's clips and write a model package.

    python -m jobs.train --dataset URI --out URI

Each URI is a local path or s3://. Leaves OUT/package, metrics.json, checkpoints/, tensorboard/ and
config.json. The same command again goes on from the last checkpoint; a finished run stays as it
is. Weights are chosen on the val split; the test split is never read.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.common.command import one_line_errors, parse
from jobs.training.run import (
    Config,
    run,
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when the package is written."""
    return run(parse(Config, argv, verb="jobs.train", doc=__doc__))


if __name__ == "__main__":
    raise SystemExit(main())
