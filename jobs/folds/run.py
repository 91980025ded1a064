"""Cross-validation on the driver: train and test each fold, or each pair of corpora."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotion import storage
from emotion.evaluate.evaluation import Evaluation, evaluate_outcomes
from emotion.evaluate.fold_figures import fold_metrics
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.score_set import predictions_table
from emotion.report.crossval import crossval_report
from emotion.report.page import name_of, percent
from emotion.report.plots import confusion_plot
from jobs.common import cluster
from jobs.common.command import masked
from jobs.common.flags import split_flags
from jobs.folds.corpus_matrix import read_corpus_videos, run_matrix
from jobs.folds.folds import (
    FoldVideo,
    deal_folds,
    fold_splits,
    folder_of,
    predict_fold,
    read_folds,
    train_model,
    val_fold,
)
from jobs.folds.options import Config
from jobs.ledger import output


@dataclass(frozen=True)
class FoldResult:
    """Figures and outcomes of one test fold; ``labels`` are the labels of the package, in order."""

    evaluation: Evaluation
    outcomes: list[Outcome]
    labels: tuple[str, ...]


def run(config: Config) -> dict[str, Any]:
    """Train and test every fold, or every pair of corpora; return the content of metrics.json.

    Raises:
        InputError: if ``--train`` cannot be read, the folds cannot be used (see ``read_folds``), or
            a training fails.
    """
    flags = split_flags(config.train, reserved=("dataset", "out", "address"), owner="fold")
    if config.matrix:
        read_corpus_videos(config.dataset, by=config.by)  # may raise, before --out is written
        _claim(config)
        with cluster.session(config.address):
            return run_matrix(
                config.dataset, config.out, by=config.by, flags=flags, seed=config.seed
            )
    if config.split == "column":
        folds = read_folds(config.dataset, by=config.by)
    else:
        folds = deal_folds(config.dataset, num_folds=config.num_folds, seed=config.seed)
    _claim(config)
    with cluster.session(config.address):
        results = {name: run_fold(config, folds, name, flags=flags) for name in folds}
    return _write(config, results)


def run_fold(
    config: Config, folds: Mapping[str, Sequence[FoldVideo]], name: str, *, flags: Sequence[str]
) -> FoldResult:
    """Train without the fold ``name``, test on it, and write its metrics.json."""
    home, videos = storage.join(config.out, folder_of("fold", name)), folds[name]
    print(f"fold {name}: {len(videos)} videos to test on", flush=True)
    val = val_fold(tuple(folds), name)
    predictor = train_model(
        config.dataset,
        home,
        split_of=fold_splits(folds, name),
        facts={"test": name, "val": val},
        flags=flags,
    )
    outcomes = predict_fold(config.dataset, videos, predictor)
    labels = predictor.package.labels
    evaluation = evaluate_outcomes(outcomes, labels=labels, seed=config.seed)
    facts = {"fold": name, "val_fold": val, "model_id": predictor.package.model_id}
    storage.write_json(storage.join(home, "metrics.json"), evaluation.to_json() | facts)
    return FoldResult(evaluation, outcomes, labels)


def _claim(config: Config) -> None:
    settings = asdict(config) | {"train": masked(config.train)}
    may_change = ("out", "address", *(["seed"] if config.num_folds is None else []))
    output.claim(config.out, settings, job="jobs.crossval", may_change=may_change)


def _write(config: Config, results: Mapping[str, FoldResult]) -> dict[str, Any]:
    """Write the figures over all folds; each video was tested once."""
    outcomes = [o for result in results.values() for o in result.outcomes]
    labels = next(iter(results.values())).labels
    whole = evaluate_outcomes(outcomes, labels=labels, seed=config.seed)
    by_fold = {name: result.evaluation for name, result in results.items()}
    by = config.by if config.split == "column" else config.split
    metrics = fold_metrics(whole, by_fold, by=by)
    table = predictions_table(outcomes, labels)
    storage.write_table(storage.join(config.out, "predictions.parquet"), table)
    title = f"pooled folds: WAR {percent(metrics['war'])}, UAR {percent(metrics['uar'])}"
    plot = confusion_plot(whole.confusion, labels, no_prediction=whole.no_prediction, title=title)
    storage.write_bytes(storage.join(config.out, "confusion.png"), plot.png)
    storage.write_bytes(storage.join(config.out, "confusion.svg"), plot.svg)
    page = crossval_report(metrics, confusion_png=plot.png, title=name_of(config.out))
    storage.write_bytes(storage.join(config.out, "report.html"), page.encode())
    storage.write_json(storage.join(config.out, "metrics.json"), metrics)
    return metrics


def print_folds(metrics: Mapping[str, Any]) -> None:
    """Print one line per fold, then mean and standard deviation of each figure over the folds."""
    for name, one in metrics["folds"].items():
        print(f"fold {name}: WAR {one['war']:.3f}, UAR {one['uar']:.3f}, {one['n_videos']} videos")
    for figure, value in metrics["over_folds"].items():
        print(f"  {figure:12} {value['mean']:.3f} ± {value['deviation']:.3f}")
