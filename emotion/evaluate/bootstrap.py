"""Sums over the videos of each subject, and bootstrap intervals that draw whole subjects.

Videos of one person are similar, so that drawing single videos would make the intervals too narrow.
Every figure is computed from sums over videos. The sums of a resample are the subjects' sums, each
times the number of draws of the subject.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.evaluate.calibration import NUM_BINS, bin_of, calibration_error
from emotion.evaluate.metrics import class_rates, divide, mean_over_classes, mean_recall
from emotion.evaluate.outcome import Outcome

CONFIDENCE = 0.95
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SubjectSums:
    """Sums over videos; the leading axis R is subjects or resamples of subjects.

    Attributes:
        counts: (R, K + 1, K + 1) videos, true label by predicted label; the last column counts
            videos without a prediction, the last row is 0.
        top2: (R,) number of videos whose true label is among the two most probable.
        bins: (R, B, 3) for each bin of confidence the number of videos, the sum of their
            confidence, and the number of right videos.
        raw_bins: (R, B, 3) like ``bins``, from the uncalibrated probabilities.

    Raises:
        ValueError: if the shapes do not fit each other.
    """

    counts: Floats
    top2: Floats
    bins: Floats
    raw_bins: Floats

    def __post_init__(self) -> None:
        num, size = self.counts.shape[:2]
        bins = (num, NUM_BINS, 3)
        shapes = tuple(part.shape for part in (self.counts, self.top2, self.bins, self.raw_bins))
        if shapes != ((num, size, size), (num,), bins, bins):
            raise ValueError(f"sums of shapes {shapes} do not fit each other")

    def __repr__(self) -> str:
        return f"SubjectSums(counts={self.counts.shape}, bins={self.bins.shape})"

    def drawn(self, times_RS: Floats) -> SubjectSums:
        """Return the sums of R resamples; resample r has subject s ``times_RS[r, s]`` times."""
        num = len(times_RS)
        return SubjectSums(
            *(
                (times_RS @ part.reshape(len(part), -1)).reshape(num, *part.shape[1:])
                for part in (self.counts, self.top2, self.bins, self.raw_bins)
            )
        )

    def total(self) -> SubjectSums:
        """Return the sums over all subjects; the leading axis becomes 1."""
        return self.drawn(np.ones((1, len(self.counts))))


def subject_names(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the subjects of the outcomes, each once, sorted by name."""
    return tuple(sorted({o.subject_id for o in outcomes}))


def sums_by_subject(
    outcomes: Sequence[Outcome], labels: Sequence[str], *, subjects: Sequence[str]
) -> SubjectSums:
    """Return the sums of each of S ``subjects``; a subject without a video has zeros.

    >>> rows = [Outcome("a", "s", "up", "down"), Outcome("b", "s", "up", None)]
    >>> sums_by_subject(rows, ("up", "down"), subjects=["s"]).counts
    array([[[0., 1., 1.],
            [0., 0., 0.],
            [0., 0., 0.]]])
    """
    row = {name: n for n, name in enumerate(subjects)}
    place = {name: n for n, name in enumerate(labels)} | {None: len(labels)}
    counts = np.zeros((len(row), len(labels) + 1, len(labels) + 1))
    subject_N = np.array([row[o.subject_id] for o in outcomes], np.int64)
    truth_N = np.array([place[o.label] for o in outcomes], np.int64)
    predicted_N = np.array([place[o.predicted] for o in outcomes], np.int64)
    np.add.at(counts, (subject_N, truth_N, predicted_N), 1)
    top2, bins, raw_bins = np.zeros(len(row)), *np.zeros((2, len(row), NUM_BINS, 3))
    scored = [n for n, o in enumerate(outcomes) if o.probs is not None]
    if scored:
        probs_MK = np.array([outcomes[n].probs for n in scored], np.float64)
        _add_bins(bins, probs_MK, subject_N[scored], truth_N[scored])
        first_two_M2 = np.argsort(-probs_MK, axis=1, kind="stable")[:, :2]
        in_two_M = (first_two_M2 == truth_N[scored][:, None]).any(axis=1)
        np.add.at(top2, subject_N[scored], in_two_M)
    raw = [n for n, o in enumerate(outcomes) if o.uncalibrated is not None]
    if raw:
        raw_MK = np.array([outcomes[n].uncalibrated for n in raw], np.float64)
        _add_bins(raw_bins, raw_MK, subject_N[raw], truth_N[raw])
    return SubjectSums(counts, top2, bins, raw_bins)


