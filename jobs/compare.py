"""Compare models that were evaluated on the same test set.

    python -m jobs.compare --evals URI URI ... --out URI

Each URI is a folder of jobs.evaluate, local or s3://. Prints a Markdown table and writes it as
compare.csv, compare.json and report.html. Evaluations of different test sets are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from emotion import storage
from jobs.common.command import one_line_errors, parse
from jobs.evaluating.options import CompareConfig


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job."""
    config = parse(CompareConfig, argv, verb="jobs.compare", doc=__doc__)
    # Imported after parsing: --help needs no jinja2 and no pyarrow.
    from emotion.report.compare import markdown
    from jobs.evaluating.compare import run

    print(markdown(run(config)))
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
