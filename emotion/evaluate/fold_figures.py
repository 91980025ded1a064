"""Figures of a cross-validation: the outcome of a video from its clips, and means over folds."""

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
    """Return ``video`` with the prediction that is pooled from its clips.

    Args:
        video: the video with its label, without a prediction.
        probs_NK: probabilities of its N clips, N at least 1, in label order.
        num_faces: number of faces of each clip: its weight in the mean.
        labels: the package's K labels, in order.
        temperature: temperature of the package, with which ``probs_NK`` were computed.
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
    """Return the mean and the sample standard deviation of each figure over the folds.

    A figure that is None in a fold is left out. With one fold the deviation is 0.
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
    """Return the content of a cross-validation's ``metrics.json``.

    Args:
        whole: the evaluation of all videos, each tested once.
        folds: the evaluation of each fold, by name of the fold.
        by: name of the column that gives the fold of a video.
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
