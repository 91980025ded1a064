"""Compare models that were evaluated on the same test set.

    python -m jobs.compare --evals URI URI ... --out URI

Each URI of --evals is a folder that jobs.evaluate wrote, local or s3://. The job prints a Markdown
table and writes compare.csv, compare.json and report.html. It refuses evaluations of different test
sets.
"""

from __future__ import annotations

from collections.abc import Sequence

from emotion import storage
from jobs.common.command import one_line_errors, parse
from jobs.evaluating.options import CompareConfig


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 when the comparison is written."""
    config = parse(CompareConfig, argv, verb="jobs.compare", doc=__doc__)
    # Imported after parsing: --help needs no jinja2 and no pyarrow.
    from emotion.report.compare import markdown
    from jobs.evaluating.compare import run

    print(markdown(run(config)))
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
