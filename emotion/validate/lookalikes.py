"""Search for subjects of different splits that may be one person, by their face embeddings.

The embedding of a subject is the mean over its videos. For each video, only the identity with the
most faces is used. The sums are in a memory-mapped file and distances are computed block by block,
so memory grows only by some hundred bytes per subject.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from emotion.validate.notes import lists
from schemas.tables import EMBEDDING_LENGTH

SUBJECT = np.dtype(
    [
        ("sum", np.float32, (EMBEDDING_LENGTH,)),
        ("subject", np.uint64),  # hash of the subject's name
        ("split", np.uint64),
        ("name", "S96"),  # text for messages, cut to 96 bytes
        ("num_videos", np.int64),
    ]
)
"""Row type of the store: a subject in a split, with the sum of its videos' embeddings."""

_BLOCK = 2048
_MIN_ROWS = 1024


@dataclass(frozen=True)
class Near:
    """Subjects that are nearer than a distance to a subject of another split.

    Attributes:
        num_subjects: number of these subjects.
        pairs: the nearest pairs as text, nearest first.
    """

    num_subjects: int
    pairs: tuple[str, ...]


class SubjectStore:
    """Sums of the subjects' embeddings, in the file ``subjects`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "subjects"
        self._rows = np.memmap(self._path, SUBJECT, mode="w+", shape=(_MIN_ROWS,))
        self._places: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, tracks: pa.Table) -> None:
        """Add the tracks of some whole videos.

        Args:
            tracks: rows with video_id, identity_id, subject_id, split, num_faces and embedding. A
                track with a null in one of them, or with no embedding of 128 finite numbers, is
                left out.
        """
        frame, sums = main_identities(tracks)
        for row, values in zip(frame.itertuples(), sums, strict=True):
            key = hash_of(str(row.subject_id)), hash_of(str(row.split))
            place = self._places.setdefault(key, len(self._places))
            if place == len(self._rows):
                self._grow()
            kept = self._rows[place]
            kept["sum"] += values
            kept["num_videos"] += 1
            kept["subject"], kept["split"] = key
            kept["name"] = f"{row.subject_id} in {row.split}".encode()[:96]

    def near(self, *, distance: float, max_pairs: int) -> Near:
        """Return the subjects of different names and splits that are nearer than ``distance``.

        Args:
            distance: Euclidean distance between unit vectors, 0 to 2.
            max_pairs: largest number of pairs in the result.
        """
        nearest = np.full(len(self), np.inf, np.float32)
        pairs: list[tuple[float, str]] = []
        for i, a in self._blocks(0):
            for j, b in self._blocks(i):
                apart = _distances(a, b)
                for first, values in ((i, apart.min(axis=1)), (j, apart.min(axis=0))):
                    kept = nearest[first : first + len(values)]
                    np.minimum(kept, values, out=kept)
                if i == j:  # each pair once
                    apart[np.tril_indices(len(a))] = np.inf
                pairs = heapq.nsmallest(max_pairs, [*pairs, *_named(apart, a, b, distance)])
        return Near(int((nearest < distance).sum()), tuple(text for _, text in pairs))

    def _blocks(self, start: int) -> Iterator[tuple[int, NDArray[np.void]]]:
        for first in range(start, len(self), _BLOCK):
            yield first, np.array(self._rows[first : min(first + _BLOCK, len(self))])

    def _grow(self) -> None:
        self._rows.flush()
        shape = (2 * len(self._rows),)
        self._rows = np.memmap(self._path, SUBJECT, mode="r+", shape=shape)


def main_identities(tracks: pa.Table) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return, for each video, the identity with the most faces and its mean embedding.

    The mean is over the tracks of the identity, weighted by their number of faces.

    Returns:
        A frame of N rows with video_id, identity_id, subject_id, split and num_faces, and (N, 128)
        float64 embeddings of unit length.
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
    people = people[norms > 0].sort_values("num_faces", ascending=False, kind="stable")
    people = people.drop_duplicates(["video_id", "subject_id", "split"]).sort_index()
    kept = people.index.to_numpy()
    return people, sums[kept] / norms[kept, None]


def hash_of(text: str) -> int:
    """Return a hash of the text, 64 bits, equal on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _distances(a: NDArray[np.void], b: NDArray[np.void]) -> NDArray[np.float32]:
    """Return (N, M) distances between the embeddings of two lists of subjects.

    A distance is infinite between rows of the same subject or of the same split.
    """
    cosine = _units(a) @ _units(b).T
    apart: NDArray[np.float32] = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    for column in ("subject", "split"):
        apart[a[column][:, None] == b[column][None, :]] = np.inf
    return apart


def _units(subjects: NDArray[np.void]) -> NDArray[np.float32]:
    sums: NDArray[np.float32] = np.ascontiguousarray(subjects["sum"])
    norms: NDArray[np.float32] = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, np.maximum(norms, 1e-12), dtype=np.float32)


def _named(
    apart: NDArray[np.float32], a: NDArray[np.void], b: NDArray[np.void], distance: float
) -> Sequence[tuple[float, str]]:
    """Return distance and text of the pairs below ``distance``, among the 64 nearest of a block."""
    flat = apart.ravel()
    order = np.argpartition(flat, min(64, flat.size - 1))[:64]
    pairs = []
    for place in order[flat[order] < distance]:
        i, j = divmod(int(place), apart.shape[1])
        one, other = sorted((_text(a[i]), _text(b[j])))
        pairs.append((float(flat[place]), f"{one} and {other}: {flat[place]:.2f} apart"))
    return pairs


def _text(subject: np.void) -> str:
    number = int(subject["num_videos"])
    name = subject["name"].decode(errors="replace")
    return f"{name} ({number} video{'s' if number > 1 else ''})"
