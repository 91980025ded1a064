"""Batches of clips, and their prefetching for a GPU."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_DECODERS = 4
"""Largest number of threads that decode clips on one machine.

One thread decodes about 650 clips/s. With each further thread, the thread that drives the model
waits longer for Python's global interpreter lock: a GPU got fewer clips per second from 16 threads
than from 2.
"""


@dataclass(frozen=True, repr=False)
class Batch:
    """N clips with their labels.

    Attributes:
        clips: (N, T, H, W, 3) uint8 RGB.
        targets: (N,) int64 class indices.
        clip_ids: N names, for messages; may be empty.

    Raises:
        ValueError: on another shape, dtype or number of names.
    """

    clips: Tensor
    targets: Tensor
    clip_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(self.clips.shape)
        if len(shape) != 5 or shape[-1] != 3 or self.clips.dtype != torch.uint8:
            raise ValueError(f"clips must be uint8 (N, T, H, W, 3), got {self}")
        if self.targets.shape != shape[:1] or self.targets.dtype != torch.int64:
            raise ValueError(f"targets must be int64 ({shape[0]},), got {self}")
        if len(self.clip_ids) not in (0, shape[0]):
            raise ValueError(f"clip_ids must have 0 or {shape[0]} names, got {self}")

    def __repr__(self) -> str:
        clips, targets = self.clips, self.targets
        return (
            f"Batch(clips={clips.dtype} {tuple(clips.shape)}, "
            f"targets={targets.dtype} {tuple(targets.shape)}, clip_ids={len(self.clip_ids)} names)"
        )


def num_decoders() -> int:
    """Return the number of decoding threads: one per usable CPU, at most ``MOST_DECODERS``."""
    return min(MOST_DECODERS, len(os.sched_getaffinity(0)))


def prefetch(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Yield the same batches in the same order; for a GPU, a thread prepares the next one.

    The thread pins the batch's memory, so that it can be copied while the GPU computes. On a CPU no
    thread is started, because the model uses all cores.

    Raises:
        Exception: any error of ``batches``, at the batch in which it occurred.
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
