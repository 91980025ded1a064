"""Comparison of several evaluations: read them and write the table and the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.comparison import StoredEvaluation, check_same_test_set, comparison_rows
from emotion.evaluate.outcome import Outcome
from emotion.report.compare import COMPARED, compare_report
from emotion.report.page import name_of
from jobs.evaluating.options import CompareConfig
from jobs.ledger import output

OUTCOME_COLUMNS = ("uri", "subject_id", "label", "predicted")


def run(config: CompareConfig) -> list[dict[str, Any]]:
    """Read the evaluations, compare them and write the results; return the rows of the table.

    Raises:
        InputError: if a folder is not an evaluation, or the test sets differ.
    """
    names = config.names or tuple(name_of(uri) for uri in config.evals)
    pairs = zip(config.evals, names, strict=True)
    evaluations = [read_evaluation(uri, name) for uri, name in pairs]
    check_same_test_set(evaluations)
    rows = comparison_rows(evaluations, seed=config.seed)
    _write(config, rows, evaluations[0].metrics)
    return rows


def read_evaluation(uri: str, name: str) -> StoredEvaluation:
    """Read a folder that jobs.evaluate made, and the config.json of its score set if it exists.

    Args:
        uri: address of the folder.
        name: name of the evaluation in the table.

    Raises:
        InputError: if metrics.json or predictions.parquet is missing.
    """
    parts = {part: storage.join(uri, part) for part in ("metrics.json", "predictions.parquet")}
    for part, address in parts.items():
        if not storage.exists(address):
            raise InputError(f"--evals {uri} has no {part}: name a folder that jobs.evaluate made")
    metrics = storage.read_json(parts["metrics.json"])
    scores_uri = str(storage.read_json(storage.join(uri, "config.json"))["scores"])
    config_uri = storage.join(scores_uri, "config.json")
    scores = storage.read_json(config_uri) if storage.exists(config_uri) else {}
    rows = storage.read_part(parts["predictions.parquet"], OUTCOME_COLUMNS).to_pylist()
    return StoredEvaluation(name, uri, metrics, scores, tuple(Outcome(**row) for row in rows))


def _write(
    config: CompareConfig, rows: Sequence[Mapping[str, Any]], first: Mapping[str, Any]
) -> None:
    """Write all files; ``first`` is the content of metrics.json of the first evaluation."""
    output.claim(config.out, asdict(config), job="jobs.compare", may_change=asdict(config))
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(COMPARED))
    writer.writeheader()
    writer.writerows(rows)
    storage.write_bytes(storage.join(config.out, "compare.csv"), text.getvalue().encode())
    page = compare_report(rows, metrics=first, title=name_of(config.out))
    storage.write_bytes(storage.join(config.out, "report.html"), page.encode())
    facts = {"config": asdict(config), "rows": rows, "test_set_digest": first["test_set_digest"]}
    storage.write_json(storage.join(config.out, "compare.json"), facts)
