"""Train and test once per fold of a dataset.

    python -m jobs.crossval --dataset URI --out URI --train="--epochs 40 --model r3d_lite"

Each fold is tested once, by a model trained without its people: the next fold chooses the weights,
the other folds are the training data. Writes OUT/FOLD/view (the fold's training clips, copied),
OUT/FOLD/run (see jobs.train), OUT/FOLD/metrics.json, and over all folds metrics.json,
predictions.parquet, report.html, confusion.png and confusion.svg. The same command again resumes.
--by corpus leaves out one corpus at a time.

    python -m jobs.crossval --dataset URI --out URI --by corpus --matrix

trains on each corpus and tests on the test people of every corpus.
"""

from __future__ import annotations

from collections.abc import Sequence

from emotion import storage
from jobs.common.command import one_line_errors, parse
from jobs.folds.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every fold is trained and tested."""
    config = parse(Config, argv, verb="jobs.crossval", doc=__doc__)
    # Imported after parsing: --help needs no torch and no Ray.
    from jobs.folds.corpus_matrix import print_matrix
    from jobs.folds.run import print_folds, run

    metrics = run(config)
    (print_matrix if config.matrix else print_folds)(metrics)
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
