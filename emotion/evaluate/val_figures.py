"""Figures of a training run's val clips: intervals over subjects, calibration and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion.evaluate.calibration import softmax
from emotion.evaluate.evaluation import evaluate_outcomes, figure_keys
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.slices import slice_by

VAL_FIGURES = ("war", "uar", "macro_f1", "weighted_f1", "ece", "ece_uncalibrated")


@dataclass(frozen=True)
class ClipColumns:
    """Values of a clip other than its pixels.

    Attributes:
        subject_id: the person; the bootstrap draws whole persons.
        columns: columns to slice by: text by name.
    """

    subject_id: str
    columns: Mapping[str, str]


def clip_outcomes(
    logits: NDArray[np.float32],
    targets: NDArray[np.int64],
    clip_ids: Sequence[str],
    clip_facts: Mapping[str, ClipColumns],
    *,
    labels: Sequence[str],
    temperature: float,
) -> list[Outcome]:
    """Return an outcome for each clip: its label and its prediction.

    Args:
        logits: (N, K).
        targets: (N,) class indices.
        clip_ids: N names. Without names (in a checkpoint of an older version) the result is empty.
        clip_facts: values of all N clips, by clip_id.
        labels: K names.
        temperature: number by which the package divides logits.
    """
    if len(clip_ids) != len(targets):
        return []
    probs_NK, raw_NK = softmax(logits, temperature=temperature), softmax(logits)
    return [
        Outcome(
            uri=name,
            subject_id=clip_facts[name].subject_id,
            label=labels[targets[n]],
            predicted=labels[int(logits[n].argmax())],
            probs=tuple(probs_NK[n].tolist()),
            uncalibrated=tuple(raw_NK[n].tolist()),
            facts=clip_facts[name].columns,
        )
        for n, name in enumerate(clip_ids)
    ]


def val_figures(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], columns: Sequence[str]
) -> dict[str, Any]:
    """Return figures, their 95% intervals over subjects, and slices; empty without an outcome.

    Args:
        outcomes: outcomes of clips.
        labels: the label set, in order.
        columns: names of the columns to slice by; columns that no clip has are left out.
    """
    if not outcomes:
        return {}
    whole = evaluate_outcomes(outcomes, labels=labels)
    present = [c for c in columns if any(o.facts.get(c) for o in outcomes)]
    return figure_keys({name: whole.figures[name] for name in VAL_FIGURES}) | {
        "n_clips": whole.n_videos,
        "n_subjects": whole.n_subjects,
        "num_resamples": whole.num_resamples,
        "slices": {c: slice_by(outcomes, c, labels=labels).to_json() for c in present},
    }
