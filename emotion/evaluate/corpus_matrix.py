"""The cross-corpus matrix: models of several corpora, each tested on the videos of every corpus.

A model can only predict labels of its training corpus, and the videos of a corpus only have labels
of that corpus. So a cell of the matrix is computed over the labels that both corpora have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emotion.evaluate.evaluation import Evaluation, evaluate_outcomes, figure_keys
from emotion.evaluate.outcome import Outcome

CELL_FIGURES = ("war", "uar", "macro_f1", "ece", "coverage")
CELL_KEYS = (
    *CELL_FIGURES,
    "war_interval",
    "uar_interval",
    "n_videos",
    "n_subjects",
    "test_set_digest",
)


@dataclass(frozen=True)
class MatrixCell:
    """Result of the model of one corpus on the test videos of one corpus.

    Attributes:
        labels: the labels that both corpora have, in order.
        left_out: number of test videos with other labels.
        evaluation: evaluation of the test videos with these labels; None if the corpora share
            fewer than two labels, or no test video has a shared label.
    """

    labels: tuple[str, ...]
    left_out: int
    evaluation: Evaluation | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; every figure is None without an evaluation."""
        one, values = self.evaluation, dict.fromkeys(CELL_KEYS)
        if one is not None:
            every = figure_keys(one.figures) | {
                "n_videos": one.n_videos,
                "n_subjects": one.n_subjects,
                "test_set_digest": one.test_set_digest,
            }
            values |= {key: every[key] for key in CELL_KEYS}
        return {"labels": list(self.labels), "left_out": self.left_out, **values}


def with_shared_labels(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], shared: Sequence[str]
) -> list[Outcome]:
    """Return the outcomes with a label of ``shared``; predictions are limited to these labels.

    Probabilities of the other labels are removed, and the remaining ones are scaled to a sum of 1,
    as if the model's last layer had only these outputs. An outcome without probabilities keeps its
    prediction.

    Args:
        outcomes: outcomes of the model; probabilities are in the order of ``labels``.
        labels: the model's labels, in order.
        shared: some of ``labels``.

    >>> with_shared_labels([Outcome("a", "s", "up", "odd", probs=(0.3, 0.1, 0.6))],
    ...                    labels=("up", "down", "odd"), shared=("up", "down"))[0].predicted
    'up'
    """
    places = [labels.index(label) for label in shared]
    changed = []
    for one in outcomes:
        if one.label not in shared:
            continue
        probs, raw = (_rescaled(vector, places) for vector in (one.probs, one.uncalibrated))
        predicted = one.predicted if probs is None else shared[int(np.argmax(probs))]
        changed.append(replace(one, predicted=predicted, probs=probs, uncalibrated=raw))
    return changed


def _rescaled(probs: tuple[float, ...] | None, places: Sequence[int]) -> tuple[float, ...] | None:
    """Return the probabilities at ``places``, scaled to a sum of 1; equal ones if their sum is 0.

    The result is None if ``probs`` is None.
    """
    if probs is None:
        return None
    some = np.array([probs[k] for k in places], np.float64)
    if some.sum() <= 0:  # the model is certain of a label outside ``places``
        some = np.ones(len(places))
    return tuple((some / some.sum()).tolist())


def evaluate_cell(
    outcomes: Sequence[Outcome],
    *,
    labels: Sequence[str],
    train_labels: Sequence[str],
    test_labels: Sequence[str],
    seed: int = 0,
) -> MatrixCell:
    """Compute one cell.

    Args:
        outcomes: outcomes of the test videos of the cell's column.
        labels: the model's labels, in order.
        train_labels: labels with examples in the training corpus.
        test_labels: labels of the test corpus.
        seed: seed of the bootstrap.
    """
    shared = tuple(label for label in labels if label in train_labels and label in test_labels)
    of_shared = with_shared_labels(outcomes, labels=labels, shared=shared)
    enough = len(shared) > 1 and bool(of_shared)
    evaluation = evaluate_outcomes(of_shared, labels=shared, seed=seed) if enough else None
    return MatrixCell(shared, len(outcomes) - len(of_shared), evaluation)


def own_and_others(
    cells: Mapping[str, Mapping[str, MatrixCell]],
) -> dict[str, dict[str, float | None]]:
    """Return mean WAR and UAR of the diagonal (``own``) and of the other cells (``others``).

    A mean over no cell is None.

    Args:
        cells: cells by training corpus, then by test corpus.
    """
    own = [row[name].evaluation for name, row in cells.items()]
    others = [
        cell.evaluation for name, row in cells.items() for to, cell in row.items() if to != name
    ]
    return {
        figure: {"own": _mean(own, figure), "others": _mean(others, figure)}
        for figure in ("war", "uar")
    }


def _mean(evaluations: Sequence[Evaluation | None], figure: str) -> float | None:
    values = [one.figures[figure].value for one in evaluations if one is not None]
    return float(np.mean([v for v in values if v is not None])) if values else None


def matrix_metrics(
    cells: Mapping[str, Mapping[str, MatrixCell]],
    models: Mapping[str, Mapping[str, Any]],
    *,
    by: str,
) -> dict[str, Any]:
    """Return the content of a matrix's ``metrics.json``.

    Args:
        cells: cells by training corpus, then by test corpus.
        models: model_id, train_videos and train_subjects, by corpus.
        by: name of the column that gives the corpus of a video.
    """
    return {
        "by": by,
        "names": list(cells),
        "cells": {
            name: {to: one.to_json() for to, one in row.items()} for name, row in cells.items()
        },
        "models": dict(models),
        "mean": own_and_others(cells),
    }
