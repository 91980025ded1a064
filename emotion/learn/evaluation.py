"""How well predictions fit labels, per video: what is right, how sure that is, what is missing.

A video without a prediction counts as wrong in war, uar, macro_f1 and per_class; the figures
ending in ``_covered`` leave such videos out. Both are told, with the coverage between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotion.errors import InputError
from emotion.learn.metrics import ClassScore, scores, uar

CONFIDENCE = 0.95
NO_PREDICTION = ""  # a column of its own; no label has this name


@dataclass(frozen=True)
class Outcome:
    """One labelled video and what became of it.

    Attributes:
        uri: its address.
        subject_id: the person, the unit of the bootstrap.
        label: the true label.
        predicted: the model's; None where it gave none.
        reason: why it gave none.
    """

    uri: str
    subject_id: str
    label: str
    predicted: str | None
    reason: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """The figures of one set of outcomes.

    Attributes:
        war: share of videos that are right.
        uar: mean recall over the labels that occur.
        macro_f1: mean F1 over the labels that occur, as true or as predicted ones.
        war_interval: 95% bootstrap interval over subjects; None with fewer than two.
        uar_interval: the same of uar.
        war_covered: war of the videos with a prediction; None if there is none.
        uar_covered: the same of uar.
        coverage: share of videos with a prediction.
        per_class: figures by label, in label order.
        labels: the label order of ``confusion``.
        confusion: counts, true label by predicted label.
        no_prediction: videos of each true label without a prediction.
        missing: the same videos by reason.
        n_videos: videos.
        n_subjects: subjects.
        num_resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    war: float
    uar: float
    macro_f1: float
    war_interval: tuple[float, float] | None
    uar_interval: tuple[float, float] | None
    war_covered: float | None
    uar_covered: float | None
    coverage: float
    per_class: dict[str, ClassScore]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    no_prediction: tuple[int, ...]
    missing: dict[str, int]
    n_videos: int
    n_subjects: int
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
    counts_SPP = subject_counts(outcomes, labels)
    counts_PP = counts_SPP.sum(axis=0)
    covered_KK, n_videos = counts_PP[:-1, :-1], int(counts_PP.sum())
    every, covered = scores(counts_PP, (*labels, NO_PREDICTION)), scores(covered_KK, labels)
    per_class = {label: every.per_class[label] for label in labels}
    occurs = (covered_KK.sum(axis=0) + counts_PP.sum(axis=1)[:-1]) > 0
    low_high = bootstrap(counts_SPP, seed=seed, num_resamples=num_resamples)
    some_covered = bool(covered_KK.sum())
    reasons = Counter(o.reason or "no reason given" for o in outcomes if o.predicted is None)
    return Evaluation(
        war=every.war,
        uar=every.uar,
        macro_f1=float(np.mean([per_class[name].f1 for name in np.asarray(labels)[occurs]])),
        war_interval=low_high[0] if low_high else None,
        uar_interval=low_high[1] if low_high else None,
        war_covered=covered.war if some_covered else None,
        uar_covered=covered.uar if some_covered else None,
        coverage=float(covered_KK.sum() / n_videos),
        per_class=per_class,
        labels=tuple(labels),
        confusion=tuple(tuple(row) for row in covered_KK.tolist()),
        no_prediction=tuple(counts_PP[:-1, -1].tolist()),
        missing=dict(sorted(reasons.items())),
        n_videos=n_videos,
        n_subjects=len(counts_SPP),
        num_resamples=num_resamples,
        seed=seed,
    )


def subject_counts(outcomes: Sequence[Outcome], labels: Sequence[str]) -> NDArray[np.int64]:
    """Confusion counts per subject: (S, K + 1, K + 1), the last column "no prediction".

    >>> subject_counts([Outcome("a", "s", "up", "down"), Outcome("b", "s", "up", None)],
    ...                ("up", "down"))
    array([[[0, 1, 1],
            [0, 0, 0],
            [0, 0, 0]]])
    """
    subjects = {name: n for n, name in enumerate(sorted({o.subject_id for o in outcomes}))}
    place = {name: n for n, name in enumerate(labels)}
    counts = np.zeros((len(subjects), len(labels) + 1, len(labels) + 1), np.int64)
    for o in outcomes:
        predicted = -1 if o.predicted is None else place[o.predicted]
        counts[subjects[o.subject_id], place[o.label], predicted] += 1
    return counts


def bootstrap(
    counts_SPP: NDArray[np.int64], *, seed: int, num_resamples: int
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """95% percentile intervals of war and uar, drawing whole subjects with replacement.

    Videos of one person are alike; drawing videos would make the intervals too narrow.

    Args:
        counts_SPP: confusion counts per subject, each subject with at least one video.
        seed: of the draws.
        num_resamples: draws.

    Returns:
        (low, high) of war and of uar; None with fewer than two subjects.
    """
    num_subjects = len(counts_SPP)
    if num_subjects < 2:
        return None
    even = np.full(num_subjects, 1 / num_subjects)
    times_RS = np.random.default_rng(seed).multinomial(num_subjects, even, size=num_resamples)
    counts_RPP = np.einsum("rs,sij->rij", times_RS, counts_SPP)
    wars = np.trace(counts_RPP, axis1=1, axis2=2) / counts_RPP.sum(axis=(1, 2))
    uars = [uar(counts_PP) for counts_PP in counts_RPP]
    return _interval(wars), _interval(uars)


def _interval(values: ArrayLike) -> tuple[float, float]:
    low, high = np.quantile(
        np.asarray(values, np.float64), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    )
    return float(low), float(high)
