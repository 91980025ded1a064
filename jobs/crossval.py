"""Train and test once per fold of a dataset.

    python -m jobs.crossval --dataset URI --out URI --train="--epochs 40 --model r3d_lite"

Each fold is tested once by a model that saw none of its people: the next fold chooses its weights,
the others teach. Leaves OUT/FOLD/view (the fold's training clips, copied), OUT/FOLD/run (see
jobs.train), OUT/FOLD/metrics.json, and over all folds metrics.json, predictions.parquet,
report.html and confusion.png. The same command again goes on. --by corpus leaves one corpus out at
a time.

    python -m jobs.crossval --dataset URI --out URI --by corpus --matrix

trains on each corpus and tests on the held-out people of each.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.evaluation import Evaluation, evaluate
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.score_set import predictions_table
from emotion.report.crossval import crossval_report
from emotion.report.page import name_of
from emotion.report.plots import confusion_plot
from jobs.common import cluster
from jobs.common.command import Address, masked, one_line_errors, parse
from jobs.folds.corpus_matrix import print_matrix, read_corpora, run_matrix
from jobs.folds.folds import (
    fold_splits,
    folder_of,
    predict_fold,
    read_folds,
    taught,
    val_fold,
)
from jobs.ledger import output

FIGURES = ("war", "uar", "macro_f1", "weighted_f1", "top2", "ece", "coverage")
FOLD_FACTS = ("war_interval", "uar_interval", "n_videos", "n_subjects")


@dataclass(frozen=True)
class Config:
    """What to train on what, fold by fold.

    Attributes:
        dataset: Folder that jobs.build_dataset made and jobs.validate_dataset found good.
        out: Folder for the folds; new, or begun by the same command.
        by: Column of the dataset's videos that names the folds.
        train: Flags for jobs.train, as in --train="--epochs 40", but for --dataset, --out and
            --address.
        matrix: Train on each of them instead, by the dataset's own splits, and test on each.
        seed: Seed of the bootstrap.
        address: Ray cluster to join; default: $RAY_ADDRESS, else a local Ray.
    """

    dataset: Address
    out: Address
    by: str = "fold"
    train: str = ""
    matrix: bool = False
    seed: int = 0
    address: str | None = None


def run(config: Config) -> dict[str, Any]:
    """Train and judge every fold, or every pair; returns what metrics.json holds.

    Raises:
        InputError: if the dataset has no such folds, or a training fails.
    """
    flags = _flags(config.train)
    if not config.matrix:
        return run_folds(config, flags)
    read_corpora(config.dataset, by=config.by)  # refused before the folder is taken
    _claim(config)
    with cluster.session(config.address):
        return run_matrix(config.dataset, config.out, by=config.by, flags=flags, seed=config.seed)


def run_folds(config: Config, flags: Sequence[str]) -> dict[str, Any]:
    """Each fold is tested once."""
    folds = read_folds(config.dataset, by=config.by)
    _claim(config)
    found: dict[str, tuple[Evaluation, list[Outcome], tuple[str, ...]]] = {}
    with cluster.session(config.address):
        for name, videos in folds.items():
            home = storage.join(config.out, folder_of("fold", name))
            print(f"fold {name}: {len(videos)} videos to test on", flush=True)
            val = val_fold(tuple(folds), name)
            predictor = taught(
                config.dataset,
                home,
                split_of=fold_splits(folds, name),
                facts={"test": name, "val": val},
                flags=flags,
            )
            outcomes = predict_fold(config.dataset, videos, predictor)
            labels = predictor.package.labels
            judged = evaluate(outcomes, labels=labels, seed=config.seed)
            facts = {"fold": name, "val_fold": val, "model_id": predictor.package.model_id}
            storage.write_json(storage.join(home, "metrics.json"), judged.to_json() | facts)
            found[name] = judged, outcomes, labels
    return _write(config, found)


def _flags(text: str) -> list[str]:
    """``--train`` as words.

    Raises:
        InputError: if it cannot be read, or names what each fold has of its own.
    """
    try:
        words = shlex.split(text)
    except ValueError as err:
        raise InputError(f"--train {text!r} cannot be read as flags: {err}") from err
    own = {"--dataset", "--out", "--address"} & {word.split("=")[0] for word in words}
    if own:
        raise InputError(f"--train may not hold {', '.join(sorted(own))}: each fold has its own")
    return words


def _claim(config: Config) -> None:
    settings = asdict(config) | {"train": masked(config.train)}
    may_change = ("out", "seed", "address")
    output.claim(config.out, settings, job="jobs.crossval", may_change=may_change)


def spread(folds: Mapping[str, Evaluation]) -> dict[str, dict[str, float]]:
    """Mean and sample deviation over the folds of each figure that every fold has."""
    found = {}
    for figure in FIGURES:
        values = [getattr(one, figure) for one in folds.values()]
        if all(value is not None for value in values):
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            found[figure] = {"mean": float(np.mean(values)), "deviation": deviation}
    return found


def _write(
    config: Config, found: Mapping[str, tuple[Evaluation, list[Outcome], tuple[str, ...]]]
) -> dict[str, Any]:
    """The figures over all folds; every video was tested once."""
    outcomes = [o for _, its, _ in found.values() for o in its]
    labels = next(labels for _, _, labels in found.values())
    whole = evaluate(outcomes, labels=labels, seed=config.seed)
    by_fold = {name: one for name, (one, _, _) in found.items()}
    metrics = whole.to_json() | {
        "by": config.by,
        "over_folds": spread(by_fold),
        "folds": {
            name: {figure: getattr(one, figure) for figure in (*FIGURES, *FOLD_FACTS)}
            for name, one in by_fold.items()
        },
    }
    table = predictions_table(outcomes, labels)
    storage.write_table(storage.join(config.out, "predictions.parquet"), table)
    title = f"pooled folds: WAR {whole.war:.1%}, UAR {whole.uar:.1%}"
    plot = confusion_plot(whole.confusion, labels, no_prediction=whole.no_prediction, title=title)
    storage.write_bytes(storage.join(config.out, "confusion.png"), plot.png)
    storage.write_bytes(storage.join(config.out, "confusion.svg"), plot.svg)
    page = crossval_report(metrics, confusion_png=plot.png, title=name_of(config.out))
    storage.write_bytes(storage.join(config.out, "report.html"), page.encode())
    storage.write_json(storage.join(config.out, "metrics.json"), metrics)
    return metrics


def print_folds(metrics: Mapping[str, Any]) -> None:
    """A line per fold, and mean and deviation."""
    for name, one in metrics["folds"].items():
        print(f"fold {name}: WAR {one['war']:.3f}, UAR {one['uar']:.3f}, {one['n_videos']} videos")
    for figure, value in metrics["over_folds"].items():
        print(f"  {figure:12} {value['mean']:.3f} ± {value['deviation']:.3f}")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every fold is trained and tested."""
    config = parse(Config, argv, verb="jobs.crossval", doc=__doc__)
    show = print_matrix if config.matrix else print_folds
    show(run(config))
    print(f"report: {storage.join(config.out, 'report.html')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
