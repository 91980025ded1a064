"""Validation of a dataset: first rules on groups of shards, then rules on the whole dataset."""

from __future__ import annotations

import importlib
import json
import math
import threading
from collections import Counter

from emotion import storage
from emotion.errors import REASONS, InputError
from emotion.extract.spec import ExtractionSpec
from emotion.nouns import counted
from emotion.report.page import name_of
from emotion.report.validation import validation_report
from emotion.validate.queries import MAX_REJECT_SHARE
from emotion.validate.result import EXAMPLES, Result, ValidationReport, from_json, merged
from emotion.validate.suites import Declared
from emotion.versions import check_job, check_schema_version
from jobs.common.runner import open_runner
from jobs.common.workers import RunnerName
from jobs.ledger.parts import PLAN, part_name
from jobs.validating.groups import (
    GROUP_MB,
    Parts,
    cut_groups,
    list_parts,
    of_group,
    validate_group,
)
from jobs.validating.whole import validate_whole
from jobs.validating.worker import ValidateGroup
from schemas.tables import DATASETS

_EVERY_PART = "every shard has a part in each table"


def import_ahead() -> None:
    """Start to import Great Expectations in a thread; return at once.

    The import takes 5 to 8 s. A job that validates at its end hides it behind the work of its
    workers.
    """
    threading.Thread(
        target=importlib.import_module, args=("jobs.validating.expectations",), daemon=True
    ).start()


def validate(
    dataset_uri: str,
    *,
    max_reject_share: float = MAX_REJECT_SHARE,
    group_mb: float = GROUP_MB,
    runner: RunnerName = "auto",
    address: str | None = None,
) -> ValidationReport:
    """Check every part and row of a dataset and write its folder ``validation/``.

    Rules on rows and videos are checked in groups of shards: a single group in this process,
    several groups by workers. Then rules on the whole dataset are checked. If a part is missing
    or has wrong columns, no rows are read.

    Args:
        dataset_uri: the dataset folder.
        max_reject_share: largest share of the labelled videos that may be rejects, 0 to 1.
        group_mb: size of a group in MB: stored size of its frames, faces and tracks.
        runner: runner of the workers, see ``jobs.common.runner``.
        address: Ray cluster for several groups, if Ray is not connected; see ``cluster.session``.

    Returns:
        The report; its ``success`` is False if a rule with severity error failed.

    Raises:
        InputError: if there is no dataset at the address, or a part is not Parquet.
    """
    spec, declared = _declared(dataset_uri)
    parts = list_parts(dataset_uri)
    report, counts = _parts_report(parts), dict.fromkeys(DATASETS, 0)
    if report.success:
        rows_report, counts = _validate_groups(
            dataset_uri, parts, declared, group_mb, runner, address
        )
        report = merged([report, rows_report])
    if all(result.success for result in report.results if result.dataset in ("parts", "columns")):
        whole = validate_whole(
            dataset_uri, parts, labels=declared.labels, max_reject_share=max_reject_share
        )
        report = merged([report, whole])
    _write(dataset_uri, report, spec=spec, counts=counts)
    return report


def _declared(dataset_uri: str) -> tuple[ExtractionSpec, Declared]:
    try:
        spec = ExtractionSpec.from_json(storage.read_json(storage.join(dataset_uri, "spec.json")))
        config = storage.read_json(storage.join(dataset_uri, "config.json"))
    except FileNotFoundError as err:
        raise InputError(
            f"{dataset_uri} is not a dataset: it has no spec.json and config.json; "
            "make one with jobs.build_dataset"
        ) from err
    check_job(config, dataset_uri, flag="dataset", job="jobs.build_dataset")
    labels = config.get("labels")
    if not isinstance(labels, list) or not labels:
        raise InputError(
            f"{dataset_uri}/config.json declares labels {labels!r}, must be a list of names"
        )
    check_schema_version(config, dataset_uri, flag="dataset")
    declared = Declared(
        labels=tuple(str(label) for label in labels),
        clip_len=spec.clip_len,
        clip_stride=spec.clip_stride,
        crop_px=spec.crop_px,
        reject_reasons=REASONS,
    )
    return spec, declared


def _parts_report(parts: Parts) -> ValidationReport:
    """Check by file names that every shard has one part in each table."""
    shards = {part for files in parts.values() for part in files} - {part_name(PLAN)}
    missing = [f"{name}/{part}" for name in DATASETS for part in sorted(shards - set(parts[name]))]
    notes = [f"{name} is missing" for name in missing]
    if not shards:
        notes = ["videos/ holds no Parquet part"]
    result = Result(
        "parts",
        _EVERY_PART,
        success=not notes,
        unexpected=len(notes),
        examples=tuple(notes[:EXAMPLES]),
        elements=len(shards) * len(DATASETS),
    )
    return ValidationReport((result,))


def _validate_groups(
    dataset_uri: str,
    parts: Parts,
    declared: Declared,
    group_mb: float,
    runner: RunnerName,
    address: str | None,
) -> tuple[ValidationReport, dict[str, int]]:
    groups = [of_group(parts, group) for group in cut_groups(parts, max_mb=group_mb)]
    if len(groups) == 1:
        return validate_group(dataset_uri, groups[0], declared=declared)
    items = [{"number": k, "parts": json.dumps(group)} for k, group in enumerate(groups)]
    with open_runner(runner, address, video_s=0.0) as opened:
        rows = opened.map(ValidateGroup, (dataset_uri, declared), items, video_s=math.inf)
        by_number = {row["number"]: json.loads(row["result"]) for row in rows}
    results = [by_number[number] for number in range(len(groups))]  # always in the same order
    counts: Counter[str] = Counter()
    for one in results:
        counts.update(one["counts"])
    return merged(from_json(one["report"]) for one in results), dict(counts)


def _write(
    dataset_uri: str, report: ValidationReport, *, spec: ExtractionSpec, counts: dict[str, int]
) -> None:
    """Write ``validation/index.html`` and ``validation/report.json``."""
    folder = storage.join(dataset_uri, "validation")
    value = report.to_json() | {"spec_digest": spec.digest, "counts": counts}
    page = validation_report(value, title=name_of(dataset_uri))
    storage.write_bytes(storage.join(folder, "index.html"), page.encode())
    storage.write_json(storage.join(folder, "report.json"), value)


def print_report(report: ValidationReport) -> None:
    """Print one line per table, then each failed rule and each warning with examples."""
    total = Counter(result.dataset for result in report.results)
    failed = Counter(result.dataset for result in report.failed)
    warned = Counter(result.dataset for result in report.warnings)
    print(f"{'validation':<12}{'rules':>9}{'failed':>9}{'warnings':>10}")
    for name, count in total.items():
        print(f"{name:<12}{count:>9}{failed[name]:>9}{warned[name]:>10}")
    for word, results in (("FAILED", report.failed), ("WARNING", report.warnings)):
        for result in results:
            share = f"{result.unexpected} of {result.elements} fail"
            print(f"{word} {result.dataset}: {result.expectation}; {share}")
            for example in result.examples:
                print(f"    {example}")
    print("dataset is valid" if report.success else f"{counted(len(report.failed), 'rule')} failed")


def print_warnings(report: ValidationReport) -> None:
    """Print each warning as a line with its first examples, and where they are explained."""
    for result in report.warnings:
        shown = "; ".join(result.examples[:2])
        more = f"; {result.unexpected - 2:,} more" if result.unexpected > 2 else ""
        print(f"  warning: {shown}{more} (expected: {result.expectation})")
    if report.warnings:
        print("  the dataset can be used; validation/index.html has all warnings")
