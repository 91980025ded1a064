"""Rules that Great Expectations checks on data frames without image bytes.

``validate_footers`` checks columns, types and sizes of the parts. If that check passes, the rows
can be read, and ``validate_tables`` checks every row. Great Expectations sends no analytics and
stores no context here. The import of this module takes seconds, so callers import it inside
functions.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from emotion.validate import derived, derived_tracks, suites
from emotion.validate.footers import Footer, columns_frame, crops_frame
from emotion.validate.notes import Tables, to_frame
from emotion.validate.result import EXAMPLES, Result, ValidationReport
from emotion.validate.rules import Rule, Suite
from emotion.validate.suites import Declared

os.environ["GX_ANALYTICS_ENABLED"] = "false"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the import warns of optional packages that are not installed
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    gxe: Any = importlib.import_module("great_expectations.expectations")

Check = tuple[str, pd.DataFrame, Suite]
"""Name of a table, its data frame and its rules."""
_SEVERITIES = {"error": "critical", "warning": "warning"}


def validate_footers(footers: Sequence[Footer], *, clip_len: int) -> ValidationReport:
    """Check that the parts have the declared columns, and ``clip_len`` crops per clip."""
    columns, crops = columns_frame(footers), crops_frame(footers, clip_len=clip_len)
    return run_checks(
        [
            ("columns", columns, suites.columns_suite()),
            ("parts", crops, suites.parts_suite(clip_len)),
        ]
    )


def validate_crops(crops: pd.DataFrame, *, crop_px: int) -> ValidationReport:
    """Check the data frame that ``emotion.validate.crops.sample_crops`` returned."""
    return run_checks([("crops", crops, suites.crops_suite(crop_px))])


def validate_tables(tables: Tables, *, declared: Declared) -> ValidationReport:
    """Check all rows of some videos; their parts must have passed ``validate_footers``.

    Args:
        tables: the six tables by name with all rows of these videos and at least the columns
            ``derived.STORED``.
        declared: settings of the dataset with which the rows must agree.
    """
    return run_checks(checks(tables, declared=declared))


def checks(tables: Tables, *, declared: Declared) -> list[Check]:
    """Return the checks of ``validate_tables``, one per table."""
    labels, clip_len = declared.labels, declared.clip_len
    clips = derived_tracks.clips_frame(tables, clip_len=clip_len, clip_stride=declared.clip_stride)
    rejects = to_frame(tables["rejects"])
    return [
        ("videos", derived.videos_frame(tables), suites.videos_suite(labels)),
        ("frames", derived.frames_frame(tables), suites.frames_suite()),
        ("faces", derived.faces_frame(tables), suites.faces_suite()),
        ("tracks", derived_tracks.tracks_frame(tables), suites.tracks_suite(labels)),
        ("clips", clips, suites.clips_suite(labels, clip_len)),
        ("rejects", rejects, suites.rejects_suite(declared.reject_reasons)),
    ]


def expectation(rule: Rule) -> Any:
    """Return the expectation of Great Expectations for a rule, with the rule's text in it."""
    common: dict[str, Any] = {
        "description": rule.text,
        "severity": _SEVERITIES[rule.severity],
    }
    column = rule.columns[0]
    if rule.kind == "unique" and len(rule.columns) > 1:
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(rule.columns), **common)
    if rule.kind == "ordered":
        pair = {"column_A": rule.columns[1], "column_B": column}
        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(**pair, **common)
    if rule.kind == "between":
        bounds = {"min_value": rule.low, "max_value": rule.high, "strict_min": rule.above}
        return gxe.ExpectColumnValuesToBeBetween(column=column, **bounds, **common)
    if rule.kind == "one_of":
        values = list(rule.values)
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=values, **common)
    if rule.kind == "matches":
        regex = rule.values[0]
        return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=regex, **common)
    of_column = {
        "present": gxe.ExpectColumnValuesToNotBeNull,
        "unique": gxe.ExpectColumnValuesToBeUnique,
        "no_note": gxe.ExpectColumnValuesToBeNull,
    }
    return of_column[rule.kind](column=column, **common)


def run_checks(given: Iterable[Check]) -> ValidationReport:
    """Check each data frame with its rules; the results are in the order of the rules."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("tables")
    results: list[Result] = []
    for number, (name, frame, suite) in enumerate(given):
        asset = source.add_dataframe_asset(f"{number}-{name}")
        definition = asset.add_batch_definition_whole_dataframe("all")
        batch = definition.get_batch({"dataframe": frame})
        outcome = batch.validate(
            gx.ExpectationSuite(name=name, expectations=[expectation(rule) for rule in suite]),
            result_format={"result_format": "BASIC", "partial_unexpected_count": EXAMPLES},
        )
        outcomes: list[Any] = list(outcome.results)
        by_text = {str(one.expectation_config.description): one for one in outcomes}
        results += [_result(name, rule, by_text[rule.text]) for rule in suite]
    return ValidationReport(tuple(results))


def _result(dataset: str, rule: Rule, outcome: Any) -> Result:
    values = outcome.result
    if "unexpected_count" not in values:
        raise RuntimeError(
            f"{dataset}: {rule.text!r} could not be checked: {outcome.exception_info}"
        )
    examples = () if outcome.success else values["partial_unexpected_list"]
    return Result(
        dataset=dataset,
        expectation=rule.text,
        success=bool(outcome.success),
        unexpected=int(values["unexpected_count"]),
        examples=tuple(dict.fromkeys(_plain(one) for one in examples)),
        elements=int(values["element_count"]),
        severity=rule.severity,
    )


def _plain(value: object) -> str:
    """Return a value as text without NumPy's type names; dicts and tuples become phrases."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, tuple | list):
        return " and ".join(_plain(one) for one in value)
    return str(value)
