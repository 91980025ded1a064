"""Ray Data ingest of training: it splits stored clips over the ranks and yields batches.

Ray Data moves JPEGs. Threads of each rank decode the clips shortly before use. Decoding in Ray's
tasks took 3.3 instead of 2.5 ms of CPU per clip, because it copied 12 times as many bytes.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import ray.data
import torch
from numpy.typing import NDArray

from emotion.errors import InputError
from emotion.models.transforms import decode_crops
from emotion.train.batches import Batch, num_decoders
from emotion.train.recipe import Balance
from emotion.train.sampling import epoch_order
from jobs.training.stored_clips import READ_ROWS

PREFETCH = 2
"""Number of batches that Ray Data prefetches."""
DECODE_AHEAD = 2
"""Number of batches that a worker's threads decode in advance."""
Columns = dict[str, NDArray[Any]]


class Share:
    """One rank's share of a split.

    With ``keep`` the decoded clips stay in memory. Otherwise each epoch reads and decodes them.
    """

    def __init__(self, source: ray.data.DataIterator, *, keep: bool, batch_size: int) -> None:
        self._source, self._batch_size = source, batch_size
        self._pool = ThreadPoolExecutor(num_decoders())
        self._kept: Batch | None = self._load() if keep else None

    def _load(self) -> Batch | None:
        """Return all clips sorted by clip_id, so that the order of reading does not matter.

        Return None for a share without clips.
        """
        parts = [part for part in self._stream(READ_ROWS) if part.clip_ids]
        if not parts:
            return None
        ids = tuple(name for part in parts for name in part.clip_ids)
        order = np.argsort(np.array(ids), kind="stable")
        return Batch(
            torch.cat([part.clips for part in parts])[order],
            torch.cat([part.targets for part in parts])[order],
            tuple(ids[i] for i in order),
        )

    def batches(self) -> Iterator[Batch]:
        """Yield every clip once, in order, without padding; a batch may be smaller than others."""
        if self._kept is None:
            yield from (part for part in self._stream(self._batch_size) if part.clip_ids)
            return
        for first in range(0, len(self._kept.targets), self._batch_size):
            last = min(first + self._batch_size, len(self._kept.targets))
            yield _take(self._kept, np.arange(first, last))

    def shuffled(self, *, num_batches: int, seed: int, balance: Balance) -> Iterator[Batch]:
        """Yield exactly ``num_batches`` full batches in random order.

        A share in memory is drawn with ``balance``. A streamed share is shuffled in a buffer of 16
        batches and ignores ``balance``. A share that is too small is read repeatedly.

        Args:
            num_batches: number of batches, the same on every rank.
            seed: seed of the order; another seed per epoch and rank gives another order.
            balance: treatment of rare labels.

        Raises:
            InputError: if a streamed share has fewer clips than one batch.
        """
        if self._kept is not None:
            num = num_batches * self._batch_size
            targets = self._kept.targets.numpy()
            order = epoch_order(targets, num=num, balance=balance, seed=seed)
            for first in range(0, num, self._batch_size):
                yield _take(self._kept, order[first : first + self._batch_size])
            return
        yield from itertools.islice(self._endless(seed), num_batches)

    def _endless(self, seed: int) -> Iterator[Batch]:
        for round_number in itertools.count():
            num_batches = 0
            for batch in self._stream(self._batch_size, seed=seed + round_number, full=True):
                num_batches += 1
                yield batch
            if not num_batches:
                raise InputError(
                    f"a worker has fewer train clips than one batch, {self._batch_size}: take "
                    "fewer --workers, a smaller --batch-size or a larger --cache-gb"
                )

    def _stream(
        self, batch_size: int, *, seed: int | None = None, full: bool = False
    ) -> Iterator[Batch]:
        """Yield decoded batches; with a seed shuffle them in a buffer of 16 batches.

        ``full`` drops a last batch that is too small.
        """
        buffer = None if seed is None else 16 * batch_size
        batches: Iterable[Any] = self._source.iter_batches(
            batch_size=batch_size,
            batch_format="numpy",
            prefetch_batches=PREFETCH,
            local_shuffle_buffer_size=buffer,
            local_shuffle_seed=seed,
            drop_last=full,
        )
        pending: deque[tuple[Columns, list[Future[NDArray[np.uint8]]]]] = deque()
        for columns in batches:
            pending.append((columns, _start_decoding(columns, self._pool)))
            if len(pending) > DECODE_AHEAD:
                yield _batch(*pending.popleft())
        while pending:
            yield _batch(*pending.popleft())


def _start_decoding(columns: Columns, pool: ThreadPoolExecutor) -> list[Future[NDArray[np.uint8]]]:
    """Start decoding the clips of a batch in threads, without padding; return the futures."""
    names = ("clip_id", "crops", "shape", "target")
    rows = zip(*(columns[name] for name in names), strict=True)
    return [pool.submit(_decode, *row[:3]) for row in rows if row[3] >= 0]


def _decode(clip_id: str, crops: list[bytes], shape: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Decode the T JPEGs of a clip to (T, H, W, 3) uint8.

    Raises:
        InputError: if the clip does not have ``shape``, or a crop is not a JPEG.
    """
    clip = decode_crops(crops)
    if clip.shape != tuple(shape):
        raise InputError(
            f"clip {clip_id} has shape {clip.shape}, the dataset's spec.json says "
            f"{tuple(shape.tolist())}; build the dataset again"
        )
    return clip


def _batch(columns: Columns, decoding: list[Future[NDArray[np.uint8]]]) -> Batch:
    real = columns["target"] >= 0
    shape = columns["shape"][0]
    clips = np.stack([clip.result() for clip in decoding]) if decoding else np.empty((0, *shape))
    targets = torch.from_numpy(columns["target"][real].astype(np.int64))
    names = tuple(columns["clip_id"][real].tolist())
    return Batch(torch.from_numpy(clips.astype(np.uint8, copy=False)), targets, names)


def _take(batch: Batch, rows: NDArray[np.int64]) -> Batch:
    chosen = torch.from_numpy(rows)
    names = tuple(batch.clip_ids[i] for i in rows.tolist())
    return Batch(batch.clips[chosen], batch.targets[chosen], names)
