"""Evaluation of a score set: join it with labels, compute the figures and write the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.curves import LabelCurves
from emotion.evaluate.dataset_facts import check_dataset, dataset_facts
from emotion.evaluate.evaluation import Evaluation, curves_of, evaluate_outcomes
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.risk_coverage import Abstention, RiskCoverage, abstention, outcome_curve
from emotion.evaluate.score_set import (
    ScoreSet,
    clip_figures,
    join_labels,
    predictions_table,
    read_predictions,
    uncalibrated_probs,
)
from emotion.evaluate.slices import Slices, slice_by
from emotion.label_table import LabelTable, read_label_table
from emotion.nouns import counted
from emotion.package.card_figures import FEW_SUBJECTS
from emotion.package.model_package import add_to_card, load_package
from emotion.package.seen import FILE
from emotion.report.evaluation import evaluation_report
from emotion.report.evaluation_plots import evaluation_plots
from emotion.report.mistakes import Mistake, surest_mistakes, with_strips
from emotion.report.page import name_of, percent
from jobs.common.command import masked
from jobs.evaluating.options import EvaluateConfig
from jobs.ledger import output
from jobs.training.mlflow_client import log_evaluation


@dataclass(frozen=True)
class EvaluationResult:
    """Values that are written below ``--out``.

    Attributes:
        evaluation: the figures.
        outcomes: one outcome per video.
        curves: ROC and precision-recall curves by label.
        risk: risk-coverage curve, and what the margin of the score set does.
        slices: figures by value, for each column of ``--slice-by``.
        mistakes: wrong predictions for the page.
        metrics: content of metrics.json.
        training: content of metrics.json of ``--run``; empty without it.
    """

    evaluation: Evaluation
    outcomes: tuple[Outcome, ...]
    curves: LabelCurves
    risk: tuple[RiskCoverage, Abstention]
    slices: tuple[Slices, ...]
    mistakes: tuple[Mistake, ...]
    metrics: dict[str, Any]
    training: Mapping[str, Any]


def run(config: EvaluateConfig) -> tuple[EvaluationResult, dict[str, Any]]:
    """Read the inputs, evaluate and write; return the result and the numbers of rows left out.

    Raises:
        InputError: if an input is missing, or the score set and the labels do not match.
    """
    scores = read_predictions(config.scores)
    if config.dataset:
        check_dataset(config.dataset)
    table = read_label_table(config.labels, videos_root=str(scores.config["videos_root"]))
    config = replace(config, split=_choose_split(config, scores, table))
    training = _read_training(config.run) if config.run else {}
    temperature = read_temperature(scores, config.package)
    outcomes, left_out = _join(config, scores, table, temperature)
    result = _evaluate(config, scores, outcomes, training)
    result.metrics.update(left_out | {"temperature": temperature})
    settings = asdict(config) | {"mlflow_uri": config.mlflow_uri and masked(config.mlflow_uri)}
    output.claim(config.out, settings, job="jobs.evaluate", may_change=settings)
    _write(config, result)
    if config.update_card and config.package:
        name = f"{name_of(config.scores)}, split {config.split}"
        add_to_card(config.package, result.metrics, name=name)
    if config.mlflow_uri:
        files = [file.uri for file in storage.list_files(config.out)]
        log_evaluation(config.mlflow_uri, result.metrics, files)
    return result, left_out


def _choose_split(
    config: EvaluateConfig, scores: ScoreSet, table: LabelTable
) -> Literal["unseen", "test", "val", "train", "all"]:
    """Return the split to evaluate; see ``EvaluateConfig.split``.

    Raises:
        InputError: if the unseen videos are wanted and the score set does not know them.
    """
    if config.split == "auto":
        has_splits = any(row.split for row in table.rows)
        return "test" if has_splits or scores.seen is None else "unseen"
    if config.split == "unseen" and scores.seen is None:
        raise InputError(
            f"--split unseen needs {FILE} in --scores {config.scores}; its package is of an "
            "earlier version or has too many people to name: use --split test or all"
        )
    return config.split


def _evaluate(
    config: EvaluateConfig,
    scores: ScoreSet,
    outcomes: list[Outcome],
    training: Mapping[str, Any],
) -> EvaluationResult:
    labels = scores.labels
    evaluation = evaluate_outcomes(outcomes, labels=labels, seed=config.seed)
    slices = tuple(slice_by(outcomes, c, labels=labels, seed=config.seed) for c in config.columns)
    mistakes = surest_mistakes(outcomes, limit=config.mistakes)
    if config.dataset:
        mistakes = with_strips(mistakes, dataset_uri=config.dataset, scores_uri=config.scores)
    curve = outcome_curve(outcomes)
    at_margin = abstention(outcomes, float(scores.config.get("margin") or 0.0))
    metrics = evaluation.to_json() | {
        "aurc": curve.area,
        "risk_coverage": curve.to_json(),
        "abstention": asdict(at_margin),
        "split": config.split,
        "slices": {one.column: one.to_json() for one in slices},
        "clips": clip_figures(scores, outcomes),
    }
    if "model_id" in scores.config:
        metrics["model_id"] = scores.config["model_id"]
    return EvaluationResult(
        evaluation=evaluation,
        outcomes=tuple(outcomes),
        curves=curves_of(outcomes, labels=labels),
        risk=(curve, at_margin),
        slices=slices,
        mistakes=tuple(mistakes),
        metrics=metrics,
        training=training,
    )


def _join(
    config: EvaluateConfig, scores: ScoreSet, table: LabelTable, temperature: float | None
) -> tuple[list[Outcome], dict[str, Any]]:
    """Return the outcomes of the videos to evaluate, and the numbers of rows left out.

    Raises:
        InputError: if there is no video to evaluate, or the score set has none of the labelled
            videos.
    """
    raw = None
    if temperature is not None and not scores.config.get("baseline"):
        raw = scores.probs if temperature == 1.0 else uncalibrated_probs(scores, temperature)
    outcomes, left_out = join_labels(
        table.rows,
        scores,
        split=config.split,
        split_seed=config.split_seed,
        uncalibrated=raw,
        facts=dataset_facts(config.dataset) if config.dataset and config.columns else None,
    )
    if not outcomes:
        _check_labels(config, scores, table)
        raise InputError(
            f"--labels {config.labels} has no video with a known label in split {config.split!r} "
            f"({left_out}); try --split all"
        )
    scored = scores.predicted.keys() | scores.reasons.keys()
    if not any(row.uri in scored for row in table.rows):
        raise InputError(
            f"--scores {config.scores} has none of the {len(table.rows)} videos of --labels "
            f"{config.labels}: it names {min(scored, default='no video')}, the labels name "
            f"{outcomes[0].uri}; addresses must be relative to {scores.config['videos_root']}"
        )
    return outcomes, left_out


def _check_labels(config: EvaluateConfig, scores: ScoreSet, table: LabelTable) -> None:
    """Raise InputError if the label table has no label of the package."""
    labels = sorted({row.label for row in table.rows})
    if labels and not set(labels) & set(scores.labels):
        raise InputError(
            f"--scores {config.scores} were made by a package of another label set, "
            f"{', '.join(scores.labels)}; --labels {config.labels} has {', '.join(labels[:12])}: "
            "score with a package of these labels, or name the table that belongs to the package"
        )


def _read_training(uri: str) -> dict[str, Any]:
    metrics_uri = storage.join(uri, "metrics.json")
    metrics = storage.read_json(metrics_uri) if storage.exists(metrics_uri) else {}
    if not isinstance(metrics, dict) or not metrics.get("history"):
        raise InputError(
            f"--run {uri} has no metrics.json with a history: name a finished --out of jobs.train"
        )
    return metrics


def read_temperature(scores: ScoreSet, package_uri: str | None) -> float | None:
    """Return the temperature by which the logits were divided; None if it is not stored.

    Args:
        scores: score set whose config.json may store the temperature.
        package_uri: ``--package``, the package that made the scores. If given, its temperature is
            returned.

    Raises:
        InputError: if another package made the scores.
        PackageError: if the package cannot be read.
    """
    if package_uri is not None:
        package = load_package(package_uri)
        if package.model_id != scores.config.get("model_id"):
            raise InputError(
                f"--package {package_uri} is model {package.model_id}, --scores {scores.uri} was "
                f"made with {scores.config.get('model_id')}; name that model's package"
            )
        return package.temperature
    stored = scores.config.get("temperature")
    return None if stored is None else float(stored)


def _write(config: EvaluateConfig, result: EvaluationResult) -> None:
    one, out = result.evaluation, config.out
    war, uar = (percent(one.figures[name].value) for name in ("war", "uar"))
    plots = evaluation_plots(
        one,
        curves=result.curves,
        risk=result.risk,
        slices=result.slices,
        training=result.training,
        title=f"split {config.split}: WAR {war}, UAR {uar}",
    )
    page = evaluation_report(
        result.metrics,
        confusion_png=plots["confusion"].png,
        title=name_of(config.scores),
        plots={name: plot.png for name, plot in plots.items() if name != "confusion"},
        mistakes=result.mistakes,
    )
    for name, plot in plots.items():
        storage.write_bytes(storage.join(out, f"{name}.png"), plot.png)
        storage.write_bytes(storage.join(out, f"{name}.svg"), plot.svg)
    table = predictions_table(result.outcomes, one.labels)
    storage.write_table(storage.join(out, "predictions.parquet"), table)
    storage.write_json(storage.join(out, "curves.json"), asdict(result.curves))
    storage.write_bytes(storage.join(out, "report.html"), page.encode())
    storage.write_json(storage.join(out, "metrics.json"), result.metrics)


def print_evaluation(result: EvaluationResult) -> None:
    """Print the figures, the effect of the margin, and the videos without a prediction."""
    split, left_out = result.metrics["split"], result.metrics["other_splits"]
    evaluation, (_, effect) = result.evaluation, result.risk
    videos = counted(evaluation.n_videos, "video")
    subjects = counted(evaluation.n_subjects, "subject")
    print(f"split {split}: {videos} of {subjects}; {left_out:,} left out")
    if split == "unseen" and left_out:
        print("  left out: people and files of the training; --split all judges them too")
    if seen := result.metrics["seen"]:
        print(f"  warning: the model has seen the people or files of {seen:,} of these videos")
    for name, title in (("war", "WAR"), ("uar", "UAR"), ("macro_f1", "macro F1"), ("ece", "ECE")):
        figure = evaluation.figures[name]
        ends = figure.interval
        spread = f"  95% interval {ends[0]:.3f} to {ends[1]:.3f}" if ends else ""
        if name == "uar":
            spread += (
                f"  (guessing: {1 / sum(s.support > 0 for s in evaluation.per_class.values()):.3f})"
            )
        if figure.value is not None:
            print(f"  {title:9} {figure.value:.3f}{spread}")
    if evaluation.n_subjects < FEW_SUBJECTS:
        print(
            f"  so few people ({evaluation.n_subjects}) make an interval too narrow, or give none"
        )
    print(f"  {'coverage':9} {evaluation.figures['coverage'].value:.3f} (videos with an answer)")
    if effect.margin and effect.risk is not None:
        print(
            f"  margin {effect.margin:.3f}: {effect.coverage:.1%} of the videos get a certain "
            f"answer, {effect.risk:.1%} of these are wrong; {effect.risk_of_all:.1%} of all are"
        )
    for reason, count in evaluation.missing.items():
        print(f"  without a prediction: {reason} {count:,}")
