"""How sure the areas below the curves are: bootstrap intervals over subjects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emotion.evaluate.bootstrap import draws, intervals, subject_names
from emotion.evaluate.curves import Floats, areas
from emotion.evaluate.outcome import Outcome

MAX_CELLS = 2_000_000  # of resamples by videos at a time: 16 MB an array


def area_intervals(
    outcomes: Sequence[Outcome], *, labels: Sequence[str], seed: int, num_resamples: int
) -> dict[str, tuple[float, float]]:
    """95% intervals of the mean ROC area and the mean average precision, drawing whole subjects.

    The subjects are drawn as for the other figures of the outcomes. A label that a resample lacks
    is left out of its mean.

    Args:
        outcomes: of all videos; those without probabilities have no part in the areas.
        labels: the label set, in order.
        seed: of the draws.
        num_resamples: draws.

    Returns:
        (low, high) of auc and average_precision; empty with fewer than two subjects, or where no
        video has probabilities.
    """
    subjects = {name: n for n, name in enumerate(subject_names(outcomes))}
    scored = [o for o in outcomes if o.probs is not None]
    if len(subjects) < 2 or not scored:
        return {}
    times_RS = draws(len(subjects), seed=seed, num_resamples=num_resamples)
    subject_N = np.array([subjects[o.subject_id] for o in scored])
    truth_N = np.array([labels.index(o.label) for o in scored])
    probs_NK = np.array([o.probs for o in scored], np.float64)
    step = max(1, MAX_CELLS // len(scored))
    parts = []
    for first in range(0, num_resamples, step):
        times_RN = times_RS[first : first + step, subject_N]
        every = [areas(truth_N == k, probs_NK[:, k], times_RN) for k in range(len(labels))]
        parts.append([_mean(np.stack(values)) for values in zip(*every, strict=True)])
    auc, precision = (np.concatenate(values) for values in zip(*parts, strict=True))
    return intervals({"auc": auc, "average_precision": precision})


def _mean(values_KR: Floats) -> Floats:
    """Over the labels that have a value; NaN where none has."""
    there_R = (~np.isnan(values_KR)).sum(axis=0)
    mean_R: Floats = np.full(values_KR.shape[1], np.nan)
    np.divide(np.nansum(values_KR, axis=0), there_R, out=mean_R, where=there_R > 0)
    return mean_R
