"""The figures of a cross-validation: a video's outcome from its clips, means over folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion.evaluate.calibration import retemper
from emotion.evaluate.evaluation import Evaluation, figure_keys
from emotion.evaluate.outcome import Outcome
from emotion.pooling import pool_clips

FOLD_FIGURES = ("war", "uar", "macro_f1", "weighted_f1", "top2", "ece", "coverage")
FOLD_INTERVALS = ("war_interval", "uar_interval")


def pooled_outcome(
    video: Outcome,
    probs_NK: NDArray[np.float32],
    num_faces: Sequence[int],
    *,
    labels: Sequence[str],
    temperature: float,
) -> Outcome:
    """Return a video with the prediction that its clips give together.

    Args:
        video: with its label and no prediction.
        probs_NK: probabilities of its N clips, N at least 1, in label order.
        num_faces: faces of each clip, the weights of the mean.
        labels: the package's K labels, in order.
        temperature: by which the package divides logits.
    """
    raw_NK = retemper(probs_NK, temperature=temperature).astype(np.float32)
    pooled, raw = (pool_clips(vectors, num_faces) for vectors in (probs_NK, raw_NK))
    return Outcome(
        uri=video.uri,
        subject_id=video.subject_id,
        label=video.label,
        predicted=labels[int(pooled.argmax())],
        probs=tuple(pooled.tolist()),
        uncalibrated=tuple(raw.tolist()),
        facts=video.facts,
    )


def over_folds(folds: Mapping[str, Evaluation]) -> dict[str, dict[str, float]]:
    """Return mean and sample deviation over the folds of each figure that every fold has.

    The deviation of one fold is 0.
    """
    means = {}
    for name in FOLD_FIGURES:
        values = [one.figures[name].value for one in folds.values()]
        numbers = [value for value in values if value is not None]
        if len(numbers) == len(values):
            deviation = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else 0.0
            means[name] = {"mean": float(np.mean(numbers)), "deviation": deviation}
    return means


def fold_metrics(whole: Evaluation, folds: Mapping[str, Evaluation], *, by: str) -> dict[str, Any]:
    """Return what ``metrics.json`` of a cross-validation holds.

    Args:
        whole: the evaluation of all videos, each tested once.
        folds: the evaluation of each fold.
        by: the column that names the folds.
    """
    return whole.to_json() | {
        "by": by,
        "over_folds": over_folds(folds),
        "folds": {name: _fold(one) for name, one in folds.items()},
    }


def _fold(one: Evaluation) -> dict[str, Any]:
    keys = figure_keys(one.figures)
    counts = {"n_videos": one.n_videos, "n_subjects": one.n_subjects}
    return {key: keys[key] for key in (*FOLD_FIGURES, *FOLD_INTERVALS)} | counts
