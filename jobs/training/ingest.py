"""Input of training: batches of a rank's share of the stored clips, in memory or streamed.

Each rank reads Parquet files itself and decodes the clips in threads shortly before use. The order
of an epoch depends on its seed alone: batch k of all ranks together holds the same clips for
any number of ranks that divides ``--batch-size``.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from emotion.errors import InputError
from emotion.models.transforms import decode_crops
from emotion.train.batches import Batch, num_decoders
from emotion.train.recipe import Balance
from emotion.train.sampling import epoch_order, epoch_seed
from jobs.training.stored_clips import SplitIndex, read_crops, shuffled_windows

DECODE_AHEAD = 2
"""Number of batches that threads decode in advance."""
Crops = list[bytes]


class Share:
    """One rank's share of a split.

    With ``keep`` the decoded clips of the share stay in memory. Otherwise each epoch reads and
    decodes the clips again.
    """

    def __init__(
        self,
        index: SplitIndex,
        clip_shape: tuple[int, int, int, int],
        *,
        keep: bool,
        batch_size: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Prepare a share.

        Args:
            index: all clips of the split.
            clip_shape: shape (T, H, W, 3) of every clip.
            keep: True keeps the decoded clips of the share in memory.
            batch_size: clips per batch of this rank, at least 1.
            rank: number of this rank, from 0.
            ranks: number of ranks.

        Raises:
            InputError: with ``keep``, if a clip has another shape, or a crop is not a JPEG.
        """
        self._index, self._shape, self._batch_size = index, clip_shape, batch_size
        self._rank, self._ranks = rank, ranks
        self._pool = ThreadPoolExecutor(num_decoders())
        self._kept = self._load() if keep else None

    def _load(self) -> Batch:
        """Return the decoded clips of this rank, sorted by clip_id.

        The clips are dealt in order of clip_id, so each rank gets clips of many subjects.
        """
        order = np.argsort(self._index.clip_ids, kind="stable")
        own = np.sort(order[self._rank :: self._ranks])
        clips = np.empty((len(own), *self._shape), np.uint8)
        start = 0
        for batch in self._decoded(self._in_file_order(own)):
            clips[start : start + len(batch.targets)] = batch.clips.numpy()
            start += len(batch.targets)
        by_name = np.argsort(self._index.clip_ids[own], kind="stable")
        return self._batch(own[by_name], torch.from_numpy(clips)[by_name])

    def batches(self) -> Iterator[Batch]:
        """Yield every clip of the share once; the last batch may be smaller."""
        if self._kept is not None:
            yield from _cut(self._kept, self._batch_size)
            return
        bounds = [len(self._index) * rank // self._ranks for rank in (self._rank, self._rank + 1)]
        yield from self._decoded(self._in_file_order(np.arange(*bounds)))

    def shuffled(
        self, *, num_batches: int, seed: int, epoch: int, balance: Balance
    ) -> Iterator[Batch]:
        """Yield exactly ``num_batches`` full batches in random order.

        A share in memory is drawn with ``balance``; a streamed share ignores it. If the split has
        too few clips, clips repeat.

        Args:
            num_batches: number of batches, the same on every rank.
            seed: seed of the run.
            epoch: number of the epoch, from 1.
            balance: treatment of rare labels.
        """
        if self._kept is not None:
            num = num_batches * self._batch_size
            order = epoch_order(
                self._kept.targets.numpy(),
                num=num,
                balance=balance,
                seed=epoch_seed(seed, epoch=epoch, rank=self._rank),
            )
            for first in range(0, num, self._batch_size):
                yield _take(self._kept, order[first : first + self._batch_size])
            return
        yield from itertools.islice(self._decoded(self._own_part(seed, epoch)), num_batches)

    def _in_file_order(self, clips: NDArray[np.int64]) -> Iterator[tuple[int, Crops]]:
        """Yield index and JPEGs of some clips, which are in the order of the files."""
        for chosen, crops in read_crops(self._index, clips):
            yield from zip(chosen.tolist(), crops.to_pylist(), strict=True)

    def _own_part(self, seed: int, epoch: int) -> Iterator[tuple[int, Crops]]:
        """Yield index and JPEGs of this rank's clips of an endless shuffled epoch.

        The batches of all ranks follow each other in one order, of which each rank takes its own. A
        thread reads the next window while this one is used.
        """
        windows = (
            window
            for lap in itertools.count()
            for window in shuffled_windows(self._index, seed=(seed, epoch, lap))
        )
        begin = 0
        with ThreadPoolExecutor(1) as reader:
            waiting: deque[Future[list[tuple[int, Crops]]]] = deque()
            for window in windows:
                waiting.append(reader.submit(partial(self._read_window, window, begin)))
                begin += len(window)
                if len(waiting) > 1:
                    yield from waiting.popleft().result()

    def _read_window(self, window: NDArray[np.int64], begin: int) -> list[tuple[int, Crops]]:
        """Return index and JPEGs of this rank's clips of a window, in the order of the window."""
        places = begin + np.arange(len(window))
        own = window[places // self._batch_size % self._ranks == self._rank]
        crops = dict(self._in_file_order(np.sort(own)))
        return [(number, crops[number]) for number in own.tolist()]

    def _decoded(self, clips: Iterable[tuple[int, Crops]]) -> Iterator[Batch]:
        """Yield decoded batches; the last one may be smaller."""
        source = iter(clips)
        pending: deque[tuple[list[int], list[Future[NDArray[np.uint8]]]]] = deque()
        while some := list(itertools.islice(source, self._batch_size)):
            numbers = [number for number, _ in some]
            pending.append((numbers, [self._pool.submit(self._decode, *clip) for clip in some]))
            if len(pending) > DECODE_AHEAD:
                yield self._joined(*pending.popleft())
        while pending:
            yield self._joined(*pending.popleft())

    def _decode(self, number: int, crops: Crops) -> NDArray[np.uint8]:
        """Decode the T JPEGs of a clip to (T, H, W, 3) uint8.

        Raises:
            InputError: if the clip has another shape, or a crop is not a JPEG.
        """
        clip = decode_crops(crops)
        if clip.shape != self._shape:
            raise InputError(
                f"clip {self._index.clip_ids[number]} has shape {clip.shape}, the dataset's "
                f"spec.json says {self._shape}; build the dataset again"
            )
        return clip

    def _joined(self, numbers: list[int], decoding: list[Future[NDArray[np.uint8]]]) -> Batch:
        clips = torch.from_numpy(np.stack([clip.result() for clip in decoding]))
        return self._batch(np.array(numbers), clips)

    def _batch(self, numbers: NDArray[np.int64], clips: torch.Tensor) -> Batch:
        targets = torch.from_numpy(self._index.targets[numbers])
        return Batch(clips, targets, tuple(self._index.clip_ids[numbers].tolist()))


def _cut(batch: Batch, size: int) -> Iterator[Batch]:
    for first in range(0, len(batch.targets), size):
        yield _take(batch, np.arange(first, min(first + size, len(batch.targets))))


def _take(batch: Batch, rows: NDArray[np.int64]) -> Batch:
    chosen = torch.from_numpy(rows)
    names = tuple(batch.clip_ids[i] for i in rows.tolist())
    return Batch(batch.clips[chosen], batch.targets[chosen], names)
