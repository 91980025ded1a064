"""Figures of groups of the test videos, and the gaps between the groups.

A gap is the largest minus the smallest figure of the groups. It is never below 0, and with few
subjects it is large by chance alone. Compare it with the gap from shuffled values, and check the
size of the smallest group.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from emotion.errors import InputError
from emotion.evaluate.bootstrap import (
    CONFIDENCE,
    draws,
    figure_values,
    intervals,
    subject_names,
    sums_by_subject,
)
from emotion.evaluate.outcome import Outcome

NUM_QUARTERS = 4  # groups of a column of numbers with more than 4 different values
MAX_GROUPS = 20  # groups of a column of text; the rarest values become the group "others"
NUM_SHUFFLES = 200
NOT_GIVEN, OTHERS = "not given", "others"
SLICE_FIGURES = ("war", "uar", "macro_f1", "weighted_f1", "coverage", "top2", "ece")


@dataclass(frozen=True)
class SliceGroup:
    """Group of the videos with one value of a column, or with values in one range.

    Attributes:
        name: the value, or the range of values.
        n_videos: number of videos.
        n_subjects: number of subjects.
        figures: figures by name, as in an evaluation; None if no video has the values it needs.
        intervals: 95% bootstrap interval over subjects, by name; empty with one subject.
        in_gap: True if the gap includes the group. False for "not given" and "others", which are
            not one value.
    """

    name: str
    n_videos: int
    n_subjects: int
    figures: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    in_gap: bool


@dataclass(frozen=True)
class Slices:
    """Groups of one column, and the gaps between them.

    Attributes:
        column: name of the column.
        groups: the groups, in order of value.
        gap: largest minus smallest figure over the groups, by figure; empty with one group.
        gap_interval: 95% bootstrap interval of the gap over subjects; empty with one subject.
        gap_by_chance: 95% quantile of the gap when the column's values are shuffled: over subjects
            if each subject has one value, else over videos.
        smallest: name of the group with the fewest videos.
        smallest_videos: number of videos of that group.
        smallest_subjects: number of subjects of that group.
    """

    column: str
    groups: tuple[SliceGroup, ...]
    gap: dict[str, float]
    gap_interval: dict[str, tuple[float, float]]
    gap_by_chance: dict[str, float]
    smallest: str
    smallest_videos: int
    smallest_subjects: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def slice_by(
    outcomes: Sequence[Outcome],
    column: str,
    *,
    labels: Sequence[str],
    seed: int = 0,
    num_resamples: int = 1000,
) -> Slices:
    """Compute the figures of each value of a column, or of each quarter of its numbers.

    All groups use the same resamples of subjects, so that the interval of a gap is also right if a
    person is in several groups. In a resample in which a group has no video, the group is left out.

    Args:
        outcomes: at least one; ``facts`` has the column.
        column: name of the column.
        labels: the label set, in order.
        seed: seed of the bootstrap and of the shuffling.
        num_resamples: number of resamples of the bootstrap.

    Raises:
        InputError: if no video has the column; the message lists the columns that exist.
    """
    names = group_names(outcomes, column)
    subjects = subject_names(outcomes)
    times = draws(len(subjects), seed=seed, num_resamples=num_resamples)
    groups: list[SliceGroup] = []
    resampled: list[dict[str, Any]] = []
    for name in dict.fromkeys(sorted(names, key=lambda n: n[0])):
        members = [o for o, its in zip(outcomes, names, strict=True) if its == name]
        sums = sums_by_subject(members, labels, subjects=subjects)
        whole, drawn = figure_values(sums.total()), figure_values(sums.drawn(times))
        resampled.append(drawn)
        num_subjects = len(subject_names(members))
        ends = intervals({f: drawn[f] for f in SLICE_FIGURES}) if num_subjects > 1 else {}
        values = {f: None if math.isnan(whole[f][0]) else float(whole[f][0]) for f in SLICE_FIGURES}
        in_gap = name[1] not in (NOT_GIVEN, OTHERS)
        groups.append(SliceGroup(name[1], len(members), num_subjects, values, ends, in_gap))
    compared = [resampled[n] for n, group in enumerate(groups) if group.in_gap]
    gap, gap_interval = _gaps(groups, compared, with_interval=len(subjects) > 1)
    chance = _by_chance(outcomes, [name for _, name in names], labels, seed=seed) if gap else {}
    smallest = min(groups, key=lambda group: group.n_videos)
    return Slices(
        column=column,
        groups=tuple(groups),
        gap=gap,
        gap_interval=gap_interval,
        gap_by_chance={name: value for name, value in chance.items() if name in gap},
        smallest=smallest.name,
        smallest_videos=smallest.n_videos,
        smallest_subjects=smallest.n_subjects,
    )


def _by_chance(
    outcomes: Sequence[Outcome], names: Sequence[str], labels: Sequence[str], *, seed: int
) -> dict[str, float]:
    """Return the 95% quantile of each figure's gap when the column's values are shuffled."""
    pairs = [
        (o, name)
        for o, name in zip(outcomes, names, strict=True)
        if name not in (NOT_GIVEN, OTHERS)
    ]
    by_subject: dict[str, set[str]] = defaultdict(set)
    for o, name in pairs:
        by_subject[o.subject_id].add(name)
    if all(len(its) == 1 for its in by_subject.values()):
        units = sorted(by_subject)
        values = [next(iter(by_subject[unit])) for unit in units]
        sums = sums_by_subject([o for o, _ in pairs], labels, subjects=units)
    else:
        values = [name for _, name in pairs]
        one_each = [replace(o, subject_id=str(n)) for n, (o, _) in enumerate(pairs)]
        sums = sums_by_subject(one_each, labels, subjects=[o.subject_id for o in one_each])
    member_GU = np.array([[v == name for v in values] for name in sorted(set(values))], np.float64)
    rng = np.random.default_rng(seed)
    gaps: dict[str, list[float]] = defaultdict(list)
    for _ in range(NUM_SHUFFLES):
        shuffled = figure_values(sums.drawn(member_GU[:, rng.permutation(len(values))]))
        for name in SLICE_FIGURES:
            numbers = shuffled[name][~np.isnan(shuffled[name])]
            if len(numbers) > 1:
                gaps[name].append(float(numbers.max() - numbers.min()))
    return {name: float(np.quantile(each, CONFIDENCE)) for name, each in gaps.items()}


def _gaps(
    groups: Sequence[SliceGroup], resampled: Sequence[Mapping[str, Any]], *, with_interval: bool
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Return the gap of each figure that at least two groups have, and its interval.

    Args:
        groups: all groups.
        resampled: figures of the resamples, for each group with ``in_gap``.
        with_interval: False: return no intervals.
    """
    gap: dict[str, float] = {}
    drawn: dict[str, Any] = {}
    for name in SLICE_FIGURES:
        of_groups = [g.figures[name] for g in groups if g.in_gap]
        values = [value for value in of_groups if value is not None]
        if len(values) < 2:
            continue
        gap[name] = max(values) - min(values)
        every_GR = np.stack([part[name] for part in resampled])
        enough = (~np.isnan(every_GR)).sum(axis=0) > 1
        some_GR = every_GR[:, enough]
        drawn[name] = np.nanmax(some_GR, axis=0) - np.nanmin(some_GR, axis=0)
    filled = {name: values for name, values in drawn.items() if len(values)}
    return gap, intervals(filled) if with_interval else {}


