"""Check a dataset with Great Expectations and DuckDB; exit code 1 if the check fails.

    python -m jobs.validate_dataset --dataset URI

Writes DATASET/validation/report.json and an HTML page, DATASET/validation/index.html.
``jobs.build_dataset`` runs the same check at its end. Training refuses a dataset that was not
checked or that failed the check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotion import storage
from emotion.ranges import Range, check_ranges
from emotion.validate.queries import MAX_REJECT_SHARE
from jobs.common.command import Address, one_line_errors, parse
from jobs.common.workers import RunnerName


@dataclass(frozen=True)
class Config:
    """Settings of the check.

    Attributes:
        dataset: Folder that jobs.build_dataset made.
        max_reject_share: Largest share of the labelled videos that may be rejects, 0 to 1.
        runner: Workers if the tables frames, faces and tracks are larger than 64 MB; a smaller
            dataset is checked in this process. processes: on this machine; ray: on Ray; auto takes
            ray if a cluster is named, else processes.
        address: Ray cluster to join. Default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    max_reject_share: float = MAX_REJECT_SHARE
    runner: RunnerName = "auto"
    address: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self, max_reject_share=Range(0, 1))


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return 0 if the dataset is valid, else 1."""
    config = parse(Config, argv, verb="jobs.validate_dataset", doc=__doc__)
    from jobs.validating.validate import print_report, validate  # imports pandas, DuckDB: slow

    report = validate(
        config.dataset,
        max_reject_share=config.max_reject_share,
        runner=config.runner,
        address=config.address,
    )
    print_report(report)
    print(f"report: {storage.join(config.dataset, 'validation', 'index.html')}")
    return 0 if report.success else 1


if __name__ == "__main__":
    raise SystemExit(main())
