"""JPEG clips in memory, decoded by threads, and the speed of a model alone; without Ray."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from emotion.models.registry import ModelArg, build_model
from emotion.models.transforms import decode_crops
from emotion.train.batches import Batch
from emotion.train.learner import Learner, autocast_dtype

AHEAD = 3
"""Number of batches that are decoded ahead of use."""

Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Jpegs:
    """Clips as stored, each a list of JPEGs, and their class indices."""

    clips: list[list[bytes]]
    targets: NDArray[np.int64]


def read_jpegs(dataset: str, *, split: str) -> Jpegs:
    """Read the clips of a split of a local dataset; classes are in order of the labels' names."""
    parts = sorted(Path(dataset, "clips").glob("*.parquet"))
    rows = [
        row
        for part in parts
        for row in pq.read_table(part, columns=["split", "label", "crops"]).to_pylist()
        if row["split"] == split
    ]
    if not rows:
        raise SystemExit(f"--dataset {dataset} has no clip in split {split}")
    names = sorted({row["label"] for row in rows})
    targets = np.array([names.index(row["label"]) for row in rows], np.int64)
    return Jpegs([row["crops"] for row in rows], targets)


def draw_jpegs(num: int, *, clip_len: int, px: int) -> Jpegs:
    """Draw soft spots with a little noise: about 2.5 KB per crop at 112 px, like stored faces."""
    rng = np.random.default_rng(0)
    clips = []
    for _ in range(num):
        crops = []
        for _ in range(clip_len):
            blots = rng.integers(0, 256, (px // 14 + 1, px // 14 + 1, 3)).astype(np.uint8)
            image = cv2.resize(blots, (px, px), interpolation=cv2.INTER_CUBIC)
            noise = rng.normal(0, 2, (px, px, 1))
            drawn = np.clip(image + noise, 0, 255).astype(np.uint8)
            crops.append(bytes(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]))
        clips.append(crops)
    return Jpegs(clips, rng.integers(0, 7, num).astype(np.int64))


def shape_of(jpegs: Jpegs) -> Shape:
    """Return (T, H, W, 3) of the first clip."""
    t, h, w, c = decode_crops(jpegs.clips[0]).shape
    return t, h, w, c


def decoders(num: int) -> ThreadPoolExecutor:
    """Return ``num`` threads; OpenCV decodes without Python's lock."""
    cv2.setNumThreads(1)
    return ThreadPoolExecutor(num)


def batches_of(
    jpegs: Jpegs, pool: ThreadPoolExecutor, *, batch_size: int, num: int, seed: int
) -> Iterator[Batch]:
    """Yield ``num`` batches in a new order, decoded ``AHEAD`` batches before use."""
    rng = np.random.default_rng(seed)
    rounds = -(-num * batch_size // len(jpegs.clips))
    order = np.concatenate([rng.permutation(len(jpegs.clips)) for _ in range(rounds)])
    chosen = iter(order[: num * batch_size].reshape(num, batch_size))
    waiting: deque[tuple[NDArray[np.int64], list[Future[NDArray[np.uint8]]]]] = deque()

    def begin(rows: NDArray[np.int64]) -> None:
        futures = [pool.submit(decode_crops, jpegs.clips[row]) for row in rows]
        waiting.append((rows, futures))

    for rows in itertools.islice(chosen, AHEAD):
        begin(rows)
    while waiting:
        rows, futures = waiting.popleft()
        clips = torch.from_numpy(np.stack([future.result() for future in futures]))
        for more in itertools.islice(chosen, 1):
            begin(more)
        yield Batch(clips, torch.from_numpy(jpegs.targets[rows]))


def decode_clips_per_s(jpegs: Jpegs, *, least_s: float = 1.0) -> float:
    """Return the number of clips that one thread decodes in a second."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < least_s:
        decode_crops(jpegs.clips[count % len(jpegs.clips)])
        count += 1
    return count / (time.perf_counter() - began)


def flops_of_a_clip(name: str, args: Mapping[str, ModelArg], shape: Shape) -> float:
    """Count the floating-point operations of one clip, forward and backward, without data."""
    t, h, w, c = shape
    with torch.device("meta"):
        model, x_BCTHW = build_model(name, 7, args), torch.empty(2, c, t, h, w)
        with FlopCounterMode(display=False) as counter:
            torch.autograd.backward(model(x_BCTHW).sum())
    return float(counter.get_total_flops()) / len(x_BCTHW)


def model_clips_per_s(
    learner: Learner, shape: Shape, *, batch_size: int, steps: int = 8, warm_steps: int = 3
) -> float:
    """Time forward, backward and optimizer on one batch on the device, without augmentation."""
    device, (t, h, w, c) = learner.device, shape
    x_BCTHW = torch.randn(batch_size, c, t, h, w, device=device)
    if learner.channels_last:
        x_BCTHW = x_BCTHW.contiguous(memory_format=torch.channels_last_3d)
    dtype = autocast_dtype(device, learner.recipe.precision)
    target_B = torch.zeros(batch_size, dtype=torch.int64, device=device)
    learner.model.train()
    began = 0.0
    for step in range(warm_steps + steps):
        if step == warm_steps:
            _wait(device)
            began = time.perf_counter()
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            logits_BK = learner.model(x_BCTHW)
        torch.autograd.backward(functional.cross_entropy(logits_BK.float(), target_B))
        learner.optimizer.step()
        learner.optimizer.zero_grad(set_to_none=True)
    _wait(device)
    return steps * batch_size / (time.perf_counter() - began)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def bound(alone: float, speeds: Mapping[str, float], *, one_core: float) -> str:
    """Return the part that limits the speed, from clips/s of the model alone and each input.

    >>> bound(100.0, {"synthetic": 98.0, "threads": 60.0}, one_core=30.0)
    'the input: real clips reach 0.61 of the synthetic; decoding needs 3.3 cores'
    >>> bound(100.0, {"synthetic": 98.0, "threads": 97.0}, one_core=30.0)
    'the model: 0.98 of its speed alone'
    """
    made, real = speeds["synthetic"], min(speeds.values())
    if real < made / 1.05:
        cores = made / one_core
        return (
            f"the input: real clips reach {real / made:.2f} of the synthetic; decoding needs "
            f"{cores:.1f} cores"
        )
    if made < 0.9 * alone:
        return (
            f"the steps around the model (copies to the device, augmentation, one wait a step): "
            f"{made / alone:.2f} of the model's speed alone"
        )
    return f"the model: {made / alone:.2f} of its speed alone"
