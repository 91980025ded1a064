"""Face embeddings of the subjects of a dataset, and of other people in their videos.

The person with the most faces in a video is its subject. A subject has one row, with the sum over
its videos. Other people of its videos have rows of their own, one for each person: embeddings that
are nearer than a limit are added. The rows are in a memory-mapped file, so memory grows only by
some hundred bytes per row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from emotion.nouns import counted
from emotion.validate.notes import lists
from schemas.tables import EMBEDDING_LENGTH

SUBJECT = np.dtype(
    [
        ("sum", np.float32, (EMBEDDING_LENGTH,)),
        ("subject", np.uint64),  # hash of the subject's name
        ("split", np.uint64),
        ("is_main", np.bool_),  # False: another person in the subject's videos
        ("name", "S96"),  # text for messages, cut to 96 bytes
        ("num_videos", np.int64),
    ]
)
"""Row type of the store: a person of a subject's videos, with the sum of its embeddings."""

BLOCK = 2048
"""Number of rows that are compared at a time."""
_MIN_ROWS = 1024


class SubjectStore:
    """Sums of the subjects' embeddings, in the file ``subjects`` in a folder."""

    def __init__(self, folder: Path, *, same_distance: float) -> None:
        """Make an empty store; below ``same_distance`` two embeddings are of one person."""
        self._same_distance = same_distance
        self._path = folder / "subjects"
        self._rows = np.memmap(self._path, SUBJECT, mode="w+", shape=(_MIN_ROWS,))
        self._count = 0
        self._mains: dict[tuple[int, int], int] = {}
        self._others: dict[tuple[int, int], list[int]] = {}

    def row(self, number: int) -> np.void:
        """Return one row."""
        row: np.void = self._rows[number]
        return row

    def main_of(self, number: int) -> int:
        """Return the number of the row of the subject in whose videos a person is.

        It is ``number`` for the subject itself.
        """
        row = self._rows[number]
        return self._mains[int(row["subject"]), int(row["split"])]

    def distance(self, one: int, other: int) -> float:
        """Return the distance of the embeddings of two rows, 0 to 2."""
        first, second = unit_vectors(self._rows["sum"][[one, other]])
        return float(np.linalg.norm(first - second))

    def __len__(self) -> int:
        """Return the number of subjects in splits."""
        return len(self._mains)

    def add(self, tracks: pa.Table) -> None:
        """Add the tracks of some whole videos.

        Args:
            tracks: rows with video_id, identity_id, subject_id, split, num_faces and embedding. A
                track with a null in one of them, or with no embedding of 128 finite numbers, is
                left out.
        """
        people, vectors = identities(tracks)
        for row, vector in zip(people.itertuples(), vectors, strict=True):
            key = hash_of(str(row.subject_id)), hash_of(str(row.split))
            name = f"{row.subject_id} in {row.split}".encode()[:96]
            place = self._place(key, vector, is_main=bool(row.is_main))
            kept = self._rows[place]
            kept["sum"] += vector
            kept["num_videos"] += 1
            kept["subject"], kept["split"] = key
            kept["is_main"], kept["name"] = row.is_main, name

    def _place(self, key: tuple[int, int], vector: NDArray[np.float64], *, is_main: bool) -> int:
        """Return the number of the row of a person, which is new if it was not seen before."""
        if is_main:
            place = self._mains.setdefault(key, self._count)
        else:
            others = self._others.setdefault(key, [])
            apart = np.linalg.norm(unit_vectors(self._rows["sum"][others]) - vector, axis=1)
            if len(others) and apart.min() < self._same_distance:
                return others[int(apart.argmin())]
            place = self._count
            others.append(place)
        if place == self._count:
            self._count += 1
            if place == len(self._rows):
                self._grow()
        return place

    def blocks(self, start: int) -> Iterator[tuple[int, NDArray[np.void]]]:
        """Yield the rows from row ``start`` on in blocks, each with the number of its first row."""
        for first in range(start, self._count, BLOCK):
            yield first, np.array(self._rows[first : min(first + BLOCK, self._count)])

    def _grow(self) -> None:
        self._rows.flush()
        shape = (2 * len(self._rows),)
        self._rows = np.memmap(self._path, SUBJECT, mode="r+", shape=shape)


def identities(tracks: pa.Table) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return the people of each video with their mean embeddings.

    The mean is over the tracks of the identity, weighted by their number of faces.

    Returns:
        A frame of N rows with video_id, identity_id, subject_id, split, num_faces and is_main, and
        (N, 128) float64 embeddings of unit length. ``is_main`` is True for the identity with the
        most faces in its video.
    """
    values = lists(tracks["embedding"], EMBEDDING_LENGTH)
    frame: pd.DataFrame = tracks.drop_columns(["embedding"]).to_pandas()
    good = np.isfinite(values).all(axis=1) & frame.notna().all(axis=1).to_numpy()
    frame, values = frame[good].reset_index(drop=True), values[good]
    keys = ["video_id", "identity_id", "subject_id", "split"]
    place = frame.groupby(keys, sort=False).ngroup().to_numpy()
    people = frame.groupby(keys, sort=False)["num_faces"].sum().reset_index()
    sums = np.zeros((len(people), EMBEDDING_LENGTH))
    np.add.at(sums, place, values * frame["num_faces"].to_numpy(float)[:, None])
    norms = np.linalg.norm(sums, axis=1)
    people, sums, norms = people[norms > 0], sums[norms > 0], norms[norms > 0]
    order = people.sort_values("num_faces", ascending=False, kind="stable")
    mains = order.drop_duplicates(["video_id", "subject_id", "split"]).index
    return people.assign(is_main=people.index.isin(mains)), sums / norms[:, None]


def unit_vectors(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, 128) sums scaled to unit length; a sum of 0 stays 0."""
    norms: NDArray[np.float32] = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, np.maximum(norms, 1e-12), dtype=np.float32)


def hash_of(text: str) -> int:
    """Return a hash of the text, 64 bits, equal on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def describe(subject: np.void) -> str:
    """Return the name of a row for messages, with the number of its videos."""
    number = int(subject["num_videos"])
    name = subject["name"].decode(errors="replace")
    videos = counted(number, "video")
    return f"{name} ({videos})" if subject["is_main"] else f"a person beside {name} ({videos})"
