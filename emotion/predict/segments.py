"""Segments: runs of one label in a track, with hysteresis, a minimum length and a maximum gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENTER = 0.1
"""Lead: a label replaces the current one if its probability is higher by more than this."""
MIN_S = 0.5
"""Smallest length of a run in seconds; a shorter run gets the label of a neighbouring run."""
MAX_GAP_S = 1.0
"""Longest time without a face within a run, in seconds; a longer gap ends the run."""


@dataclass(frozen=True)
class Run:
    """Samples [start, stop) of a track with one label.

    Attributes:
        start: index of the first sample among the samples of the track.
        stop: index of the last sample plus 1.
        class_index: index of the label in the label set.
    """

    start: int
    stop: int
    class_index: int


@dataclass(frozen=True)
class SegmentRule:
    """Rule by which runs are cut; see ``runs``.

    Attributes:
        enter: lead above which a label replaces the current one, 0 to 1; 0: no hysteresis.
        min_s: smallest length of a run, seconds.
        max_gap_s: longest time without a face within a run, seconds.
    """

    enter: float = ENTER
    min_s: float = MIN_S
    max_gap_s: float = MAX_GAP_S


def runs(
    probs: NDArray[np.float32],
    frame_index: NDArray[np.int64],
    *,
    fps: float,
    rule: SegmentRule = SegmentRule(),  # noqa: B008  (frozen)
) -> list[Run]:
    """Cut a track's samples into runs.

    Args:
        probs: (N, K) probabilities at the samples in which the track has a face.
        frame_index: (N,) numbers k of these samples, which are at k / ``fps`` seconds; ascending.
        fps: samples per second.
        rule: lead, smallest length and longest gap.

    Returns:
        Runs in order of time that cover all N samples; empty if N is 0. Neighbouring runs have
        different labels, unless there is a gap longer than ``max_gap_s`` between them. A run is
        shorter than ``min_s`` only if it is the only run between two gaps, or between a gap and an
        end of the track.

    >>> p = np.array([[0.9, 0.1]] * 3 + [[0.4, 0.6]] * 3, np.float32)
    >>> runs(p, np.arange(6), fps=1)
    [Run(start=0, stop=3, class_index=0), Run(start=3, stop=6, class_index=1)]
    """
    cut: list[Run] = []
    breaks = np.flatnonzero(np.diff(frame_index) - 1 > rule.max_gap_s * fps) + 1
    for first, last in zip([0, *breaks], [*breaks, len(frame_index)], strict=True):
        if first < last:
            state = _hysteresis(probs[first:last], rule.enter)
            state = _merge_short(state, probs[first:last], frame_index[first:last], fps, rule.min_s)
            cut += [
                Run(int(first) + a, int(first) + b, int(state[a])) for a, b in _equal_runs(state)
            ]
    return cut


def _hysteresis(probs: NDArray[np.float32], enter: float) -> NDArray[np.int64]:
    """Return the class index of each sample, with hysteresis.

    The label changes only when the most probable label leads the current one by more than
    ``enter``. The change is then moved back to the sample at which the new label began to lead,
    because the expression changed there.
    """
    best = probs.argmax(axis=1)
    state = np.empty(len(probs), np.int64)
    now = int(best[0])
    for k in range(len(probs)):
        challenger = int(best[k])
        if challenger != now and probs[k, challenger] - probs[k, now] > enter:
            back = k
            while back > 0 and state[back - 1] == now and best[back - 1] == challenger:
                back -= 1
                state[back] = challenger
            now = challenger
        state[k] = now
    return state


def _equal_runs(state: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the ranges [start, stop) of equal neighbouring values."""
    edges = [0, *(np.flatnonzero(np.diff(state)) + 1).tolist(), len(state)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def _merge_short(
    state: NDArray[np.int64],
    probs: NDArray[np.float32],
    frame_index: NDArray[np.int64],
    fps: float,
    min_s: float,
) -> NDArray[np.int64]:
    """Return the labels of samples after the merging of short runs.

    The shortest run gets the label of the neighbouring run that is more probable in it. This is
    repeated until every run is at least ``min_s`` long or only one run is left.
    """
    state = state.copy()
    while True:
        parts = _equal_runs(state)
        lengths = [(frame_index[b - 1] + 1 - frame_index[a]) / fps for a, b in parts]
        shortest = int(np.argmin(lengths))
        if len(parts) == 1 or lengths[shortest] >= min_s - 1e-9:
            return state
        a, b = parts[shortest]
        beside = {int(state[a - 1])} if a else set()
        beside |= {int(state[b])} if b < len(state) else set()
        state[a:b] = max(sorted(beside), key=lambda k: float(probs[a:b, k].sum()))
