"""Several models on one test set, side by side, with the differences that are no accident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotion.errors import InputError
from emotion.evaluate.bootstrap import draws, figures, intervals, subject_names, tally
from emotion.evaluate.outcome import Outcome

NUM_RESAMPLES = 1000


@dataclass(frozen=True)
class Difference:
    """How much a model's UAR is above another's on the same videos.

    Attributes:
        uar: the difference, -1 to 1.
        interval: 95%, drawing whole subjects, the same for both; None with fewer than two.
    """

    uar: float
    interval: tuple[float, float] | None


def uar_difference(
    ours: Sequence[Outcome], theirs: Sequence[Outcome], *, labels: Sequence[str], seed: int = 0
) -> Difference:
    """UAR of ``ours`` minus UAR of ``theirs`` with its paired bootstrap interval.

    Both models are judged on each resample of subjects: what makes a subject hard for both falls
    out, and the interval is narrower than those of the two figures.

    Args:
        ours: outcomes of one model.
        theirs: outcomes of another, for the same videos.
        labels: the label set, in order.
        seed: of the bootstrap.

    Raises:
        InputError: if they are of different videos.
    """
    if {(o.uri, o.label, o.subject_id) for o in ours} != {
        (o.uri, o.label, o.subject_id) for o in theirs
    }:
        raise InputError("the two models were judged on different videos, labels or subjects")
    subjects = subject_names(ours)
    first, second = (tally(part, labels, subjects=subjects) for part in (ours, theirs))
    value = float(figures(first.total())["uar"][0] - figures(second.total())["uar"][0])
    if len(subjects) < 2:
        return Difference(value, None)
    times = draws(len(subjects), seed=seed, num_resamples=NUM_RESAMPLES)
    gaps = figures(first.drawn(times))["uar"] - figures(second.drawn(times))["uar"]
    return Difference(value, intervals({"uar": gaps})["uar"])
