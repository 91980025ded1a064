"""Compare models that were judged on the same test set.

    python -m jobs.compare --evals URI URI ... --out URI

Each URI is a folder of jobs.evaluate, local or s3://. Prints a Markdown table and writes it as
compare.csv, compare.json and report.html. Evaluations of different test sets are refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.comparison import Difference, uar_difference
from emotion.evaluate.outcome import Outcome
from emotion.report.compare import COLUMNS, compare_report, markdown
from emotion.report.page import name_of
from jobs.common.command import Address, one_line_errors, parse
from jobs.ledger import output

Row = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """What to compare.

    Attributes:
        evals: Folders of jobs.evaluate; the others are compared with the first.
        out: Folder for the table; files of an earlier comparison are written over.
        names: What to call them, as many; default: the folders' names.
        seed: Of the bootstrap.
    """

    evals: tuple[Address, ...]
    out: Address
    names: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.evals) < 2:
            raise InputError(f"--evals names {len(self.evals)} folder; a comparison needs two")
        if self.names and len(self.names) != len(self.evals):
            raise InputError(f"--names has {len(self.names)} names for {len(self.evals)} --evals")


@dataclass(frozen=True)
class Judged:
    """One evaluation, with the facts of the model that it is of."""

    name: str
    uri: str
    metrics: Mapping[str, Any]
    scores: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]


def read_judged(uri: str, name: str) -> Judged:
    """Read what jobs.evaluate left, and its score set's config.

    Raises:
        InputError: if it is not there.
    """
    parts = {part: storage.join(uri, part) for part in ("metrics.json", "predictions.parquet")}
    for part, address in parts.items():
        if not storage.exists(address):
            raise InputError(f"--evals {uri} has no {part}: name a folder that jobs.evaluate made")
    metrics = storage.read_json(parts["metrics.json"])
    scores_uri = str(storage.read_json(storage.join(uri, "config.json"))["scores"])
    config_uri = storage.join(scores_uri, "config.json")
    scores = storage.read_json(config_uri) if storage.exists(config_uri) else {}
    columns = ["uri", "subject_id", "label", "predicted"]
    rows = storage.read_part(parts["predictions.parquet"], columns).to_pylist()
    return Judged(name, uri, metrics, scores, tuple(Outcome(**row) for row in rows))


def check_same_test_set(judged: Sequence[Judged]) -> None:
    """Refuse evaluations that cannot be compared.

    Raises:
        InputError: naming two, and what differs.
    """
    first = judged[0]
    for other in judged[1:]:
        if other.metrics["test_set_digest"] == first.metrics["test_set_digest"]:
            continue
        ours, theirs = (
            {(o.uri, o.label, o.subject_id) for o in j.outcomes} for j in (first, other)
        )
        example = min(ours ^ theirs, default=("", "", ""))[0]
        raise InputError(
            f"{first.uri} and {other.uri} were judged on different test sets, of "
            f"{len(ours):,} and {len(theirs):,} videos; {example} is not the same in both: run "
            "jobs.evaluate with the same --labels and --split"
        )


def table_row(judged: Judged, difference: Difference | None) -> Row:
    """One line of the table; None where a fact is not recorded."""
    metrics, training = judged.metrics, judged.scores.get("training", {})
    low, high = metrics.get("uar_interval") or (None, None)
    war_low, war_high = metrics.get("war_interval") or (None, None)
    gap = difference.interval if difference and difference.interval else (None, None)
    return {
        "name": judged.name,
        "model": judged.scores.get("architecture"),
        "war": metrics["war"],
        "war_low": war_low,
        "war_high": war_high,
        "uar": metrics["uar"],
        "uar_low": low,
        "uar_high": high,
        "uar_above_first": difference.uar if difference else None,
        "above_low": gap[0],
        "above_high": gap[1],
        "macro_f1": metrics["macro_f1"],
        "ece": metrics.get("ece"),
        "num_parameters": training.get("num_parameters"),
        "train_clips_per_s": training.get("clips_per_s"),
        "cpu_hours": _hours(training.get("cpu_s")),
        "gpu_hours": _hours(training.get("gpu_s")),
        "epochs": training.get("epochs"),
        "dataset_digest": training.get("dataset_digest"),
        "model_id": metrics.get("model_id"),
    }


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 3600


def run(config: Config) -> list[Row]:
    """Read, check, compare, write."""
    names = config.names or tuple(name_of(uri) for uri in config.evals)
    judged = [read_judged(uri, name) for uri, name in zip(config.evals, names, strict=True)]
    check_same_test_set(judged)
    first = judged[0]
    labels = first.metrics["labels"]
    rows = [table_row(first, None)]
    for other in judged[1:]:
        gap = uar_difference(other.outcomes, first.outcomes, labels=labels, seed=config.seed)
        rows.append(table_row(other, gap))
    _write(config, rows, first)
    return rows


def _write(config: Config, rows: list[Row], first: Judged) -> None:
    output.claim(config.out, asdict(config), job="jobs.compare", may_change=asdict(config))
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(COLUMNS))
    writer.writeheader()
    writer.writerows(rows)
    storage.write_bytes(storage.join(config.out, "compare.csv"), text.getvalue().encode())
    page = compare_report(rows, metrics=first.metrics, title=name_of(config.out))
    storage.write_bytes(storage.join(config.out, "report.html"), page.encode())
    facts = {"config": asdict(config), "rows": rows}
    facts["test_set_digest"] = first.metrics["test_set_digest"]
    storage.write_json(storage.join(config.out, "compare.json"), facts)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job."""
    config = parse(Config, argv, verb="jobs.compare", doc=__doc__)
    print(markdown(run(config)))
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
