"""Search for people who are in videos of subjects of different splits, by their face embeddings.

All pairs of rows of a ``SubjectStore`` are compared, block by block, as products of matrices. Only
pairs nearer than the largest limit are looked at one by one. The time grows with the square of the
number of rows, the memory does not.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion.validate.subjects import SubjectStore, describe, unit_vectors

LEAK_DISTANCE = 0.1
"""Distance of face embeddings below which two subjects of different splits count as one person.

This is a leak between splits, an error. Measured with 42 rendered people and seven clips each: the
means of two halves of one person's clips are 0.09 to 0.16 apart, the means of two people 0.20 or
more. For 16 drawn people the means of two people are 0.147 or more apart. A distance above this
limit gives at most a warning, because no limit separates one drawn or rendered person from
lookalikes.
"""
PAIR_DISTANCE = 0.2
"""Distance below which two people of one video count as two people of another, if both are.

Halves of one recording of two people: 0.12 and 0.14; two people of one recording 0.43 or more.
"""
MAX_PAIRS = 20
"""Largest number of nearest pairs that a result names."""
MAX_CANDIDATES = 200_000
"""Largest number of pairs that are kept for the search for two people in two videos."""

Rows = NDArray[np.void]


@dataclass
class Near:
    """People that are nearer than a distance to a person of another subject and split.

    Attributes:
        distance: the limit, Euclidean between unit vectors, 0 to 2.
        pairs: the nearest pairs, as distance and text, nearest first; at most ``MAX_PAIRS``.
    """

    distance: float
    pairs: list[tuple[float, str]] = field(default_factory=list)
    _rows: set[int] = field(default_factory=set)

    @property
    def num_people(self) -> int:
        """Number of these people."""
        return len(self._rows)

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts of the nearest pairs."""
        return tuple(text for _, text in self.pairs)

    def add(self, block: Block, wanted: NDArray[np.bool_]) -> None:
        """Add the pairs of a block that are ``wanted`` and near enough."""
        chosen = np.flatnonzero(wanted & (block.apart < self.distance))
        if not len(chosen):
            return
        self._rows.update((block.first + block.i[chosen]).tolist())
        self._rows.update((block.other + block.j[chosen]).tolist())
        nearest = chosen[np.argsort(block.apart[chosen], kind="stable")[:MAX_PAIRS]]
        self.pairs = heapq.nsmallest(MAX_PAIRS, [*self.pairs, *block.named(nearest)])


@dataclass(frozen=True)
class Block:
    """Near pairs of two blocks of rows.

    Attributes:
        first: number of the first row of ``a`` in the store; ``other`` is that of ``b``.
        a: rows; the pair k is ``a[i[k]]`` and ``b[j[k]]``.
        apart: their distance.
    """

    first: int
    other: int
    a: Rows
    b: Rows
    i: NDArray[np.int64]
    j: NDArray[np.int64]
    apart: NDArray[np.float32]

    def named(self, chosen: NDArray[np.int64]) -> Iterator[tuple[float, str]]:
        """Yield distance and text of pairs."""
        for k in chosen.tolist():
            one, other = sorted((describe(self.a[self.i[k]]), describe(self.b[self.j[k]])))
            yield float(self.apart[k]), f"{one} and {other}: {self.apart[k]:.2f} apart"


@dataclass(frozen=True)
class Lookalikes:
    """Result of a search.

    Attributes:
        same: subjects that count as one person.
        alike: subjects that may be one person.
        beside: people of whom one is not the subject of its video, as near as in ``same``.
        recordings: pairs of subjects whose videos show the same two people, as text.
    """

    same: Near
    alike: Near
    beside: Near
    recordings: tuple[str, ...]


def find_lookalikes(
    store: SubjectStore,
    *,
    same_distance: float,
    leak_distance: float = LEAK_DISTANCE,
    pair_distance: float = PAIR_DISTANCE,
) -> Lookalikes:
    """Compare all people of a store with those of other subjects and splits.

    Args:
        store: the people.
        same_distance: limit of ``alike``.
        leak_distance: limit of ``same`` and ``beside``.
        pair_distance: limit for each of two people who are in videos of two subjects.
    """
    same, alike, beside = Near(leak_distance), Near(same_distance), Near(leak_distance)
    meetings: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for block in near_blocks(store, max(leak_distance, same_distance, pair_distance)):
        mains = block.a["is_main"][block.i] & block.b["is_main"][block.j]
        same.add(block, mains)
        alike.add(block, mains)
        beside.add(block, ~mains)
        for k in np.flatnonzero(~mains & (block.apart < pair_distance)).tolist():
            if len(meetings) < MAX_CANDIDATES:
                one, other = block.first + int(block.i[k]), block.other + int(block.j[k])
                ends = sorted((store.main_of(row), row) for row in (one, other))
                (main, row), (other_main, other_row) = ends
                meetings.setdefault((main, other_main), []).append((row, other_row))
    for mains_of_both, pairs in meetings.items():
        if store.distance(*mains_of_both) < pair_distance:
            pairs.append(mains_of_both)
    recordings = tuple(
        f"{describe(store.row(one))} and {describe(store.row(other))} show the same two people"
        for (one, other), pairs in sorted(meetings.items())
        if _holds_two_people(pairs)
    )
    return Lookalikes(same, alike, beside, recordings)


def _holds_two_people(pairs: Sequence[tuple[int, int]]) -> bool:
    """Return True if two of the pairs of people have no person in common."""
    return any(
        one[0] != two[0] and one[1] != two[1] for k, one in enumerate(pairs) for two in pairs[:k]
    )


def near_blocks(store: SubjectStore, distance: float) -> Iterator[Block]:
    """Yield the pairs of rows of different subjects and splits that are nearer than ``distance``.

    Each pair is there once.
    """
    least = np.float32(1 - distance**2 / 2)  # cosine of two unit vectors at this distance
    for first, a in store.blocks(0):
        for other, b in store.blocks(first):
            cosine = unit_vectors(a["sum"]) @ unit_vectors(b["sum"]).T
            i, j = np.nonzero(cosine > least)
            differ = (a["subject"][i] != b["subject"][j]) & (a["split"][i] != b["split"][j])
            if first == other:
                differ &= i < j
            i, j = i[differ], j[differ]
            if len(i):
                apart = np.sqrt(np.maximum(2 - 2 * cosine[i, j], 0))
                yield Block(first, other, a, b, i, j, apart)
