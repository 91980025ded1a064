"""The cross-corpus matrix: a model per corpus, each on the held-out people of every corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.corpus_matrix import Cell, judge_cell, own_and_others
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.score_set import predictions_table
from emotion.predict.predictor import Predictor
from emotion.report.crossval import matrix_report
from emotion.report.page import name_of
from emotion.report.plots import matrix_plot
from emotion.splits import SPLITS
from jobs.folds.folds import Video, folder_of, predict_fold, read_folds, taught

MIN_CORPORA = 2


def read_corpora(dataset_uri: str, *, by: str) -> dict[str, list[Video]]:
    """The dataset's videos by corpus, each with all three splits.

    Raises:
        InputError: as ``read_folds``, and if a corpus has nothing to learn from, to choose on or
            to test on.
    """
    corpora = read_folds(dataset_uri, by=by, at_least=MIN_CORPORA)
    for name, videos in corpora.items():
        have = {v.split for v in videos if v.reason is None or v.split == "test"}
        lacking = [split for split in SPLITS if split not in have]
        if lacking:
            raise InputError(
                f"--by {by}: {name} has no usable video in split {lacking[0]}; a matrix needs "
                "people to learn from, to choose on and to test on in each"
            )
    return corpora


def run_matrix(
    dataset_uri: str, out: str, *, by: str, flags: Sequence[str], seed: int
) -> dict[str, Any]:
    """Train on each corpus and test on each; returns what metrics.json holds.

    The test videos of a column are the same in every row: the people of that corpus's test split.

    Raises:
        InputError: if the dataset has no such corpora, or a training fails.
    """
    corpora = read_corpora(dataset_uri, by=by)
    tests = [video for videos in corpora.values() for video in videos if video.split == "test"]
    cells: dict[str, dict[str, Cell]] = {}
    models: dict[str, dict[str, Any]] = {}
    for name, videos in corpora.items():
        home = storage.join(out, folder_of("on", name))
        split_of = {v.video_id: v.split for v in videos if v.split in ("train", "val")}
        print(f"{by} {name}: {len(split_of)} videos to learn from and choose on", flush=True)
        facts = {by: name}
        predictor = taught(dataset_uri, home, split_of=split_of, facts=facts, flags=flags)
        outcomes = predict_fold(dataset_uri, tests, predictor)
        table = predictions_table(outcomes, predictor.package.labels)
        storage.write_table(storage.join(home, "predictions.parquet"), table)
        cells[name] = _row(outcomes, corpora, name, predictor, seed=seed)
        models[name] = _facts(predictor, videos)
    return _write(out, cells, models, by=by)


def _row(
    outcomes: Sequence[Outcome],
    corpora: Mapping[str, Sequence[Video]],
    name: str,
    predictor: Predictor,
    *,
    seed: int,
) -> dict[str, Cell]:
    learnt = {v.label for v in corpora[name] if v.split == "train" and v.reason is None}
    return {
        other: judge_cell(
            [o for o in outcomes if o.facts["fold"] == other],
            labels=predictor.package.labels,
            taught=sorted(learnt),
            asked=sorted({v.label for v in videos}),
            seed=seed,
        )
        for other, videos in corpora.items()
    }


def _facts(predictor: Predictor, videos: Sequence[Video]) -> dict[str, Any]:
    learnt = [video for video in videos if video.split == "train"]
    return {
        "model_id": predictor.package.model_id,
        "train_videos": len(learnt),
        "train_subjects": len({video.subject_id for video in learnt}),
    }


def _write(
    out: str,
    cells: Mapping[str, Mapping[str, Cell]],
    models: Mapping[str, Mapping[str, Any]],
    *,
    by: str,
) -> dict[str, Any]:
    rows = {name: {to: cell.to_json() for to, cell in row.items()} for name, row in cells.items()}
    metrics = {
        "by": by,
        "names": list(cells),
        "cells": rows,
        "models": dict(models),
        "mean": own_and_others(cells),
    }
    plots = {
        figure: matrix_plot(
            [[cell[figure] for cell in row.values()] for row in rows.values()],
            [[cell[f"{figure}_interval"] for cell in row.values()] for row in rows.values()],
            list(cells),
            title=f"{figure.upper()}, labels that both have",
        )
        for figure in ("uar", "war")
    }
    for figure, plot in plots.items():
        storage.write_bytes(storage.join(out, f"matrix_{figure}.png"), plot.png)
        storage.write_bytes(storage.join(out, f"matrix_{figure}.svg"), plot.svg)
    pngs = {figure: plot.png for figure, plot in plots.items()}
    page = matrix_report(metrics, plots=pngs, title=name_of(out))
    storage.write_bytes(storage.join(out, "report.html"), page.encode())
    storage.write_json(storage.join(out, "metrics.json"), metrics)
    return metrics


def print_matrix(metrics: Mapping[str, Any]) -> None:
    """A line per pair, and the means."""
    for name, row in metrics["cells"].items():
        for other, cell in row.items():
            if cell["uar"] is None:
                print(f"{name} on {other}: too few labels in common")
                continue
            spread = cell["uar_interval"]
            within = f" ({spread[0]:.3f} to {spread[1]:.3f})" if spread else ""
            print(
                f"{name} on {other}: WAR {cell['war']:.3f}, UAR {cell['uar']:.3f}{within}, "
                f"{cell['n_videos']} videos, {len(cell['labels'])} labels"
            )
    for figure, mean in metrics["mean"].items():
        own, others = (
            "–" if mean[name] is None else f"{mean[name]:.3f}" for name in ("own", "others")
        )
        print(f"  {figure:4} mean of own {own}, of others {others}")
