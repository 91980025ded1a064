"""Ray Data ingest of training: stored clips as decoded batches, split over the ranks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray.data
import torch
from numpy.typing import NDArray
from ray.data import TaskPoolStrategy

from emotion import storage
from emotion.errors import InputError
from emotion.labels import class_index
from emotion.learn.loop import Batch
from emotion.learn.transforms import decode_crops
from jobs._ray import cluster_cpus

INGEST_CPUS = 0.25
"""Reserved per decoding task: the training workers leave that much free even on one core."""

READ_ROWS = 32
PAD = "pad"
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ReadClips:
    """A part file's clips of one split, decoded; runs as Ray Data tasks."""

    split: str
    labels: tuple[str, ...]
    clip_shape: tuple[int, int, int, int]

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Rows of clip_id, clip (T, H, W, 3) uint8 and target, in the order of the file.

        Raises:
            InputError: if a clip is not of the declared shape, or its label is not in the set.
        """
        if row["uri"] == PAD:
            blank = np.zeros(self.clip_shape, np.uint8)
            yield from ({"clip_id": "", "clip": blank, "target": -1} for _ in range(row["rows"]))
            return
        columns = ["clip_id", "label", "split", "crops"]
        with storage.open_input(row["uri"]) as file:
            parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"))
            for part in parquet.iter_batches(READ_ROWS, columns=columns):
                for clip in part.to_pylist():
                    if clip["split"] == self.split:
                        yield self._decode(clip)

    def _decode(self, row: dict[str, Any]) -> dict[str, Any]:
        clip = decode_crops(row["crops"])
        if clip.shape != self.clip_shape:
            raise InputError(
                f"clip {row['clip_id']} has shape {clip.shape}, the dataset's spec.json says "
                f"{self.clip_shape}; build the dataset again"
            )
        target = class_index(row["label"], self.labels)
        return {"clip_id": row["clip_id"], "clip": clip, "target": target}


def clips_of(dataset_uri: str, read: ReadClips, *, num_pads: int = 0) -> ray.data.Dataset:
    """A split as a lazy Ray dataset.

    Args:
        dataset_uri: the dataset folder.
        read: which split, and what its clips must be.
        num_pads: rows of padding, so that the ranks' shares can be equal without losing a clip.
    """
    parts = storage.list_files(storage.join(dataset_uri, "clips"), suffixes=(".parquet",))
    rows: list[dict[str, Any]] = [{"uri": part.uri, "rows": 0} for part in parts]
    if num_pads:
        rows.append({"uri": PAD, "rows": num_pads})
    source = ray.data.from_items(rows, override_num_blocks=len(rows))
    tasks = TaskPoolStrategy(size=max(1, min(len(parts), cluster_cpus())))
    return source.flat_map(read, num_cpus=INGEST_CPUS, compute=tasks)


class Share:
    """One rank's share of a split: kept in memory when it fits, else streamed for every epoch."""

    def __init__(self, source: ray.data.DataIterator, *, keep: bool, batch_size: int) -> None:
        self._source, self._batch_size = source, batch_size
        self._kept: Batch | None = self._load() if keep else None

    def _load(self) -> Batch:
        """All clips in order of clip_id, so that it does not matter who read what first."""
        ids: list[str] = []
        clips, targets = [], []
        for columns in self._stream(READ_ROWS):
            ids += columns["clip_id"].tolist()
            clips.append(_clips(columns))
            targets.append(columns["target"])
        order = np.argsort(np.array(ids), kind="stable")
        return (
            torch.from_numpy(np.concatenate(clips)[order]),
            torch.from_numpy(np.concatenate(targets)[order].astype(np.int64)),
        )

    def batches(self) -> Iterator[Batch]:
        """Every clip once, in order; the last batch may be short."""
        if self._kept is not None:
            clips, targets = self._kept
            for first in range(0, len(targets), self._batch_size):
                chosen = slice(first, first + self._batch_size)
                yield clips[chosen], targets[chosen]
            return
        for columns in self._stream(self._batch_size):
            yield _batch(columns)

    def shuffled(self, *, num_batches: int, seed: int) -> Iterator[Batch]:
        """Exactly ``num_batches`` batches in a new order, so that no rank waits for another."""
        if self._kept is not None:
            clips, targets = self._kept
            order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))
            for first in range(0, num_batches * self._batch_size, self._batch_size):
                chosen = order[first : first + self._batch_size]
                yield clips[chosen], targets[chosen]
            return
        stream = self._stream(self._batch_size, seed=seed)
        for _, columns in zip(range(num_batches), stream, strict=False):
            yield _batch(columns)

    def _stream(self, batch_size: int, *, seed: int | None = None) -> Iterator[Columns]:
        """Numpy batches; shuffled inside a buffer of 16 batches when there is a seed."""
        buffer = None if seed is None else 16 * batch_size
        batches: Iterable[Any] = self._source.iter_batches(
            batch_size=batch_size,
            batch_format="numpy",
            local_shuffle_buffer_size=buffer,
            local_shuffle_seed=seed,
        )
        yield from batches


def _clips(columns: Columns) -> NDArray[np.uint8]:
    return np.ascontiguousarray(columns["clip"], dtype=np.uint8)


def _batch(columns: Columns) -> Batch:
    clips = torch.from_numpy(_clips(columns).copy())
    return clips, torch.from_numpy(columns["target"].astype(np.int64))
