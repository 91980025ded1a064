"""Cross-corpus matrix: one model per corpus, tested on the test people of every corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.evaluate.corpus_matrix import MatrixCell, evaluate_cell, matrix_metrics
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.score_set import predictions_table
from emotion.predict.predictor import Predictor
from emotion.report.crossval import matrix_report
from emotion.report.page import name_of
from emotion.report.plots import matrix_plot
from emotion.splits import SPLITS
from jobs.folds.folds import FoldVideo, folder_of, predict_fold, read_folds, train_model

MIN_CORPORA = 2


def read_corpus_videos(dataset_uri: str, *, by: str) -> dict[str, list[FoldVideo]]:
    """Read the dataset's videos by corpus.

    Args:
        dataset_uri: the dataset folder.
        by: column of the table videos that names the corpus.

    Raises:
        InputError: see ``read_folds``; also if a corpus has no usable video in train, val or test.
    """
    corpora = read_folds(dataset_uri, by=by, at_least=MIN_CORPORA)
    for name, videos in corpora.items():
        usable = {v.split for v in videos if v.reason is None or v.split == "test"}
        missing = [split for split in SPLITS if split not in usable]
        if missing:
            raise InputError(
                f"--by {by}: {name} has no usable video in split {missing[0]}; a matrix needs "
                "people in train, val and test of each corpus"
            )
    return corpora


def run_matrix(
    dataset_uri: str, out: str, *, by: str, flags: Sequence[str], seed: int
) -> dict[str, Any]:
    """Train on each corpus, test each model on all corpora; return the content of metrics.json.

    Rows of the matrix are training corpora, columns are test corpora. All models are tested on the
    same videos of a corpus: the videos of its test split.

    Args:
        dataset_uri: the dataset folder.
        out: the output folder.
        by: column of the table videos that names the corpus.
        flags: flags of jobs.train.
        seed: seed of the bootstrap.

    Raises:
        InputError: see ``read_corpus_videos``; also if a training fails.
    """
    corpora = read_corpus_videos(dataset_uri, by=by)
    tests = [video for videos in corpora.values() for video in videos if video.split == "test"]
    cells: dict[str, dict[str, MatrixCell]] = {}
    models: dict[str, dict[str, Any]] = {}
    for name, videos in corpora.items():
        home = storage.join(out, folder_of("on", name))
        split_of = {v.video_id: v.split for v in videos if v.split in ("train", "val")}
        print(f"{by} {name}: {len(split_of)} videos to train and validate on", flush=True)
        facts = {by: name}
        predictor = train_model(dataset_uri, home, split_of=split_of, facts=facts, flags=flags)
        outcomes = predict_fold(dataset_uri, tests, predictor)
        table = predictions_table(outcomes, predictor.package.labels)
        storage.write_table(storage.join(home, "predictions.parquet"), table)
        cells[name] = _row(outcomes, corpora, name, predictor, seed=seed)
        models[name] = _facts(predictor, videos)
    return _write(out, cells, models, by=by)


def _row(
    outcomes: Sequence[Outcome],
    corpora: Mapping[str, Sequence[FoldVideo]],
    name: str,
    predictor: Predictor,
    *,
    seed: int,
) -> dict[str, MatrixCell]:
    """Return the cells of the model that was trained on corpus ``name``, by test corpus."""
    train_labels = {v.label for v in corpora[name] if v.split == "train" and v.reason is None}
    return {
        other: evaluate_cell(
            [o for o in outcomes if o.facts["fold"] == other],
            labels=predictor.package.labels,
            train_labels=sorted(train_labels),
            test_labels=sorted({v.label for v in videos}),
            seed=seed,
        )
        for other, videos in corpora.items()
    }


def _facts(predictor: Predictor, videos: Sequence[FoldVideo]) -> dict[str, Any]:
    train = [video for video in videos if video.split == "train"]
    return {
        "model_id": predictor.package.model_id,
        "train_videos": len(train),
        "train_subjects": len({video.subject_id for video in train}),
    }


def _write(
    out: str,
    cells: Mapping[str, Mapping[str, MatrixCell]],
    models: Mapping[str, Mapping[str, Any]],
    *,
    by: str,
) -> dict[str, Any]:
    metrics = matrix_metrics(cells, models, by=by)
    rows = metrics["cells"]
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
    """Print one line per pair of corpora, and the means on own and on other corpora."""
    for name, row in metrics["cells"].items():
        for other, cell in row.items():
            if cell["uar"] is None:
                print(f"{name} on {other}: fewer than 2 labels in common")
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
