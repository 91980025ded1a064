"""The page of a validation: each rule below its table, with counts, severity and examples."""

from __future__ import annotations

import pytest

from emotion import storage
from emotion.report.validation import validation_report
from emotion.validate.result import Result, ValidationReport
from tests.helpers.pages import parsed
from tests.helpers.tiny_dataset import clean, tables_of, write_dataset

pytestmark = pytest.mark.large

REPORT = ValidationReport(
    (
        Result("tracks", "start_s is never null", True, 0, (), 7),
        Result("identities", "no two are one", False, 1, ("anna and carl",), 2, "warning"),
        Result("faces", "blur is never null", True, 0, (), 4000),
        Result("faces", "score is never null", False, 3, ("<b>none</b>",), 4000),
    )
)


def page_of(report: ValidationReport) -> str:
    value = report.to_json() | {"spec_digest": "0123", "counts": {"faces": 4000}}
    return validation_report(value, title="acted")


def test_each_table_lists_its_rules_failed_ones_first() -> None:
    html = page_of(REPORT)
    page = parsed(html)
    assert page.text.index("Not valid: 1 of 4 rules failed, 1 warning.") > 0
    assert "faces failed 2 1 0 identities faces of subjects" in page.text
    assert "faces result rule severity checked failed failed score is never null" in page.text
    assert "<b>none</b> error 4,000 3 kept blur is never null error 4,000 0" in page.text
    assert "warning no two are one anna and carl warning 2 1" in page.text
    assert "kept start_s is never null error 7 0" in page.text
    assert "<b>none</b>" not in html


def test_tables_that_failed_come_first_and_are_linked() -> None:
    page = parsed(page_of(REPORT))
    assert page.links == ["#faces", "#identities", "#tracks"]
    assert page.ids == ["faces", "identities", "tracks"]


def test_a_report_without_rules_is_valid() -> None:
    page = parsed(page_of(ValidationReport(())))
    assert "Valid: all 0 rules are kept." in page.text


@pytest.mark.parametrize("quality, failed", [(0.9, 0), (3.0, 1)], ids=["valid", "not valid"])
def test_the_page_of_a_dataset_needs_no_other_file(store: str, quality: float, failed: int) -> None:
    from jobs.validating.validate import validate

    rows = clean()
    rows["clips"][0]["quality"] = quality
    write_dataset(store, tables_of(rows))
    report = validate(store)
    assert len(report.failed) == failed
    page = parsed(storage.read_bytes(storage.join(store, "validation/index.html")).decode())
    assert len(page.ids) == 14 == len({result.dataset for result in report.results})
    for result in report.results:
        assert result.expectation in page.text
    assert page.text.count("failed quality is at least 0 and at most 1 3.0 error 2 1") == failed
    folder = storage.join(store, "validation") + "/"
    names = {file.uri.split("validation/")[-1] for file in storage.list_files(folder)}
    assert names == {"index.html", "report.json"}
