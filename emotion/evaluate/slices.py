"""The figures of parts of the test videos, and how far the parts lie apart.

A gap is the largest minus the smallest figure of the parts; it is never below 0, and with few
subjects it is large by chance alone: read it beside the gap that shuffled values give, and with the
smallest part.
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
from emotion.evaluate.bootstrap import CONFIDENCE, draws, figures, intervals, subject_names, tally
from emotion.evaluate.outcome import Outcome

NUM_BINS = 4  # of a column of numbers with more values than these
MAX_GROUPS = 20  # of a column of text; smaller ones are put together and left out of the gap
NUM_SHUFFLES = 200
NOT_GIVEN, OTHERS = "not given", "others"
FIGURES = ("war", "uar", "macro_f1", "weighted_f1", "coverage", "top2", "ece")


@dataclass(frozen=True)
class Group:
    """One part.

    Attributes:
        name: the value, or the range of values.
        n_videos: videos.
        n_subjects: subjects.
        figures: by name, as in an evaluation; None where it cannot be said.
        intervals: 95% bootstrap interval over subjects, by name; empty with one subject.
        in_gap: False for what is not one value: "not given" and "others".
    """

    name: str
    n_videos: int
    n_subjects: int
    figures: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    in_gap: bool


@dataclass(frozen=True)
class Slices:
    """The parts by one column.

    Attributes:
        column: its name.
        groups: in order of value.
        gap: largest minus smallest figure over the groups, by figure; empty with one group.
        gap_interval: its 95% bootstrap interval over subjects; empty with one subject.
        gap_by_chance: what the gap stays below in 95% of shuffles of the column's values: over
            subjects where each has one value, else over videos.
        smallest: name of the group with the fewest videos.
        smallest_videos: its videos.
        smallest_subjects: its subjects.
    """

    column: str
    groups: tuple[Group, ...]
    gap: dict[str, float]
    gap_interval: dict[str, tuple[float, float]]
    gap_by_chance: dict[str, float]
    smallest: str
    smallest_videos: int
    smallest_subjects: int

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def slice_by(
    outcomes: Sequence[Outcome],
    column: str,
    *,
    labels: Sequence[str],
    seed: int = 0,
    num_resamples: int = 1000,
) -> Slices:
    """Judge the videos of each value of a column, or of each quarter of its numbers.

    Every part is judged on the same draws of subjects, so that a gap's interval knows that one
    person may be in several parts. A draw in which a part has no video leaves that part out.

    Args:
        outcomes: at least one; ``facts`` has the column.
        column: its name.
        labels: the label set, in order.
        seed: of the bootstrap.
        num_resamples: of the bootstrap.

    Raises:
        InputError: if no video has the column; names those that there are.
    """
    names = group_names(outcomes, column)
    subjects = subject_names(outcomes)
    times = draws(len(subjects), seed=seed, num_resamples=num_resamples)
    groups: list[Group] = []
    resampled: list[dict[str, Any]] = []
    for name in dict.fromkeys(sorted(names, key=lambda n: n[0])):
        members = [o for o, its in zip(outcomes, names, strict=True) if its == name]
        sums = tally(members, labels, subjects=subjects)
        now, drawn = figures(sums.total()), figures(sums.drawn(times))
        resampled.append(drawn)
        num_subjects = len(subject_names(members))
        spread = intervals({f: drawn[f] for f in FIGURES}) if num_subjects > 1 else {}
        own = {f: None if math.isnan(now[f][0]) else float(now[f][0]) for f in FIGURES}
        in_gap = name[1] not in (NOT_GIVEN, OTHERS)
        groups.append(Group(name[1], len(members), num_subjects, own, spread, in_gap))
    compared = [n for n, group in enumerate(groups) if group.in_gap]
    gap, gap_interval = _gaps(groups, [resampled[n] for n in compared], sure=len(subjects) > 1)
    chance = _by_chance(outcomes, [name for _, name in names], labels, seed=seed) if gap else {}
    least = min(groups, key=lambda group: group.n_videos)
    return Slices(
        column=column,
        groups=tuple(groups),
        gap=gap,
        gap_interval=gap_interval,
        gap_by_chance={name: value for name, value in chance.items() if name in gap},
        smallest=least.name,
        smallest_videos=least.n_videos,
        smallest_subjects=least.n_subjects,
    )


def _by_chance(
    outcomes: Sequence[Outcome], names: Sequence[str], labels: Sequence[str], *, seed: int
) -> dict[str, float]:
    """The 95% quantile of each figure's gap when the values are dealt out anew."""
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
        sums = tally([o for o, _ in pairs], labels, subjects=units)
    else:
        values = [name for _, name in pairs]
        alone = [replace(o, subject_id=str(n)) for n, (o, _) in enumerate(pairs)]
        sums = tally(alone, labels, subjects=[o.subject_id for o in alone])
    member_GU = np.array([[v == name for v in values] for name in sorted(set(values))], np.float64)
    rng = np.random.default_rng(seed)
    gaps: dict[str, list[float]] = defaultdict(list)
    for _ in range(NUM_SHUFFLES):
        drawn = figures(sums.drawn(member_GU[:, rng.permutation(len(values))]))
        for name in FIGURES:
            known = drawn[name][~np.isnan(drawn[name])]
            if len(known) > 1:
                gaps[name].append(float(known.max() - known.min()))
    return {name: float(np.quantile(found, CONFIDENCE)) for name, found in gaps.items()}


