"""Compare a score set with labels.

    python -m jobs.evaluate --scores URI --labels URI.csv --out URI

Writes metrics.json, predictions.parquet, curves.json, report.html, and each plot as PNG and SVG. A
video without a prediction counts as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.curves import LabelCurves
from emotion.evaluate.dataset_facts import check_dataset, dataset_facts
from emotion.evaluate.evaluation import Evaluation, curves_of, evaluate
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.score_set import (
    ScoreSet,
    clip_figures,
    join_labels,
    predictions_table,
    read_scores,
    uncalibrated_probs,
)
from emotion.evaluate.slices import Slices, slice_by
from emotion.label_table import LabelTable, read_label_table
from emotion.package.model_package import add_to_card, load_package
from emotion.ranges import Range, check_ranges
from emotion.report.evaluation import evaluation_report
from emotion.report.evaluation_plots import (
    learning_plot,
    pr_plot,
    reliability_plot,
    roc_plot,
    slices_plot,
)
from emotion.report.mistakes import Mistake, surest_mistakes, with_strips
from emotion.report.page import name_of
from emotion.report.plots import Plot, confusion_plot
from jobs.common.command import Address, masked, one_line_errors, parse
from jobs.ledger import output
from jobs.training.mlflow_client import log_evaluation

MAX_MISTAKES = 60  # on one page, about 30 KB each


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
        slice_by: Columns between commas to judge apart: of the label table, or with --dataset
            video_fps, video_height, video_codec, face_px, light.
        dataset: Dataset of the same archive: shows mistakes as crops, and adds columns to slice by.
        run: Folder of jobs.train: adds its learning curves to the page.
        package: Package that made the scores, for its temperature where the score set tells none.
        mistakes: Wrong answers on the page, the most confident first.
        update_card: Write the figures into the card.md of --package; its model_id stays.
        mlflow_uri: Add figures, page and plots to the run of this model in MLflow.
    """

    scores: Address
    labels: Address
    out: Address
    split: Literal["test", "val", "train", "all"] = "test"
    split_seed: int = 0
    seed: int = 0
    slice_by: str | None = None
    dataset: Address | None = None
    run: Address | None = None
    package: Address | None = None
    mistakes: int = 12
    update_card: bool = False
    mlflow_uri: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self, mistakes=Range(0, MAX_MISTAKES))
        if self.update_card and not self.package:
            raise InputError("--update-card needs --package: the folder whose card it is")

    @property
    def columns(self) -> tuple[str, ...]:
        """Of ``slice_by``, each once."""
        names = (self.slice_by or "").split(",")
        return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


@dataclass(frozen=True)
class Found:
    """All that is written, but for the plots."""

    evaluation: Evaluation
    outcomes: tuple[Outcome, ...]
    curves: LabelCurves
    slices: tuple[Slices, ...]
    mistakes: tuple[Mistake, ...]
    metrics: dict[str, Any]
    run: Mapping[str, Any]


def run(config: Config) -> tuple[Evaluation, dict[str, Any]]:
    """Read, join, judge and write; returns the figures, and what was left out."""
    scores = read_scores(config.scores)
    if config.dataset:
        check_dataset(config.dataset)
    table = read_label_table(config.labels, videos_root=str(scores.config["videos_root"]))
    training = _read_run(config.run) if config.run else {}
    temperature = read_temperature(scores, config.package)
    outcomes, left_out = _join(config, scores, table, temperature)
    labels = scores.labels
    judged = evaluate(outcomes, labels=labels, seed=config.seed)
    slices = tuple(slice_by(outcomes, c, labels=labels, seed=config.seed) for c in config.columns)
    mistakes = surest_mistakes(outcomes, limit=config.mistakes)
    if config.dataset:
        mistakes = with_strips(mistakes, dataset_uri=config.dataset, scores_uri=config.scores)
    metrics = judged.to_json() | left_out
    metrics |= {key: scores.config[key] for key in ("model_id",) if key in scores.config}
    metrics |= {"split": config.split, "temperature": temperature}
    metrics |= {"slices": {one.column: one.to_json() for one in slices}}
    metrics |= {"clips": clip_figures(scores, outcomes)}
    curves = curves_of(outcomes, labels=labels)
    settings = asdict(config) | {"mlflow_uri": config.mlflow_uri and masked(config.mlflow_uri)}
    output.claim(config.out, settings, job="jobs.evaluate", may_change=settings)
    _write(
        config,
        Found(judged, tuple(outcomes), curves, slices, tuple(mistakes), metrics, training),
    )
    if config.update_card and config.package:
        name = f"{name_of(config.scores)}, split {config.split}"
        add_to_card(config.package, metrics, name=name)
    if config.mlflow_uri:
        files = [file.uri for file in storage.list_files(config.out)]
        log_evaluation(config.mlflow_uri, metrics, files)
    return judged, left_out


