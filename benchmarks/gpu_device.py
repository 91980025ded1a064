"""Device of benchmarks.gpu: its matrix speed, its precisions, and the time of a step on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Device:
    """Device and sizes of the measurement."""

    device: torch.device
    batch: int
    rounds: int
    matrix_flops: float

    @property
    def is_gpu(self) -> bool:
        """True on a GPU."""
        return self.device.type == "cuda"

    def wait(self) -> None:
        """Wait until all work of the device is done."""
        if self.is_gpu:
            torch.cuda.synchronize()


def matrix_flops(device: torch.device) -> float:
    """Return the floating-point operations per second of a large bf16 matrix product."""
    side, rounds = (8192, 20) if device.type == "cuda" else (512, 2)
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(rounds):
            a @ a
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - began) / rounds)
    return float(2 * side**3 / best)


def precision_of(device: Device, name: str) -> torch.autocast:
    """Return a context in which models compute in bf16, or in float32 without TF32."""
    return torch.autocast(device.device.type, torch.bfloat16, enabled=name == "bf16")


def clips_per_s(device: Device, step: Callable[[], object]) -> float:
    """Return the clips per second of a step on one batch, after two steps that do not count."""
    for _ in range(2):
        step()
    device.wait()
    best = float("inf")
    for _ in range(device.rounds):
        began = time.perf_counter()
        for _ in range(3):
            step()
        device.wait()
        best = min(best, (time.perf_counter() - began) / 3)
    return device.batch / best
