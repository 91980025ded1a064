"""Sums of what became of videos, kept by subject, and intervals from drawing whole subjects.

Videos of one person are alike; drawing videos would make the intervals too narrow. Every figure is
made of sums that add over subjects, so a resample is one product of draws and sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.evaluate.calibration import NUM_BINS, bin_of
from emotion.evaluate.outcome import Outcome

CONFIDENCE = 0.95
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Sums over videos; the leading axis is subjects or resamples.

    Attributes:
        counts: (R, K + 1, K + 1) videos, true label by predicted; the last column has none.
        top2: (R,) videos whose true label is among the two most probable.
        bins: (R, B, 3) videos, confidence and hits by bin of confidence.
        raw_bins: the same of the uncalibrated probabilities.
    """

    counts: Floats
    top2: Floats
    bins: Floats
    raw_bins: Floats

    def drawn(self, times_RS: Floats) -> Tally:
        """The sums with each subject taken so many times."""
        num = len(times_RS)
        return Tally(
            *(
                (times_RS @ part.reshape(len(part), -1)).reshape(num, *part.shape[1:])
                for part in (self.counts, self.top2, self.bins, self.raw_bins)
            )
        )

    def total(self) -> Tally:
        """The sums over all; the leading axis becomes 1."""
        return self.drawn(np.ones((1, len(self.counts))))


def subject_counts(outcomes: Sequence[Outcome], labels: Sequence[str]) -> NDArray[np.int64]:
    """Confusion counts per subject in order of name: (S, K + 1, K + 1), the last "no prediction".

    >>> subject_counts([Outcome("a", "s", "up", "down"), Outcome("b", "s", "up", None)],
    ...                ("up", "down"))
    array([[[0, 1, 1],
            [0, 0, 0],
            [0, 0, 0]]])
    """
    return tally(outcomes, labels, subjects=subject_names(outcomes)).counts.astype(np.int64)


