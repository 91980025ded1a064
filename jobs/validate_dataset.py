"""Check a dataset with Great Expectations; exit code 1 if it fails.

    python -m jobs.validate_dataset --dataset URI

Writes DATASET/validation/report.json and index.html. ``jobs.build_dataset`` does the same at its
end; training refuses a dataset without a clean report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import REASONS, InputError
from emotion.extract.spec import ExtractionSpec
from emotion.report.page import name_of
from emotion.report.validation import validation_report
from jobs._cli import one_line_errors, parse
from schemas.derived import STORED, Footer
from schemas.tables import DATASETS
from schemas.validation import ValidationReport


@dataclass(frozen=True)
class Config:
    """What to check.

    Attributes:
        dataset: Folder of the dataset.
    """

    dataset: str


def validate(dataset_uri: str) -> ValidationReport:
    """Check every part and row of a dataset and write ``validation/`` beside them.

    The parts' columns and types come first; when they are wrong, rows are not read.

    Raises:
        InputError: if there is no dataset at the address.
    """
    from schemas import expectations  # imports Great Expectations: seconds

    spec, labels = _declared(dataset_uri)
    footers = read_footers(dataset_uri)
    report = expectations.validate_footers(footers, clip_len=spec.clip_len)
    if report.success:
        tables = {
            name: storage.read_tables(storage.join(dataset_uri, name), columns=list(STORED[name]))
            for name in DATASETS
        }
        rows = expectations.validate_tables(
            tables, labels=labels, clip_len=spec.clip_len, reject_reasons=REASONS
        )
        report = ValidationReport(report.results + rows.results)
    counts = dict.fromkeys(DATASETS, 0)
    for footer in footers:
        counts[footer.dataset] += footer.num_rows
    _write(dataset_uri, report, spec=spec, counts=counts)
    return report


def _declared(dataset_uri: str) -> tuple[ExtractionSpec, list[str]]:
    try:
        spec = ExtractionSpec.from_json(storage.read_json(storage.join(dataset_uri, "spec.json")))
        config = storage.read_json(storage.join(dataset_uri, "config.json"))
    except FileNotFoundError as err:
        raise InputError(
            f"{dataset_uri} is not a dataset: it has no spec.json and config.json; "
            "make one with jobs.build_dataset"
        ) from err
    labels = config.get("labels")
    if not isinstance(labels, list) or not labels:
        raise InputError(
            f"{dataset_uri}/config.json declares labels {labels!r}, not a list of names"
        )
    return spec, [str(label) for label in labels]


def read_footers(dataset_uri: str) -> list[Footer]:
    """What every part of the five tables says of itself; image bytes are not read.

    Raises:
        InputError: if a part is not Parquet.
    """
    footers = []
    for name in DATASETS:
        for part in storage.list_files(storage.join(dataset_uri, name), suffixes=(".parquet",)):
            with storage.open_input(part.uri) as file:
                try:
                    parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"))
                except pa.ArrowInvalid as err:
                    raise InputError(f"{part.uri} is not a Parquet file: {err}") from err
                footers.append(_footer(name, part.uri.rsplit("/", 1)[-1], parquet))
    return footers


def _footer(dataset: str, part: str, parquet: pq.ParquetFile) -> Footer:
    metadata = parquet.metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    crops = sum(c.num_values for c in columns if c.path_in_schema.split(".")[0] == "crops")
    num_crops = crops if dataset == "clips" else 0
    return Footer(dataset, part, parquet.schema_arrow, metadata.num_rows, num_crops)


def _write(
    dataset_uri: str, report: ValidationReport, *, spec: ExtractionSpec, counts: dict[str, int]
) -> None:
    folder = storage.join(dataset_uri, "validation")
    value = report.to_json() | {"spec_digest": spec.digest, "counts": counts}
    page = validation_report(value, title=name_of(dataset_uri))
    storage.write_bytes(storage.join(folder, "index.html"), page.encode())
    storage.write_json(storage.join(folder, "report.json"), value)


def print_report(report: ValidationReport) -> None:
    """Print a line per dataset, then each expectation that is not kept with examples."""
    total = Counter(result.dataset for result in report.results)
    failed = Counter(result.dataset for result in report.failed)
    print(f"{'validation':<12}{'expectations':>14}{'failed':>9}")
    for name, count in total.items():
        print(f"{name:<12}{count:>14}{failed[name]:>9}")
    for result in report.failed:
        print(f"FAILED {result.dataset}: {result.expectation}; {result.unexpected} do not")
        for example in result.examples:
            print(f"    {example}")
    print("dataset is valid" if report.success else f"{len(report.failed)} expectations failed")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job."""
    config = parse(Config, argv, doc=__doc__)
    dataset = storage.absolute(config.dataset)
    report = validate(dataset)
    print_report(report)
    print(f"report: {storage.join(dataset, 'validation', 'index.html')}")
    return 0 if report.success else 1


if __name__ == "__main__":
    raise SystemExit(main())