def _join(
    config: Config, scores: ScoreSet, table: LabelTable, temperature: float | None
) -> tuple[list[Outcome], dict[str, Any]]:
    """The videos to judge.

    Raises:
        InputError: if there is none, or the score set knows none of them.
    """
    raw = None
    if temperature is not None:
        raw = scores.probs if temperature == 1.0 else uncalibrated_probs(scores, temperature)
    outcomes, left_out = join_labels(
        table.rows,
        scores,
        split=config.split,
        split_seed=config.split_seed,
        uncalibrated=raw,
        known=dataset_facts(config.dataset) if config.dataset and config.columns else None,
    )
    if not outcomes:
        _check_labels(config, scores, table)
        raise InputError(
            f"--labels {config.labels} has no video with a known label in split {config.split!r} "
            f"({left_out}); try --split all"
        )
    named = scores.predicted.keys() | scores.reasons.keys()
    if not any(row.uri in named for row in table.rows):
        raise InputError(
            f"--scores {config.scores} has none of the {len(table.rows)} videos of --labels "
            f"{config.labels}: it names {min(named, default='no video')}, the labels name "
            f"{outcomes[0].uri}; addresses must be relative to {scores.config['videos_root']}"
        )
    return outcomes, left_out


def _check_labels(config: Config, scores: ScoreSet, table: LabelTable) -> None:
    """Refuse a table of which the package knows no label at all."""
    named = sorted({row.label for row in table.rows})
    if named and not set(named) & set(scores.labels):
        raise InputError(
            f"--scores {config.scores} were made by a package of another label set, "
            f"{', '.join(scores.labels)}; --labels {config.labels} has {', '.join(named[:12])}: "
            "score with a package of these labels, or name the table that belongs to the package"
        )


def _read_run(uri: str) -> dict[str, Any]:
    metrics_uri = storage.join(uri, "metrics.json")
    found = storage.read_json(metrics_uri) if storage.exists(metrics_uri) else {}
    if not isinstance(found, dict) or not found.get("history"):
        raise InputError(
            f"--run {uri} has no metrics.json with a history: name a finished --out of jobs.train"
        )
    return found


def draw(found: Found, *, title: str) -> dict[str, Plot]:
    """The plots by name; those that have something to show."""
    one = found.evaluation
    plots = {
        "confusion": confusion_plot(
            one.confusion, one.labels, no_prediction=one.no_prediction, title=title
        )
    }
    if found.curves.roc:
        plots["roc"] = roc_plot(found.curves.roc, mean=one.auc)
        plots["pr"] = pr_plot(found.curves.pr, mean=one.average_precision)
    if one.reliability:
        plots["reliability"] = reliability_plot(
            one.reliability,
            ece=one.ece,
            uncalibrated=one.reliability_uncalibrated,
            ece_uncalibrated=one.ece_uncalibrated,
        )
    if found.slices:
        plots["slices"] = slices_plot(found.slices)
    if found.run:
        best = found.run.get("best_epoch")
        plots["learning"] = learning_plot(found.run["history"], best_epoch=best)
    return plots


def _write(config: Config, found: Found) -> None:
    one, out = found.evaluation, config.out
    title = name_of(config.scores)
    plots = draw(found, title=f"split {config.split}: WAR {one.war:.1%}, UAR {one.uar:.1%}")
    page = evaluation_report(
        found.metrics,
        confusion_png=plots["confusion"].png,
        title=title,
        plots={name: plot.png for name, plot in plots.items() if name != "confusion"},
        mistakes=found.mistakes,
    )
    for name, plot in plots.items():
        storage.write_bytes(storage.join(out, f"{name}.png"), plot.png)
        storage.write_bytes(storage.join(out, f"{name}.svg"), plot.svg)
    table = predictions_table(found.outcomes, one.labels)
    storage.write_table(storage.join(out, "predictions.parquet"), table)
    storage.write_json(storage.join(out, "curves.json"), asdict(found.curves))
    storage.write_bytes(storage.join(out, "report.html"), page.encode())
    storage.write_json(storage.join(out, "metrics.json"), found.metrics)


def print_evaluation(found: Evaluation, *, split: str) -> None:
    """Print the figures, and how many videos had no prediction and why."""
    print(f"split {split}: {found.n_videos:,} videos of {found.n_subjects:,} subjects")
    for name, value, interval in (
        ("WAR", found.war, found.war_interval),
        ("UAR", found.uar, found.uar_interval),
        ("macro F1", found.macro_f1, found.macro_f1_interval),
        ("ECE", found.ece, found.ece_interval),
    ):
        spread = f"  95% interval {interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
        if value is not None:
            print(f"  {name:9} {value:.3f}{spread}")
    print(f"  {'coverage':9} {found.coverage:.3f}")
    for reason, count in found.missing.items():
        print(f"  without a prediction: {reason} {count:,}")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job."""
    config = parse(Config, argv, verb="jobs.evaluate", doc=__doc__)
    judged, left_out = run(config)
    print_evaluation(judged, split=config.split)
    for label, count in left_out["unknown_labels"].items():
        print(f"  left out: {count:,} with label {label}, which the package does not have")
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())


def read_temperature(scores: ScoreSet, package: str | None) -> float | None:
    """What the package divided its logits by; None where neither address says it.

    Args:
        scores: its config.json may say.
        package: ``--package``, the package that made it; asked where the score set does not say.

    Raises:
        InputError: if the package is another than the one that made the scores.
        PackageError: if there is no such package.
    """
    if package is not None:
        found = load_package(package)
        if found.model_id != scores.config.get("model_id"):
            raise InputError(
                f"--package {package} is model {found.model_id}, --scores {scores.uri} was made "
                f"with {scores.config.get('model_id')}; name that model's package"
            )
        return found.temperature
    stored = scores.config.get("temperature")
    return None if stored is None else float(stored)