def subject_names(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The subjects, in order of name."""
    return tuple(sorted({o.subject_id for o in outcomes}))


def tally(outcomes: Sequence[Outcome], labels: Sequence[str], *, subjects: Sequence[str]) -> Tally:
    """Sums by subject, (S, ...); a subject without a video has zeros."""
    row = {name: n for n, name in enumerate(subjects)}
    place = {name: n for n, name in enumerate(labels)} | {None: len(labels)}
    counts = np.zeros((len(row), len(labels) + 1, len(labels) + 1))
    subject_N = np.array([row[o.subject_id] for o in outcomes], np.int64)
    truth_N = np.array([place[o.label] for o in outcomes], np.int64)
    said_N = np.array([place[o.predicted] for o in outcomes], np.int64)
    np.add.at(counts, (subject_N, truth_N, said_N), 1)
    top2, bins = np.zeros(len(row)), np.zeros((2, len(row), NUM_BINS, 3))
    for into, every in zip(
        bins, ([o.probs for o in outcomes], [o.uncalibrated for o in outcomes]), strict=True
    ):
        scored = [n for n, probs in enumerate(every) if probs is not None]
        if not scored:
            continue
        probs_MK = np.array([every[n] for n in scored], np.float64)
        subject_M, truth_M = subject_N[scored], truth_N[scored]
        sure_M, right_M = probs_MK.max(axis=1), probs_MK.argmax(axis=1) == truth_M
        sums_M3 = np.stack([np.ones(len(scored)), sure_M, right_M], axis=1)
        np.add.at(into, (subject_M, bin_of(sure_M)), sums_M3)
        if into is bins[0] or np.shares_memory(into, bins[0]):
            first_two_M2 = np.argsort(-probs_MK, axis=1, kind="stable")[:, :2]
            np.add.at(top2, subject_M, (first_two_M2 == truth_M[:, None]).any(axis=1))
    return Tally(counts, top2, bins[0], bins[1])


def figures(sums: Tally) -> dict[str, Floats]:
    """The figures of each row of sums, (R,) each; NaN where there is nothing to divide.

    war, uar, macro_f1, weighted_f1 and top2 count a video without a prediction as wrong;
    war_covered and uar_covered leave it out, as ece and ece_uncalibrated must. macro_f1 leaves out
    a label that is neither true nor predicted, uar one that is not true.
    """
    counts = sums.counts
    hits = np.diagonal(counts, axis1=1, axis2=2)[:, :-1]
    support, guesses = counts.sum(axis=2)[:, :-1], counts.sum(axis=1)[:, :-1]
    videos, answered = support.sum(axis=1), guesses.sum(axis=1)
    answered_support = support - counts[:, :-1, -1]
    f1 = _share(2 * hits, support + guesses)
    scored, raw = sums.bins[:, :, 0].sum(axis=1), sums.raw_bins[:, :, 0].sum(axis=1)
    return {
        "war": _share(hits.sum(axis=1), videos),
        "uar": _mean(_share(hits, support)),
        "macro_f1": _mean(f1),
        "weighted_f1": _share(np.nansum(f1 * support, axis=1), videos),
        "coverage": _share(answered, videos),
        "war_covered": _share(hits.sum(axis=1), answered),
        "uar_covered": _mean(_share(hits, answered_support)),
        "top2": _share(sums.top2, np.where((scored == answered) & (scored > 0), videos, 0)),
        "ece": _share(_gaps(sums.bins), scored),
        "ece_uncalibrated": _share(_gaps(sums.raw_bins), raw),
    }


def class_figures(sums: Tally) -> dict[str, Floats]:
    """Precision, recall and f1 of each label, (R, K) each; NaN where there is nothing to divide."""
    hits = np.diagonal(sums.counts, axis1=1, axis2=2)[:, :-1]
    support, guesses = sums.counts.sum(axis=2)[:, :-1], sums.counts.sum(axis=1)[:, :-1]
    return {
        "precision": _share(hits, guesses),
        "recall": _share(hits, support),
        "f1": _share(2 * hits, support + guesses),
    }


def draws(num_subjects: int, *, seed: int, num_resamples: int) -> Floats:
    """How many times each subject is in each resample: (R, S); rows add up to S."""
    even = np.full(num_subjects, 1 / num_subjects)
    times = np.random.default_rng(seed).multinomial(num_subjects, even, size=num_resamples)
    return times.astype(np.float64)


def bootstrap(
    sums: Tally, *, seed: int, num_resamples: int
) -> dict[str, tuple[float, float]] | None:
    """95% percentile intervals of the figures, drawing whole subjects with replacement.

    The calibration error of a resample is on average above that of the sample, as repeated videos
    move whole bins; its interval leans upward.

    Args:
        sums: by subject, each subject with at least one video.
        seed: of the draws.
        num_resamples: draws.

    Returns:
        (low, high) by figure, without the figures that no resample has; None with fewer than two
        subjects.
    """
    num_subjects = len(sums.counts)
    if num_subjects < 2:
        return None
    times = draws(num_subjects, seed=seed, num_resamples=num_resamples)
    return intervals(figures(sums.drawn(times)))


def class_intervals(
    sums: Tally, labels: Sequence[str], *, seed: int, num_resamples: int
) -> dict[str, dict[str, tuple[float, float]]]:
    """The same of each label's precision, recall and f1; empty with fewer than two subjects."""
    if len(sums.counts) < 2:
        return {}
    times = draws(len(sums.counts), seed=seed, num_resamples=num_resamples)
    found = class_figures(sums.drawn(times))
    return {
        label: intervals({name: values[:, k] for name, values in found.items()})
        for k, label in enumerate(labels)
    }


def intervals(found: Mapping[str, Floats]) -> dict[str, tuple[float, float]]:
    """The middle 95% of each figure's resamples; NaN is left out, a figure of NaN alone too."""
    middle = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    pairs: dict[str, tuple[float, float]] = {}
    for name, values in found.items():
        if not np.isnan(values).all():
            low, high = np.nanquantile(values, middle)
            pairs[name] = (float(low), float(high))
    return pairs


def _share(part: Floats, whole: Floats) -> Floats:
    share: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return share


def _mean(values_RK: Floats) -> Floats:
    """Mean over the labels that have a value; NaN where none has."""
    there = ~np.isnan(values_RK)
    return _share(np.nansum(values_RK, axis=1), there.sum(axis=1).astype(np.float64))


def _gaps(bins_RB3: Floats) -> Floats:
    gaps: Floats = np.abs(bins_RB3[:, :, 1] - bins_RB3[:, :, 2]).sum(axis=1)
    return gaps
