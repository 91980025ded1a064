"""Compare a score set with labels.

    python -m jobs.evaluate --scores URI --labels URI.csv --out URI

Writes metrics.json, confusion.png and report.html. A video without a prediction counts as wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from emotion import storage
from emotion.errors import InputError
from emotion.label_table import LabelRow, read_label_table
from emotion.learn.evaluation import Evaluation, Outcome, evaluate
from emotion.learn.plots import confusion_png
from emotion.learn.splits import assign_split
from emotion.report.evaluation import evaluation_report
from emotion.report.page import name_of
from jobs._cli import one_line_errors, parse

NOT_SCORED = "not_scored"


@dataclass(frozen=True)
class Config:
    """What to compare with what.

    Attributes:
        scores: Folder of a finished score set.
        labels: CSV with columns uri, subject_id, label and optional split.
        out: Folder for the figures; files of an earlier evaluation are written over.
        split: Videos of this split, by the table's column, else as jobs.build_dataset splits.
        split_seed: Seed of that split, as given to jobs.build_dataset.
        seed: Seed of the bootstrap.
    """

    scores: str
    labels: str
    out: str
    split: Literal["test", "val", "train", "all"] = "test"
    split_seed: int = 0
    seed: int = 0


@dataclass(frozen=True)
class ScoreSet:
    """A finished score set: what it was made with, and per video the label or the reason.

    Attributes:
        config: its config.json.
        labels: the package's label set, in order.
        predicted: label by uri.
        reasons: why there is no label, by uri.
    """

    config: dict[str, Any]
    labels: tuple[str, ...]
    predicted: dict[str, str]
    reasons: dict[str, str]


def read_scores(scores_uri: str) -> ScoreSet:
    """Read what a finished score set says of each video.

    Raises:
        InputError: if it is not a score set, or has no ``_SUCCESS``.
    """
    if not storage.exists(storage.join(scores_uri, "_SUCCESS")):
        raise InputError(
            f"--scores {scores_uri} has no _SUCCESS: it is not a score set or its job did not end; "
            "run jobs.score again with the same --out"
        )
    config = storage.read_json(storage.join(scores_uri, "config.json"))
    if not isinstance(config, dict) or not {"labels", "videos_root"} <= config.keys():
        raise InputError(f"--scores {scores_uri}: config.json names no labels and videos_root")
    columns = ["uri", "label", "reason"]
    rows = storage.read_tables(storage.join(scores_uri, "videos"), columns=columns).to_pylist()
    rejects = storage.join(scores_uri, "rejects")
    if storage.list_files(rejects, suffixes=(".parquet",)):
        rows += storage.read_tables(rejects, columns=["uri", "reason"]).to_pylist()
    return ScoreSet(
        config=config,
        labels=tuple(config["labels"]),
        predicted={row["uri"]: row["label"] for row in rows if row.get("label") is not None},
        reasons={row["uri"]: row["reason"] for row in rows if row.get("label") is None},
    )


def join_labels(
    rows: Sequence[LabelRow], scores: ScoreSet, *, split: str, split_seed: int
) -> tuple[list[Outcome], dict[str, Any]]:
    """Labelled videos of a split with their predictions, and the counts of rows left out.

    Left out are rows of another split, with a label that the score set does not know, and with a
    uri that the table names more than once.
    """
    times = Counter(row.uri for row in rows)
    outcomes: list[Outcome] = []
    unknown: Counter[str] = Counter()
    elsewhere = 0
    for row in rows:
        in_split = row.split or assign_split(row.subject_id, seed=split_seed)
        if split not in ("all", in_split):
            elsewhere += 1
        elif row.label not in scores.labels:
            unknown[row.label] += 1
        elif times[row.uri] == 1:
            predicted = scores.predicted.get(row.uri)
            reason = scores.reasons.get(row.uri, NOT_SCORED) if predicted is None else None
            outcomes.append(Outcome(row.uri, row.subject_id, row.label, predicted, reason))
    left_out = {
        "other_splits": elsewhere,
        "duplicate_uris": sum(count > 1 for count in times.values()),
        "unknown_labels": dict(sorted(unknown.items())),
    }
    return outcomes, left_out


def run(config: Config) -> Evaluation:
    """Read, join, judge and write."""
    scores = read_scores(config.scores)
    table = read_label_table(config.labels, videos_root=str(scores.config["videos_root"]))
    outcomes, left_out = join_labels(
        table.rows, scores, split=config.split, split_seed=config.split_seed
    )
    if not outcomes:
        raise InputError(
            f"--labels {config.labels} has no video with a known label in split {config.split!r} "
            f"({left_out}); try --split all"
        )
    _claim(config.out)
    found = evaluate(outcomes, labels=scores.labels, seed=config.seed)
    made_with = {key: scores.config[key] for key in ("model_id",) if key in scores.config}
    _write(config, found, found.to_json() | left_out | made_with | {"split": config.split})
    return found


def _claim(out: str) -> None:
    """Refuse a folder that another job made, such as the score set itself."""
    config_uri = storage.join(out, "config.json")
    before = storage.read_json(config_uri) if storage.exists(config_uri) else {}
    if storage.is_folder(out) and storage.list_files(out) and "scores" not in before:
        raise InputError(f"--out {out} holds files that jobs.evaluate did not make; name another")
    storage.check_writable(out)


def _write(config: Config, found: Evaluation, metrics: Mapping[str, Any]) -> None:
    title = name_of(config.scores)
    heading = f"{title}, split {config.split}: WAR {found.war:.1%}, UAR {found.uar:.1%}"
    plot = confusion_png(
        found.confusion, found.labels, no_prediction=found.no_prediction, title=heading
    )
    page = evaluation_report(metrics, confusion_png=plot, title=title)
    storage.write_json(storage.join(config.out, "config.json"), asdict(config))
    storage.write_bytes(storage.join(config.out, "confusion.png"), plot)
    storage.write_bytes(storage.join(config.out, "report.html"), page.encode())
    storage.write_json(storage.join(config.out, "metrics.json"), dict(metrics))


def print_evaluation(found: Evaluation, *, split: str) -> None:
    """Print the figures, and how many videos had no prediction and why."""
    print(f"split {split}: {found.n_videos:,} videos of {found.n_subjects:,} subjects")
    for name, value, interval in (
        ("WAR", found.war, found.war_interval),
        ("UAR", found.uar, found.uar_interval),
    ):
        spread = f"  95% interval {interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
        print(f"  {name:9} {value:.3f}{spread}")
    print(f"  {'macro F1':9} {found.macro_f1:.3f}")
    print(f"  {'coverage':9} {found.coverage:.3f}")
    for reason, count in found.missing.items():
        print(f"  without a prediction: {reason} {count:,}")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job."""
    given = parse(Config, argv, doc=__doc__)
    config = replace(
        given,
        scores=storage.absolute(given.scores),
        labels=storage.absolute(given.labels),
        out=storage.absolute(given.out),
    )
    print_evaluation(run(config), split=config.split)
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