def group_names(outcomes: Sequence[Outcome], column: str) -> list[tuple[float, str]]:
    """Return the group of each outcome: its place in the order of groups, and its name.

    Raises:
        InputError: if no video has the column.
    """
    if not any(column in o.facts for o in outcomes):
        columns = ", ".join(sorted({name for o in outcomes for name in o.facts})) or "none"
        raise InputError(f"--slice-by {column}: there is no such column; there are: {columns}")
    texts = [o.facts.get(column, "") for o in outcomes]
    values = {text: _number(text) for text in set(texts) if text}
    numbers = sorted({v for v in values.values() if v is not None})
    if values and len(numbers) > NUM_QUARTERS and None not in values.values():
        return _quarters([values.get(text) for text in texts])
    times = Counter(text for text in texts if text)
    largest = sorted(times, key=lambda text: (-times[text], text))
    kept = largest if len(largest) <= MAX_GROUPS else largest[: MAX_GROUPS - 1]
    in_order = sorted(kept, key=lambda text: (values[text] is None, values[text] or 0.0, text))
    place = {text: float(n) for n, text in enumerate(in_order)}
    not_given, others = (math.inf, NOT_GIVEN), (float(len(kept)), OTHERS)
    return [(place[t], t) if t in place else others if t else not_given for t in texts]


def _quarters(values: Sequence[float | None]) -> list[tuple[float, str]]:
    """Return the quarter of each value: its place and its range of values.

    Equal values are in one quarter, so that there may be fewer than four quarters, of different
    sizes. None belongs to the group "not given".
    """
    numbers = np.array([v for v in values if v is not None])
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, NUM_QUARTERS + 1)))
    inner = edges[1:-1]
    places = [None if v is None else int(np.searchsorted(inner, v)) for v in values]
    members: dict[int, list[float]] = defaultdict(list)
    for value, place in zip(values, places, strict=True):
        if value is not None and place is not None:
            members[place].append(value)
    names = {place: _range(min(its), max(its)) for place, its in members.items()}
    return [(math.inf, NOT_GIVEN) if at is None else (float(at), names[at]) for at in places]


def _range(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _number(text: str) -> float | None:
    """Read a number or a fraction such as 30000/1001; return None for other text.

    >>> _number("30000/1001"), _number("12"), _number("I")
    (29.97002997002997, 12.0, None)
    """
    try:
        value = float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) else None
