"""Workaround for a fault in bfloat16 convolutions on CPUs.

oneDNN computes the gradient of a 3D convolution's weights in bfloat16 wrongly for small maps (2
frames deep, or 1 pixel wide): it reads memory that was never written, or writes outside its
buffer. Measured with torch 2.14.1 on an Intel CPU with AMX and on an AMD CPU with AVX512-BF16; the
tests of this module check for it. Small maps are convolved in float32 instead.
"""

from __future__ import annotations

import types

import torch
from torch import Tensor, nn

LEAST_SIDE = 3
"""Smallest side of an input or output map that is convolved in bfloat16."""


def avoid_small_maps(model: nn.Module) -> None:
    """Make the 3D convolutions of a model compute small maps in float32, in place.

    This has an effect only inside CPU autocast. The weights and their names do not change.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.forward = types.MethodType(_convolve, module)  # type: ignore[method-assign]


def _convolve(self: nn.Conv3d, x_BCTHW: Tensor) -> Tensor:
    if not torch.is_autocast_enabled("cpu") or _is_large(self, x_BCTHW):
        return nn.Conv3d.forward(self, x_BCTHW)
    with torch.autocast("cpu", enabled=False):
        return nn.Conv3d.forward(self, x_BCTHW.float())


def _is_large(conv: nn.Conv3d, x_BCTHW: Tensor) -> bool:
    """Return True if no side of the input or output map is below ``LEAST_SIDE``."""
    sides = [int(side) for side in x_BCTHW.shape[2:]]
    padding = conv.padding if not isinstance(conv.padding, str) else (0, 0, 0)
    out_sides = [
        (side + 2 * pad - size) // stride + 1
        for side, pad, size, stride in zip(
            sides, padding, conv.kernel_size, conv.stride, strict=True
        )
    ]
    return min(*sides, *out_sides) >= LEAST_SIDE
