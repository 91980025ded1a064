"""Figures of one set of labelled videos: correct answers, calibration, missing predictions.

A video without a prediction counts as wrong in war, uar, both F1, top2 and per_class. The figures
that end in ``_covered`` use only the videos with a prediction; coverage is the share of these
videos. Curves and calibration are computed from the videos that have probabilities.
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
from emotion.evaluate.bootstrap import (
    bootstrap,
    class_intervals,
    figure_values,
    subject_names,
    sums_by_subject,
)
from emotion.evaluate.calibration import ReliabilityBin, reliability_bins
from emotion.evaluate.curves import LabelCurves, area_intervals, label_curves
from emotion.evaluate.metrics import ClassScore, scores
from emotion.evaluate.outcome import Outcome

NO_PREDICTION = ""  # name of the column of videos without a prediction; no label has it
FIGURES = {
    "war": "share of videos with the right label",
    "uar": "mean recall over the labels that occur",
    "macro_f1": "mean F1 over the labels that occur, as true or as predicted ones",
    "weighted_f1": "mean F1, weighted by the labels' videos",
    "top2": "share of videos whose label is among the two most probable",
    "war_covered": "war of the videos with a prediction",
    "uar_covered": "uar of the videos with a prediction",
    "coverage": "share of videos with a prediction",
    "ece": "expected calibration error of the stored probabilities",
    "ece_uncalibrated": "expected calibration error without the package's temperature",
    "auc": "area under the ROC curve, mean over the labels, each against the others",
    "average_precision": "area under the precision-recall curve, mean over the labels",
}
WITHOUT_INTERVAL = ("coverage",)  # metrics.json has no key coverage_interval


@dataclass(frozen=True)
class Figure:
    """One figure with its 95% bootstrap interval over subjects.

    Attributes:
        value: the figure; None if no video has the values that it needs.
        low: lower end of the interval; None with fewer than two subjects, and for coverage.
        high: upper end; None if ``low`` is None.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper end; None without an interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Evaluation:
    """Figures of one set of outcomes.

    Attributes:
        figures: a figure for each name in ``FIGURES``.
        reliability: the bins from which ``ece`` is computed.
        reliability_uncalibrated: the bins from which ``ece_uncalibrated`` is computed; empty if
            that is None.
        per_class: precision, recall, F1 and support by label, in label order.
        per_class_intervals: intervals of precision, recall and f1 by label; empty with one subject.
        per_class_auc: ROC area by label; without labels that no video or every video has.
        per_class_average_precision: average precision by label; without the same labels.
        labels: K labels, the order of ``confusion``.
        confusion: (K, K) counts; rows are true labels, columns predicted ones.
        confusion_share: counts divided by all videos of the true label, also those without a
            prediction.
        no_prediction: number of videos without a prediction, by true label.
        missing: number of videos without a prediction, by reason.
        n_videos: number of videos.
        n_subjects: number of subjects.
        test_set_digest: digest of the videos, their labels and subjects: equal for equal test sets.
        num_resamples: number of resamples of the bootstrap.
        seed: seed of the bootstrap.
    """

    figures: dict[str, Figure]
    reliability: tuple[ReliabilityBin, ...]
    reliability_uncalibrated: tuple[ReliabilityBin, ...]
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
        """Return plain values: each figure under its name, its interval under NAME_interval."""
        values = asdict(self)
        del values["figures"]
        return figure_keys(self.figures) | values


def figure_keys(figures: dict[str, Figure]) -> dict[str, Any]:
    """Return figures in the form of ``metrics.json``: a key for a value, one for its interval.

    >>> figure_keys({"war": Figure(0.5, 0.25, 0.75), "coverage": Figure(1.0)})
    {'war': 0.5, 'war_interval': (0.25, 0.75), 'coverage': 1.0}
    """
    keys: dict[str, Any] = {}
    for name, figure in figures.items():
        keys[name] = figure.value
        if name not in WITHOUT_INTERVAL:
            keys[f"{name}_interval"] = figure.interval
    return keys


def evaluate_outcomes(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], seed: int = 0, num_resamples: int = 1000
) -> Evaluation:
    """Compute the figures of outcomes.

    Args:
        outcomes: at least one; each true label is one of ``labels``.
        labels: the label set, in order.
        seed: seed of the bootstrap.
        num_resamples: number of resamples of the bootstrap.

    Raises:
        InputError: if there is no outcome.
    """
    if not outcomes:
        raise InputError("no labelled video to evaluate")
    sums = sums_by_subject(outcomes, labels, subjects=subject_names(outcomes))
    counts = sums.counts.sum(axis=0).astype(np.int64)
    curves = curves_of(outcomes, labels=labels)
    values = {name: _number(float(row[0])) for name, row in figure_values(sums.total()).items()}
    values |= {"auc": curves.auc, "average_precision": curves.average_precision}
    ends = bootstrap(sums, seed=seed, num_resamples=num_resamples) or {}
    ends |= area_intervals(outcomes, labels=labels, seed=seed, num_resamples=num_resamples)
    per_class = scores(counts, (*labels, NO_PREDICTION)).per_class
    support = np.maximum(counts.sum(axis=1, keepdims=True)[:-1], 1)
    reasons = Counter(o.reason or "no reason given" for o in outcomes if o.predicted is None)
    return Evaluation(
        figures={name: _figure(name, values[name], ends) for name in FIGURES},
        reliability=_reliability(outcomes, labels, [o.probs for o in outcomes]),
        reliability_uncalibrated=_reliability(outcomes, labels, [o.uncalibrated for o in outcomes]),
        per_class={label: per_class[label] for label in labels},
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


def _figure(name: str, value: float | None, ends: dict[str, tuple[float, float]]) -> Figure:
    low, high = (None, None) if name in WITHOUT_INTERVAL else ends.get(name, (None, None))
    return Figure(value, low, high)


def curves_of(outcomes: Sequence[Outcome], *, labels: Sequence[str]) -> LabelCurves:
    """Return ROC and precision-recall curves over the videos that have probabilities."""
    scored = [(labels.index(o.label), o.probs) for o in outcomes if o.probs is not None]
    return label_curves([k for k, _ in scored], [p for _, p in scored], labels=labels)


def test_set_digest(outcomes: Sequence[Outcome]) -> str:
    """Return the SHA-256, as hex digits, of the videos with their labels and subjects.

    The order of ``outcomes`` and the predictions have no effect. Two evaluations with equal digests
    can be compared.
    """
    rows = sorted("\t".join((o.uri, o.label, o.subject_id)) for o in outcomes)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


test_set_digest.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test


def _number(value: float) -> float | None:
    """Return the value, or None for NaN."""
    return None if math.isnan(value) else value


def _reliability(
    outcomes: Sequence[Outcome],
    labels: Sequence[str],
    vectors: Sequence[tuple[float, ...] | None],
) -> tuple[ReliabilityBin, ...]:
    """Return the bins of the outcomes with a vector of probabilities; empty if there is none."""
    scored = [(o, probs) for o, probs in zip(outcomes, vectors, strict=True) if probs is not None]
    if not scored:
        return ()
    right = [labels[int(np.argmax(probs))] == o.label for o, probs in scored]
    return reliability_bins([max(probs) for _, probs in scored], right)
