"""Stored clips of a split: where each one lies, and reading of their JPEGs in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from emotion import storage
from emotion.labels import class_index

WINDOW_CLIPS = 1024
"""Number of clips that are shuffled together, at least; about 60 MB of JPEGs."""


@dataclass(frozen=True)
class SplitIndex:
    """The N clips of one split, in the order of the files.

    Attributes:
        parts: addresses of the parts of the table clips.
        part: (N,) int64, number of the clip's part in ``parts``.
        group: (N,) int64, number of its row group in the part.
        row: (N,) int64, number of its row in the row group.
        targets: (N,) int64, its class_index.
        clip_ids: (N,) of str, its clip_id.
    """

    parts: tuple[str, ...]
    part: NDArray[np.int64]
    group: NDArray[np.int64]
    row: NDArray[np.int64]
    targets: NDArray[np.int64]
    clip_ids: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.targets)

    def groups(self) -> list[NDArray[np.int64]]:
        """Return the indices of the clips of each row group, in the order of the files."""
        if not len(self):
            return []
        changes = np.flatnonzero((np.diff(self.part) != 0) | (np.diff(self.group) != 0)) + 1
        return np.split(np.arange(len(self)), changes)


def index_clips(dataset_uri: str, split: str, labels: tuple[str, ...]) -> SplitIndex:
    """Find the clips of a split; crops are not read.

    Args:
        dataset_uri: the dataset folder.
        split: name of the split; a split without clips has an empty index.
        labels: labels in class_index order.

    Raises:
        InputError: if the dataset has no clips, or a clip's label is not one of ``labels``.
    """
    parts: dict[str, int] = {}
    places: list[tuple[int, int, int, int]] = []
    names: list[str] = []
    columns = ["clip_id", "label", "split"]
    for found in storage.read_groups(storage.join(dataset_uri, "clips"), columns):
        number = parts.setdefault(found.part, len(parts))
        for row, clip in enumerate(found.rows.to_pylist()):
            if clip["split"] == split:
                target = class_index(clip["label"], labels)
                places.append((number, found.number, row, target))
                names.append(clip["clip_id"])
    part, group, row_numbers, targets = np.array(places, np.int64).reshape(-1, 4).T
    return SplitIndex(tuple(parts), part, group, row_numbers, targets, np.array(names, np.str_))


def read_crops(
    index: SplitIndex, clips: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], pa.Array]]:
    """Read the JPEGs of some clips of one or several row groups, one row group at a time.

    Args:
        index: the clips of the split.
        clips: (M,) indices into ``index``; those of one row group are next to each other.

    Yields:
        (m,) indices, and an array of m lists of T JPEGs.
    """
    keys = np.stack([index.part[clips], index.group[clips]], axis=1)
    changes = np.flatnonzero((np.diff(keys, axis=0) != 0).any(axis=1)) + 1
    for chosen in np.split(clips, changes) if len(clips) else ():
        first = chosen[0]
        part, group = index.parts[index.part[first]], int(index.group[first])
        rows = storage.read_group(part, group, columns=["crops"])
        yield chosen, rows["crops"].take(pa.array(index.row[chosen]))


def shuffled_windows(index: SplitIndex, *, seed: tuple[int, ...]) -> Iterator[NDArray[np.int64]]:
    """Yield the clips of one epoch in windows, each with whole row groups in random order.

    Row groups are in random order, and the clips of a window as well. So the files are read in
    large pieces, and neighbours in the files are far apart in the epoch. The order depends on
    the seed alone.

    Yields:
        (M,) indices into ``index``; M is ``WINDOW_CLIPS`` or a little more, except at the end.
    """
    rng = np.random.default_rng(seed)
    groups = index.groups()
    held: list[NDArray[np.int64]] = []
    for place in rng.permutation(len(groups)).tolist():
        held.append(groups[place])
        if sum(map(len, held)) >= WINDOW_CLIPS:
            yield rng.permutation(np.concatenate(held))
            held = []
    if held:
        yield rng.permutation(np.concatenate(held))