def _gaps(
    groups: Sequence[Group], resampled: Sequence[Mapping[str, Any]], *, sure: bool
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    gap: dict[str, float] = {}
    drawn: dict[str, Any] = {}
    for name in FIGURES:
        own = [g.figures[name] for g in groups if g.in_gap]
        values = [value for value in own if value is not None]
        if len(values) < 2:
            continue
        gap[name] = max(values) - min(values)
        every_GR = np.stack([part[name] for part in resampled])
        enough = (~np.isnan(every_GR)).sum(axis=0) > 1
        some_GR = every_GR[:, enough]
        drawn[name] = np.nanmax(some_GR, axis=0) - np.nanmin(some_GR, axis=0)
    filled = {name: values for name, values in drawn.items() if len(values)}
    return gap, intervals(filled) if sure else {}


def group_names(outcomes: Sequence[Outcome], column: str) -> list[tuple[float, str]]:
    """Each outcome's part: its place in the order, and its name.

    Raises:
        InputError: if no video has the column.
    """
    if not any(column in o.facts for o in outcomes):
        known = ", ".join(sorted({name for o in outcomes for name in o.facts})) or "none"
        raise InputError(f"--slice-by {column}: there is no such column; there are: {known}")
    texts = [o.facts.get(column, "") for o in outcomes]
    values = {text: _number(text) for text in set(texts) if text}
    numbers = sorted({v for v in values.values() if v is not None})
    if values and len(numbers) > NUM_BINS and None not in values.values():
        return _binned([values.get(text) for text in texts])
    times = Counter(text for text in texts if text)
    largest = sorted(times, key=lambda text: (-times[text], text))
    kept = largest if len(largest) <= MAX_GROUPS else largest[: MAX_GROUPS - 1]
    in_order = sorted(kept, key=lambda text: (values[text] is None, values[text] or 0.0, text))
    place = {text: float(n) for n, text in enumerate(in_order)}
    last = {False: (math.inf, NOT_GIVEN), True: (float(len(kept)), OTHERS)}
    return [(place[t], t) if t in place else last[bool(t)] for t in texts]


def _binned(values: Sequence[float | None]) -> list[tuple[float, str]]:
    """Quarters of the values; equal values lie in one bin, so bins may be fewer and uneven."""
    known = np.array([v for v in values if v is not None])
    edges = np.unique(np.quantile(known, np.linspace(0, 1, NUM_BINS + 1)))
    inner = edges[1:-1]
    places = [None if v is None else int(np.searchsorted(inner, v)) for v in values]
    own: dict[int, list[float]] = defaultdict(list)
    for value, place in zip(values, places, strict=True):
        if value is not None and place is not None:
            own[place].append(value)
    names = {at: _range(min(its), max(its)) for at, its in own.items()}
    return [(math.inf, NOT_GIVEN) if at is None else (float(at), names[at]) for at in places]


def _range(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _number(text: str) -> float | None:
    """A number as tables write it, 30000/1001 too; None for other text.

    >>> _number("30000/1001"), _number("12"), _number("I")
    (29.97002997002997, 12.0, None)
    """
    try:
        value = float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) else None
