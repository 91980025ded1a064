"""Check a dataset with Great Expectations and DuckDB; exit code 1 if it fails.

    python -m jobs.validate_dataset --dataset URI

Writes DATASET/validation/report.json and index.html, a page to read. ``jobs.build_dataset`` runs
the same check at its end; training refuses a dataset without a report, or with an error in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotion import storage
from emotion.ranges import Range, check_ranges
from emotion.validate.queries import MAX_REJECT_SHARE
from jobs.common.command import Address, one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Settings of the check.

    Attributes:
        dataset: Folder of the dataset.
        max_reject_share: Share of the labelled videos that may be left out, 0 to 1.
        address: Ray cluster for a dataset of more than 64 MB of frames, faces and tracks;
            default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    max_reject_share: float = MAX_REJECT_SHARE
    address: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self, max_reject_share=Range(0, 1))


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job."""
    config = parse(Config, argv, verb="jobs.validate_dataset", doc=__doc__)
    from jobs.validating.validate import print_report, validate  # imports pandas, DuckDB: slow

    report = validate(
        config.dataset, max_reject_share=config.max_reject_share, address=config.address
    )
    print_report(report)
    print(f"report: {storage.join(config.dataset, 'validation', 'index.html')}")
    return 0 if report.success else 1


if __name__ == "__main__":
    raise SystemExit(main())
