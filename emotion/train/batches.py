"""Batches of clips; the next one is made while a GPU works on this one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_DECODERS = 4
"""Threads that decode: one does some 650 clips/s, and each more of them lets the thread that drives
the model wait longer for Python's lock. Sixteen brought a GPU fewer clips than two would."""


@dataclass(frozen=True)
class Batch:
    """Some clips.

    Attributes:
        clips: (N, T, H, W, 3) uint8.
        targets: (N,) int64 class indices; below 0 is padding.
        clip_ids: N names, for messages; may be empty.
    """

    clips: Tensor
    targets: Tensor
    clip_ids: tuple[str, ...] = ()


def num_decoders() -> int:
    """Threads that decode clips beside a model on this machine."""
    return min(MOST_DECODERS, len(os.sched_getaffinity(0)))


def ahead(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """The same batches in the same order; for a GPU, a thread takes and pins one ahead of use.

    Memory that is pinned is copied to the GPU beside its work. On a CPU the batches come as they
    are: its cores are busy with the model.

    Raises:
        Exception: what ``batches`` raises, when its batch is due.
    """
    if device.type != "cuda":
        yield from batches
        return
    source = iter(batches)

    def take() -> Batch | None:
        batch = next(source, None)
        if batch is None:
            return None
        return Batch(batch.clips.pin_memory(), batch.targets.pin_memory(), batch.clip_ids)

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(take)
        while (batch := coming.result()) is not None:
            coming = pool.submit(take)
            yield batch
