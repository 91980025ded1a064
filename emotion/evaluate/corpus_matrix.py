"""Models of several corpora on each other's videos: what is asked of each pair, and the figures.

A model can only be asked for labels that its corpus taught it, and a corpus only asks for labels
that it has: a cell of the matrix is judged on the labels that both have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emotion.evaluate.evaluation import Evaluation, evaluate
from emotion.evaluate.outcome import Outcome

CELL_FIGURES = (
    "war",
    "uar",
    "war_interval",
    "uar_interval",
    "macro_f1",
    "ece",
    "coverage",
    "n_videos",
    "n_subjects",
    "test_set_digest",
)


@dataclass(frozen=True)
class Cell:
    """A model of one corpus on the test videos of one.

    Attributes:
        labels: what both have, in order.
        left_out: test videos of other labels.
        judged: the figures over the others; None where fewer than two labels are shared, or no
            test video has one.
    """

    labels: tuple[str, ...]
    left_out: int
    judged: Evaluation | None

    def to_json(self) -> dict[str, Any]:
        """Plain values; the figures are None where there are none."""
        figures = {name: getattr(self.judged, name, None) for name in CELL_FIGURES}
        return {"labels": list(self.labels), "left_out": self.left_out, **figures}


def among(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], shared: Sequence[str]
) -> list[Outcome]:
    """The outcomes of some labels, with the answer that the model gives among these.

    Probabilities of other labels are struck out, and the rest made to sum to 1: as if the last
    layer had these outputs alone.

    Args:
        outcomes: each with probabilities of ``labels``, or none.
        labels: the model's, in order.
        shared: some of them.

    >>> among([Outcome("a", "s", "up", "odd", probs=(0.3, 0.1, 0.6))],
    ...       labels=("up", "down", "odd"), shared=("up", "down"))[0].predicted
    'up'
    """
    kept = [labels.index(label) for label in shared]
    found = []
    for one in outcomes:
        if one.label not in shared:
            continue
        probs, raw = (_struck(vector, kept) for vector in (one.probs, one.uncalibrated))
        said = one.predicted if probs is None else shared[int(np.argmax(probs))]
        found.append(replace(one, predicted=said, probs=probs, uncalibrated=raw))
    return found


def _struck(probs: tuple[float, ...] | None, kept: Sequence[int]) -> tuple[float, ...] | None:
    if probs is None:
        return None
    some = np.array([probs[k] for k in kept], np.float64)
    if some.sum() <= 0:  # sure of a label that is not asked for
        some = np.ones(len(kept))
    return tuple((some / some.sum()).tolist())


def judge_cell(
    outcomes: Sequence[Outcome],
    *,
    labels: Sequence[str],
    taught: Sequence[str],
    asked: Sequence[str],
    seed: int = 0,
) -> Cell:
    """One cell.

    Args:
        outcomes: of the column's test videos.
        labels: the model's, in order.
        taught: labels with examples where the model learnt.
        asked: labels of the corpus that is tested on.
        seed: of the bootstrap.
    """
    shared = tuple(label for label in labels if label in taught and label in asked)
    asked_of = among(outcomes, labels=labels, shared=shared)
    enough = len(shared) > 1 and bool(asked_of)
    judged = evaluate(asked_of, labels=shared, seed=seed) if enough else None
    return Cell(shared, len(outcomes) - len(asked_of), judged)


def own_and_others(cells: Mapping[str, Mapping[str, Cell]]) -> dict[str, dict[str, float | None]]:
    """Mean WAR and UAR of the diagonal, and of the rest; None where there is no cell.

    Args:
        cells: by corpus trained on, then by corpus tested on.
    """
    own = [row[name].judged for name, row in cells.items()]
    rest = [cell.judged for name, row in cells.items() for to, cell in row.items() if to != name]
    return {
        figure: {"own": _mean(own, figure), "others": _mean(rest, figure)}
        for figure in ("war", "uar")
    }


def _mean(judged: Sequence[Evaluation | None], figure: str) -> float | None:
    values = [getattr(one, figure) for one in judged if one is not None]
    return float(np.mean(values)) if values else None
