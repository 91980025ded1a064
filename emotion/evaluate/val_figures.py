"""What a run's val clips say of it: figures with intervals over people, calibration, slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion.evaluate.calibration import softmax
from emotion.evaluate.evaluation import evaluate
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.slices import slice_by

FIGURES = ("war", "uar", "macro_f1", "weighted_f1", "ece", "ece_uncalibrated")


@dataclass(frozen=True)
class ClipFacts:
    """What is known of a clip beside its pixels.

    Attributes:
        subject_id: the person, the unit of the bootstrap.
        columns: to slice by, as text.
    """

    subject_id: str
    columns: Mapping[str, str]


def clip_outcomes(
    logits: NDArray[np.float32],
    targets: NDArray[np.int64],
    clip_ids: Sequence[str],
    known: Mapping[str, ClipFacts],
    *,
    labels: Sequence[str],
    temperature: float,
) -> list[Outcome]:
    """Each clip with its prediction.

    Args:
        logits: (N, K).
        targets: (N,) class indices.
        clip_ids: N names; with other than N, as of an older checkpoint, there is no outcome.
        known: by name, of all N.
        labels: K names.
        temperature: what the package divides logits by.
    """
    if len(clip_ids) != len(targets):
        return []
    probs_NK, raw_NK = softmax(logits, temperature=temperature), softmax(logits)
    return [
        Outcome(
            uri=name,
            subject_id=known[name].subject_id,
            label=labels[targets[n]],
            predicted=labels[int(logits[n].argmax())],
            probs=tuple(probs_NK[n].tolist()),
            uncalibrated=tuple(raw_NK[n].tolist()),
            facts=known[name].columns,
        )
        for n, name in enumerate(clip_ids)
    ]


def val_figures(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], columns: Sequence[str]
) -> dict[str, Any]:
    """Figures, their 95% intervals over subjects, and slices; nothing of no outcome.

    Args:
        outcomes: of clips.
        labels: the label set, in order.
        columns: to slice by; those that no clip has are left out.
    """
    if not outcomes:
        return {}
    judged = evaluate(outcomes, labels=labels)
    found: dict[str, Any] = {name: getattr(judged, name) for name in FIGURES}
    found |= {f"{name}_interval": getattr(judged, f"{name}_interval") for name in FIGURES}
    there = [c for c in columns if any(o.facts.get(c) for o in outcomes)]
    slices = {c: slice_by(outcomes, c, labels=labels).to_json() for c in there}
    counts = {"n_clips": judged.n_videos, "n_subjects": judged.n_subjects}
    return found | counts | {"num_resamples": judged.num_resamples, "slices": slices}
