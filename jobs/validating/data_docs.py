"""Great Expectations' own pages about a validation, made from results that are already added up."""

from __future__ import annotations

import datetime
import html
import os
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from emotion import storage
from emotion.validate.result import Result, ValidationReport
from emotion.validate.rules import Rule, Suite
from jobs.validating.expectations import expectation

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import great_expectations as gx
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
        RunIdentifier,
    )
    from great_expectations.data_context.types import resource_identifiers as names

_SITE = "validation"
_STATIC = ("styles/data_docs_default_styles.css", "images/favicon.ico", "images/logo-long.png")
_LOGO = re.compile(r"https://great-expectations-web-assets[^\"')\s]*")


def write_docs(
    folder_uri: str, report: ValidationReport, *, suites: Mapping[str, Suite], title: str
) -> dict[str, str]:
    """Write an index and a page per suite below ``folder_uri``.

    Great Expectations lays its pages out with style sheets and scripts from the web. What a suite
    found stands in its page itself; the index is a table that only the scripts fill.

    Args:
        folder_uri: a folder, or an address on S3.
        report: what became of the rules.
        suites: the rules, by the datasets of the report.
        title: name of the run, as the pages tell it.

    Returns:
        Names of the suites' pages in ``folder_uri``, by dataset; the index is ``index.html``.
    """
    with tempfile.TemporaryDirectory(prefix="video-emotion-docs-") as name:
        folder = Path(name)
        _build(folder, report, suites=suites, title=title)
        results = sorted((folder / "validations").glob("*/*/*/*.html"))
        for path in (folder / "index.html", *results):
            suite = "index" if path.name == "index.html" else _suite_of(path, folder)
            text = _flattened(path.read_text(), [p.relative_to(folder).as_posix() for p in results])
            storage.write_bytes(storage.join(folder_uri, f"{suite}.html"), text.encode())
        for path in (folder / "static" / part for part in _STATIC):
            uri = storage.join(folder_uri, path.relative_to(folder).as_posix())
            storage.write_bytes(uri, path.read_bytes())
    return {result.dataset: f"{result.dataset}.html" for result in report.results}


def _suite_of(page: Path, folder: Path) -> str:
    return page.relative_to(folder).parts[1]


def _flattened(text: str, pages: Sequence[str]) -> str:
    """A page as it must be where all lie in one folder, under a name that stays."""
    for page in pages:
        suite = PurePosixPath(page).parts[1]
        text = text.replace(page, f"{suite}.html").replace(
            f"expectations/{suite}.html", f"{suite}.html"
        )
    return _LOGO.sub("static/images/logo-long.png", re.sub(r"(\.\./)+", "", text))


def _build(
    folder: Path, report: ValidationReport, *, suites: Mapping[str, Suite], title: str
) -> None:
    context = gx.get_context(mode="ephemeral")
    for site in list(context.variables.data_docs_sites or {}):
        context.delete_data_docs_site(site)
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": os.fspath(folder)}
    site_config: Any = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": {"expectations": "None", "profiling": "None"},
        "show_how_to_buttons": False,
        "store_backend": backend,
    }
    context.add_data_docs_site(site_name=_SITE, site_config=site_config)
    now = datetime.datetime.now(datetime.UTC)
    title = html.escape(title)  # the pages show every text as it is
    run = RunIdentifier(run_name=title, run_time=now)
    for dataset in dict.fromkeys(result.dataset for result in report.results):
        rules = {rule.text: rule for rule in suites[dataset]}
        found = [(rules[r.expectation], r) for r in report.results if r.dataset == dataset]
        suite = names.ExpectationSuiteIdentifier(dataset)
        key = names.ValidationResultIdentifier(suite, run, title)
        context.validation_results_store.set(key, _outcome(dataset, found, run))
    context.build_data_docs(site_names=[_SITE])


def _outcome(dataset: str, found: list[tuple[Rule, Result]], run: Any) -> Any:
    """The results of one suite, as Great Expectations keeps them."""
    expectations = [expectation(_escaped(rule)) for rule, _ in found]
    results = [
        ExpectationValidationResult(
            success=result.success,
            expectation_config=one.configuration,
            result={
                "element_count": result.elements,
                "unexpected_count": result.unexpected,
                "unexpected_percent": 100 * result.unexpected / max(1, result.elements),
                "partial_unexpected_list": [html.escape(text) for text in result.examples],
            },
        )
        for one, (_, result) in zip(expectations, found, strict=True)
    ]
    kept = sum(result.success for _, result in found)
    return ExpectationSuiteValidationResult(
        success=kept == len(found),
        results=results,
        suite_name=dataset,
        statistics={
            "evaluated_expectations": len(found),
            "successful_expectations": kept,
            "unsuccessful_expectations": len(found) - kept,
            "success_percent": 100 * kept / max(1, len(found)),
        },
        meta={"run_id": run, "active_batch_definition": {}},
    )


def _escaped(rule: Rule) -> Rule:
    values = tuple(html.escape(value) for value in rule.values)
    return replace(rule, text=html.escape(rule.text), values=values)
