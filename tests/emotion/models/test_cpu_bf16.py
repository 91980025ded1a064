"""Gradients in bfloat16 on this CPU: equal to float32 within bfloat16's precision."""

import itertools
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from emotion.models.cpu_bf16 import avoid_small_maps
from emotion.models.registry import build_model
from emotion.train.learner import autocast_dtype, make_learner
from emotion.train.recipe import Recipe

pytestmark = pytest.mark.large


def poison() -> None:
    """Fill freed memory with NaN, so that reading it before a write shows in a result."""
    sizes = (1_000, 4_000, 16_000, 64_000, 256_000)
    for dtype in (torch.float32, torch.bfloat16):
        _ = [torch.full((size,), float("nan"), dtype=dtype) for size in sizes for _ in range(8)]


def gradients(model: nn.Module, x: torch.Tensor, *, bf16: bool) -> dict[str, torch.Tensor]:
    """Return the gradients of the sum of squares of the outputs, by name of the weight."""
    model.zero_grad()
    poison()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        y = model(x)
    poison()
    loss: Any = functional.mse_loss(y.float(), torch.ones_like(y, dtype=torch.float32))
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def furthest(model: nn.Module, x: torch.Tensor) -> float:
    """Return the largest relative difference of a weight's gradient between bf16 and fp32."""
    expected, actual = gradients(model, x, bf16=False), gradients(model, x, bf16=True)
    worst = torch.stack([(actual[n] - expected[n]).norm() / expected[n].norm() for n in expected])
    return float(worst.nan_to_num(nan=float("inf")).max())


@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 2, 2)])
def test_convolutions_of_every_small_map(stride: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    for depth, side in itertools.product((1, 2, 3, 4), (1, 2, 3, 6)):
        for batch in (2, 5, 8):
            conv = nn.Conv3d(16, 16, 3, stride=stride, padding=1)
            avoid_small_maps(conv)
            x = torch.randn(batch, 16, depth, side, side)
            assert furthest(conv, x) < 0.03, (depth, side, batch)


@pytest.mark.parametrize("frames", [4, 8, 16])
@pytest.mark.parametrize("px", [8, 16, 24, 48])
def test_the_whole_network(frames: int, px: int) -> None:
    """Errors add up over the layers; the fault's errors are about a hundred times as large."""
    torch.manual_seed(1)
    model = build_model("r3d_lite", 3, {"input_px": px, "width": 4})
    learner = make_learner(model, "r3d_lite", Recipe(epochs=1, lr=1e-3, precision="bf16"))
    learner.model.eval()  # batch statistics of few numbers would add more noise
    x = torch.randn(4, 3, frames, 64, 64)
    assert furthest(learner.model, x) < 0.5


def test_the_steps_around_are_taken_only_in_bf16_and_only_for_small_maps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conv = nn.Conv3d(1, 1, 3, padding=1)
    avoid_small_maps(conv)
    small, large = torch.ones(1, 1, 2, 8, 8), torch.ones(1, 1, 4, 8, 8)
    assert conv(small).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert conv(small).dtype == torch.float32
        assert conv(large).dtype == torch.bfloat16


def test_auto_is_float32_on_a_cpu() -> None:
    assert autocast_dtype(torch.device("cpu")) is torch.float32
    assert autocast_dtype(torch.device("cpu"), "bf16") is torch.bfloat16
