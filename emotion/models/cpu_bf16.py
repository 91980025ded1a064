"""bfloat16 on CPUs, around a fault of its library.

oneDNN's gradient of a 3D convolution's weights in bfloat16 reads memory that nobody wrote, or
writes where it must not, where the map is small: 2 frames deep, or 1 pixel wide (torch 2.14.1, on
an Intel CPU with AMX and on an AMD CPU with AVX512-BF16; the tests of this
module look for it). Such maps are few numbers: they are convolved in float32 instead.
"""

from __future__ import annotations

import types

import torch
from torch import Tensor, nn

LEAST_SIDE = 3
"""Maps with a side below this, going in or coming out, are convolved in float32."""


def avoid_small_maps(model: nn.Module) -> None:
    """Make the 3D convolutions of a model step around the fault; weights and names stay."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.forward = types.MethodType(_convolve, module)  # type: ignore[method-assign]


def _convolve(self: nn.Conv3d, x_BCTHW: Tensor) -> Tensor:
    if not torch.is_autocast_enabled("cpu") or _is_large(self, x_BCTHW):
        return nn.Conv3d.forward(self, x_BCTHW)
    with torch.autocast("cpu", enabled=False):
        return nn.Conv3d.forward(self, x_BCTHW.float())


def _is_large(conv: nn.Conv3d, x_BCTHW: Tensor) -> bool:
    sides = [int(side) for side in x_BCTHW.shape[2:]]
    padding = conv.padding if not isinstance(conv.padding, str) else (0, 0, 0)
    made = [
        (side + 2 * pad - size) // stride + 1
        for side, pad, size, stride in zip(
            sides, padding, conv.kernel_size, conv.stride, strict=True
        )
    ]
    return min(*sides, *made) >= LEAST_SIDE
