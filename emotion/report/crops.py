"""A few faces of each label, read without reading the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage


@dataclass(frozen=True)
class Place:
    """Where a clip lies, and what decides whether to show it."""

    part: str
    row: int
    clip_id: str
    subject_id: str
    label: str
    quality: float


@dataclass(frozen=True)
class Crop:
    """One face to show: its label, the clip that it is from, and its JPEG."""

    label: str
    clip_id: str
    jpeg: bytes


def read_crops(clips_uri: str, *, per_label: int) -> list[Crop]:
    """The middle crops of a few clips of each label; only their row groups are read.

    Args:
        clips_uri: folder of the parts.
        per_label: at most this many of each label.
    """
    chosen = choose(list(_places(clips_uri)), per_label=per_label)
    return [Crop(place.label, place.clip_id, _middle_crop(place)) for place in chosen]


def choose(places: Sequence[Place], *, per_label: int) -> list[Place]:
    """At most ``per_label`` of each label: one per subject before a second, the best first.

    >>> a1, a2, b1 = (Place("p", 0, c, c[0], "sad", 1.0) for c in ("a1", "a2", "b1"))
    >>> [place.clip_id for place in choose([a1, a2, b1], per_label=2)]
    ['a1', 'b1']
    """
    best = sorted(places, key=lambda place: (-place.quality, place.clip_id))
    turn: dict[tuple[str, str], int] = defaultdict(int)
    ranked: dict[str, list[tuple[int, int, Place]]] = defaultdict(list)
    for order, place in enumerate(best):
        key = place.label, place.subject_id
        ranked[place.label].append((turn[key], order, place))
        turn[key] += 1
    return [place for group in ranked.values() for _, _, place in sorted(group)[:per_label]]


def _places(clips_uri: str) -> Iterator[Place]:
    columns = ["clip_id", "subject_id", "label", "quality"]
    for part in storage.list_files(clips_uri, suffixes=(".parquet",)):
        with storage.open_input(part.uri) as file:
            table = pq.read_table(pa.PythonFile(file, mode="r"), columns=columns)
        for number, row in enumerate(table.to_pylist()):
            yield Place(part.uri, number, **row)


def _middle_crop(place: Place) -> bytes:
    with storage.open_input(place.part) as file:
        parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"))
        row, group = place.row, 0
        while row >= parquet.metadata.row_group(group).num_rows:
            row -= parquet.metadata.row_group(group).num_rows
            group += 1
        crops = parquet.read_row_group(group, columns=["crops"])["crops"][row].as_py()
    return bytes(crops[len(crops) // 2])
