"""How well predictions fit labels, per video: what is right, how sure that is, what is missing.

A video without a prediction counts as wrong in war, uar, both F1, top2 and per_class; the figures
ending in ``_covered`` leave such videos out. Both are told, with the coverage between them. What
needs probabilities alone (curves, calibration) is of the videos that have them.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from emotion.errors import InputError
from emotion.evaluate.bootstrap import bootstrap, class_intervals, figures, subject_names, tally
from emotion.evaluate.calibration import ReliabilityBin, reliability_bins
from emotion.evaluate.curves import LabelCurves, area_intervals, label_curves
from emotion.evaluate.metrics import ClassScore, scores
from emotion.evaluate.outcome import Outcome as Outcome

NO_PREDICTION = ""  # a column of its own; no label has this name


@dataclass(frozen=True)
class Evaluation:
    """The figures of one set of outcomes.

    Each ``_interval`` is the 95% bootstrap interval over subjects of its figure; None with fewer
    than two subjects.

    Attributes:
        war: share of videos that are right.
        uar: mean recall over the labels that occur.
        macro_f1: mean F1 over the labels that occur, as true or as predicted ones.
        weighted_f1: mean F1 by the labels' videos.
        top2: share of videos whose label is among the two most probable; None without
            probabilities, as with all that is made of them.
        war_covered: war of the videos with a prediction; None if there is none.
        uar_covered: the same of uar.
        coverage: share of videos with a prediction.
        ece: expected calibration error of the probabilities as they are stored.
        ece_uncalibrated: the same without the temperature; None where that is not known.
        reliability: the bins behind ``ece``.
        reliability_uncalibrated: the bins behind ``ece_uncalibrated``; empty where that is None.
        auc: area under the ROC curve, mean of the labels one against the rest.
        average_precision: area under the precision-recall curve, likewise.
        per_class: figures by label, in label order.
        per_class_intervals: of precision, recall and f1 by label; empty with one subject.
        per_class_auc: ROC area by label; without labels that no video or every video has.
        per_class_average_precision: likewise.
        labels: the label order of ``confusion``.
        confusion: counts, true label by predicted label.
        confusion_share: the same over all videos of the true label, with and without a prediction.
        no_prediction: videos of each true label without a prediction.
        missing: the same videos by reason.
        n_videos: videos.
        n_subjects: subjects.
        test_set_digest: of the videos, their labels and subjects: equal for equal test sets.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    war: float
    uar: float
    macro_f1: float
    weighted_f1: float
    top2: float | None
    war_interval: tuple[float, float] | None
    uar_interval: tuple[float, float] | None
    macro_f1_interval: tuple[float, float] | None
    weighted_f1_interval: tuple[float, float] | None
    top2_interval: tuple[float, float] | None
    ece_interval: tuple[float, float] | None
    ece_uncalibrated_interval: tuple[float, float] | None
    war_covered_interval: tuple[float, float] | None
    uar_covered_interval: tuple[float, float] | None
    auc_interval: tuple[float, float] | None
    average_precision_interval: tuple[float, float] | None
    war_covered: float | None
    uar_covered: float | None
    coverage: float
    ece: float | None
    ece_uncalibrated: float | None
    reliability: tuple[ReliabilityBin, ...]
    reliability_uncalibrated: tuple[ReliabilityBin, ...]
    auc: float | None
    average_precision: float | None
    per_class: dict[str, ClassScore]
    per_class_intervals: dict[str, dict[str, tuple[float, float]]]
    per_class_auc: dict[str, float]
    per_class_average_precision: dict[str, float]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    confusion_share: tuple[tuple[float, ...], ...]
    no_prediction: tuple[int, ...]
    missing: dict[str, int]
    n_videos: int
    n_subjects: int
    test_set_digest: str
    num_resamples: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def evaluate(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], seed: int = 0, num_resamples: int = 1000
) -> Evaluation:
    """Judge outcomes.

    Args:
        outcomes: at least one, each label one of ``labels``.
        labels: the label set, in order.
        seed: of the bootstrap.
        num_resamples: of the bootstrap.

    Raises:
        InputError: if there is no outcome.
    """
    if not outcomes:
        raise InputError("no labelled video to evaluate")
    sums = tally(outcomes, labels, subjects=subject_names(outcomes))
    counts = sums.counts.sum(axis=0).astype(np.int64)
    every = scores(counts, (*labels, NO_PREDICTION))
    found = {name: _known(float(values[0])) for name, values in figures(sums.total()).items()}
    sure = bootstrap(sums, seed=seed, num_resamples=num_resamples) or {}
    sure |= area_intervals(outcomes, labels=labels, seed=seed, num_resamples=num_resamples)
    curves = curves_of(outcomes, labels=labels)
    support = np.maximum(counts.sum(axis=1, keepdims=True)[:-1], 1)
    reasons = Counter(o.reason or "no reason given" for o in outcomes if o.predicted is None)
    return Evaluation(
        war=every.war,
        uar=every.uar,
        macro_f1=found["macro_f1"] or 0.0,
        weighted_f1=found["weighted_f1"] or 0.0,
        top2=found["top2"],
        war_interval=sure.get("war"),
        uar_interval=sure.get("uar"),
        macro_f1_interval=sure.get("macro_f1"),
        weighted_f1_interval=sure.get("weighted_f1"),
        top2_interval=sure.get("top2"),
        ece_interval=sure.get("ece"),
        ece_uncalibrated_interval=sure.get("ece_uncalibrated"),
        war_covered_interval=sure.get("war_covered"),
        uar_covered_interval=sure.get("uar_covered"),
        auc_interval=sure.get("auc"),
        average_precision_interval=sure.get("average_precision"),
        war_covered=found["war_covered"],
        uar_covered=found["uar_covered"],
        coverage=found["coverage"] or 0.0,
        ece=found["ece"],
        ece_uncalibrated=found["ece_uncalibrated"],
        reliability=_reliability(outcomes, labels, [o.probs for o in outcomes]),
        reliability_uncalibrated=_reliability(outcomes, labels, [o.uncalibrated for o in outcomes]),
        auc=curves.auc,
        average_precision=curves.average_precision,
        per_class={label: every.per_class[label] for label in labels},
        per_class_intervals=class_intervals(sums, labels, seed=seed, num_resamples=num_resamples),
        per_class_auc={label: curve.area for label, curve in curves.roc.items()},
        per_class_average_precision={label: curve.area for label, curve in curves.pr.items()},
        labels=tuple(labels),
        confusion=tuple(tuple(row) for row in counts[:-1, :-1].tolist()),
        confusion_share=tuple(tuple(row) for row in (counts[:-1, :-1] / support).tolist()),
        no_prediction=tuple(counts[:-1, -1].tolist()),
        missing=dict(sorted(reasons.items())),
        n_videos=len(outcomes),
        n_subjects=len(sums.counts),
        test_set_digest=test_set_digest(outcomes),
        num_resamples=num_resamples,
        seed=seed,
    )


def curves_of(outcomes: Sequence[Outcome], *, labels: Sequence[str]) -> LabelCurves:
    """ROC and precision-recall curves over the videos that have probabilities."""
    scored = [(labels.index(o.label), o.probs) for o in outcomes if o.probs is not None]
    return label_curves([k for k, _ in scored], [p for _, p in scored], labels=labels)


def test_set_digest(outcomes: Sequence[Outcome]) -> str:
    """SHA-256 over the videos with their labels and subjects, in order of address.

    Two evaluations can be compared where it is equal; the predictions have no part in it.
    """
    rows = sorted("\t".join((o.uri, o.label, o.subject_id)) for o in outcomes)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


test_set_digest.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _reliability(
    outcomes: Sequence[Outcome],
    labels: Sequence[str],
    every: Sequence[tuple[float, ...] | None],
) -> tuple[ReliabilityBin, ...]:
    scored = [(o, probs) for o, probs in zip(outcomes, every, strict=True) if probs is not None]
    if not scored:
        return ()
    right = [labels[int(np.argmax(probs))] == o.label for o, probs in scored]
    return reliability_bins([max(probs) for _, probs in scored], right)