def _add_bins(
    bins_SB3: Floats, probs_MK: Floats, subject_M: NDArray[np.int64], truth_M: NDArray[np.int64]
) -> None:
    """Add M videos with probabilities to the bins of their subjects, in place."""
    confidence_M, right_M = probs_MK.max(axis=1), probs_MK.argmax(axis=1) == truth_M
    sums_M3 = np.stack([np.ones(len(probs_MK)), confidence_M, right_M], axis=1)
    np.add.at(bins_SB3, (subject_M, bin_of(confidence_M)), sums_M3)


def figure_values(sums: SubjectSums) -> dict[str, Floats]:
    """Return the figures of each row of sums, (R,) by name; NaN where the divisor is 0.

    war, uar, macro_f1, weighted_f1 and top2 count a video without a prediction as wrong.
    war_covered, uar_covered, ece and ece_uncalibrated leave it out. uar leaves out a label that no
    video has. macro_f1 leaves out a label that no video has and that is never predicted.
    """
    counts = sums.counts[:, :-1]
    answers = counts[:, :, :-1]
    hits = np.trace(counts, axis1=1, axis2=2)
    support, answered = counts.sum(axis=2), answers.sum(axis=(1, 2))
    videos = support.sum(axis=1)
    f1 = class_rates(counts)["f1"]
    scored = sums.bins[:, :, 0].sum(axis=1)
    return {
        "war": divide(hits, videos),
        "uar": mean_recall(counts),
        "macro_f1": mean_over_classes(f1),
        "weighted_f1": divide(np.nansum(f1 * support, axis=1), videos),
        "coverage": divide(answered, videos),
        "war_covered": divide(hits, answered),
        "uar_covered": mean_recall(answers),
        "top2": divide(sums.top2, np.where((scored == answered) & (scored > 0), videos, 0)),
        "ece": calibration_error(sums.bins),
        "ece_uncalibrated": calibration_error(sums.raw_bins),
    }


def draws(num_subjects: int, *, seed: int, num_resamples: int) -> Floats:
    """Draw S subjects with replacement, R times.

    Returns:
        (R, S) number of times that each subject is in each resample; rows add up to S.
    """
    even = np.full(num_subjects, 1 / num_subjects)
    times = np.random.default_rng(seed).multinomial(num_subjects, even, size=num_resamples)
    return times.astype(np.float64)


def bootstrap(
    sums: SubjectSums, *, seed: int, num_resamples: int
) -> dict[str, tuple[float, float]] | None:
    """Return 95% percentile intervals of the figures from resamples of whole subjects.

    The interval of the calibration error is biased upward: a resample repeats videos, which moves
    whole bins, so that its error is on average above the sample's.

    Args:
        sums: sums by subject; each subject has at least one video.
        seed: seed of the draws.
        num_resamples: number of resamples.

    Returns:
        (low, high) by figure, without figures that are NaN in all resamples; None with fewer than
        two subjects.
    """
    num_subjects = len(sums.counts)
    if num_subjects < 2:
        return None
    times = draws(num_subjects, seed=seed, num_resamples=num_resamples)
    return intervals(figure_values(sums.drawn(times)))


def class_intervals(
    sums: SubjectSums, labels: Sequence[str], *, seed: int, num_resamples: int
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return 95% intervals of each label's precision, recall and f1, from resamples of subjects.

    The result is empty with fewer than two subjects.
    """
    if len(sums.counts) < 2:
        return {}
    times = draws(len(sums.counts), seed=seed, num_resamples=num_resamples)
    rates = class_rates(sums.drawn(times).counts[:, :-1])
    return {
        label: intervals({name: values[:, k] for name, values in rates.items()})
        for k, label in enumerate(labels)
    }


def intervals(resampled: Mapping[str, Floats]) -> dict[str, tuple[float, float]]:
    """Return the ends of the middle 95% of each figure's values over resamples.

    NaN values are left out, and so is a figure that has no other values.
    """
    middle = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    pairs: dict[str, tuple[float, float]] = {}
    for name, values in resampled.items():
        if not np.isnan(values).all():
            low, high = np.nanquantile(values, middle)
            pairs[name] = (float(low), float(high))
    return pairs
