"""Evaluate a score set against labels.

    python -m jobs.evaluate --scores URI --labels URI.csv --out URI

Writes metrics.json, predictions.parquet, curves.json, report.html, and each plot as PNG and SVG. A
video without a prediction counts as wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from emotion import storage
from jobs.common.command import one_line_errors, parse
from jobs.evaluating.options import EvaluateConfig


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the evaluation is written."""
    config = parse(EvaluateConfig, argv, verb="jobs.evaluate", doc=__doc__)
    # Imported after parsing: --help needs no torch and no matplotlib.
    from jobs.evaluating.run import print_evaluation, run

    result, left_out = run(config)
    print_evaluation(result)
    for label, count in left_out["unknown_labels"].items():
        print(f"  left out: {count:,} with label {label}, which the package does not have")
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
