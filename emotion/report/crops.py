"""Faces for a page: they are chosen in one pass over the clips, and then read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from emotion.storage import Group, read_group

CLIP_COLUMNS = ("clip_id", "video_id", "subject_id", "label", "quality")
"""Columns from which the clips to show are chosen."""

_SPARE_SUBJECTS = 4  # candidate subjects kept per label, for each crop to show


@dataclass(frozen=True)
class Place:
    """Position of a clip in the stored table, with the values by which clips are chosen.

    ``part`` is the address of a Parquet part, ``group`` the number of a row group in it, ``row``
    the number of a row in the group.
    """

    part: str
    group: int
    row: int
    clip_id: str
    video_id: str
    subject_id: str
    label: str
    quality: float


@dataclass(frozen=True)
class Crop:
    """One face to show: facts of its clip, and the JPEG of the clip's middle crop."""

    label: str
    clip_id: str
    subject_id: str
    quality: float
    jpeg: bytes


def choose(places: Sequence[Place], *, per_label: int) -> list[Place]:
    """Return at most ``per_label`` clips of each label, the best first.

    A second clip of a subject is taken only after every subject of the label has one.

    >>> a1, a2, b1 = (Place("p", 0, 0, c, c, c[0], "sad", 1.0) for c in ("a1", "a2", "b1"))
    >>> [place.clip_id for place in choose([a1, a2, b1], per_label=2)]
    ['a1', 'b1']
    """
    turn: dict[tuple[str, str], int] = defaultdict(int)
    ranked: dict[str, list[tuple[int, int, Place]]] = defaultdict(list)
    for order, place in enumerate(sorted(places, key=_best_first)):
        key = place.label, place.subject_id
        ranked[place.label].append((turn[key], order, place))
        turn[key] += 1
    return [place for group in ranked.values() for _, _, place in sorted(group)[:per_label]]


@dataclass
class Candidates:
    """Clips that may be shown, chosen from a stream of clips of any length.

    For each label a few subjects are kept, chosen by a hash of their names, which spreads them over
    the dataset. For each of these subjects the best clips are kept. In addition, the worst clip of
    each of the worst videos is kept. The kept clips do not depend on the division of the table into
    parts, and their number does not grow with the table.

    Attributes:
        per_label: number of crops to show of each label.
        num_worst: number of worst crops to show.
    """

    per_label: int
    num_worst: int
    _by_subject: dict[str, dict[tuple[str, str], list[Place]]] = field(default_factory=dict)
    _worst: dict[str, Place] = field(default_factory=dict)
    _limit: tuple[float, str] = (float("inf"), "")

    def add(self, group: Group) -> None:
        """Add the clips of one row group, which has the columns ``CLIP_COLUMNS``."""
        for number, row in enumerate(group.rows.select(CLIP_COLUMNS).to_pylist()):
            place = Place(group.part, group.number, number, **row)
            self._add_subject(place)
            if self.num_worst and _worst_first(place) < self._limit:
                self._add_worst(place)

    def _add_subject(self, place: Place) -> None:
        subjects = self._by_subject.setdefault(place.label, {})
        key = _scattered(place.subject_id), place.subject_id
        kept = subjects.get(key)
        if kept is None:
            kept = subjects[key] = []
            if len(subjects) > _SPARE_SUBJECTS * self.per_label:
                del subjects[max(subjects)]
        kept.append(place)
        if len(kept) > self.per_label:
            kept.remove(max(kept, key=_best_first))

    def _add_worst(self, place: Place) -> None:
        before = self._worst.get(place.video_id)
        if before is None or _worst_first(place) < _worst_first(before):
            self._worst[place.video_id] = place
        if len(self._worst) > self.num_worst:
            del self._worst[max(self._worst.values(), key=_worst_first).video_id]
        if len(self._worst) == self.num_worst:
            self._limit = max(map(_worst_first, self._worst.values()))

    def shown(self) -> list[Place]:
        """Return at most ``per_label`` clips of each label, from as many subjects as possible."""
        kept = [p for subjects in self._by_subject.values() for ps in subjects.values() for p in ps]
        return choose(kept, per_label=self.per_label)

    def worst(self) -> list[Place]:
        """Return the worst clip of each of the ``num_worst`` worst videos, the worst first."""
        return sorted(self._worst.values(), key=_worst_first)


def _best_first(place: Place) -> tuple[float, str]:
    return -place.quality, place.clip_id


def _worst_first(place: Place) -> tuple[float, str]:
    return place.quality, place.clip_id


def _scattered(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def load_crops(places: Sequence[Place]) -> list[Crop]:
    """Read the middle crop of each clip, in the order of ``places``.

    Each row group is read once.
    """
    wanted: dict[tuple[str, int], dict[int, bytes]] = defaultdict(dict)
    for place in places:
        wanted[place.part, place.group][place.row] = b""
    for (part, number), rows in wanted.items():
        column = read_group(part, number, columns=["crops"])["crops"]
        for row in rows:
            crops = column[row]
            rows[row] = crops[len(crops) // 2].as_py()
    return [
        Crop(p.label, p.clip_id, p.subject_id, p.quality, wanted[p.part, p.group][p.row])
        for p in places
    ]
