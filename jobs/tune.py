"""Search for a better training recipe: many trials of jobs.train, compared on the val split.

    python -m jobs.tune --dataset URI --out URI --trials 20 --concurrent 2 --train="--epochs 30" \\
        --space lr=log:1e-4:1e-2 batch_size=choice:8,16,32 mixup=uniform:0:0.4

Writes OUT/best (the model package of the best trial), trials.parquet, trials.json, parallel.png,
parallel.svg, report.html, and OUT/trials/NUMBER/run (see jobs.train). Run the same command again to
resume. A larger --trials continues a finished search. No trial uses the test split.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.common.command import one_line_errors, parse
from jobs.tuning.options import Config


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when every trial has ended."""
    config = parse(Config, argv, verb="jobs.tune", doc=__doc__)
    from jobs.tuning.run import run  # imports torch and Ray: not for --help

    best = run(config)
    print(
        f"best is trial {best.name}: val uar {best.val_uar:.3f} (clips), after epoch "
        f"{best.best_epoch} of {len(best.curve)}; of the best of many, an optimistic figure\n"
        f"  {best.command}\n"
        f"model {best.model_id}: {config.out}/best\nreport: {config.out}/report.html"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
