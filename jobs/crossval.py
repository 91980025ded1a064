"""Train and test once per fold of a dataset.

    python -m jobs.crossval --dataset URI --out URI --train="--epochs 40 --model r3d_lite"

Each fold is tested once, with a model that was trained without the people of that fold. The next
fold is the val split, which selects the weights; all other folds are the training data. Writes
OUT/FOLD/view (a copy of the clips of that training), OUT/FOLD/run (see jobs.train) and
OUT/FOLD/metrics.json; and over all folds OUT/metrics.json, predictions.parquet, report.html,
confusion.png and confusion.svg. Run the same command again to resume. With --by corpus each corpus
is a fold.

    python -m jobs.crossval --dataset URI --out URI --by corpus --matrix

trains one model per corpus and tests each model on the test people of every corpus.
"""

from __future__ import annotations

from collections.abc import Sequence

from emotion import storage
from jobs.common.command import one_line_errors, parse
from jobs.folds.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when every fold is trained and tested."""
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
