"""Random changes to training clips.

Each clip of a batch is changed differently; all frames of a clip are changed in the same way. The
changes are computed on the device of the clips. Random numbers come from one generator on the CPU,
so that a seed gives the same changes on every device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from emotion.train.recipe import Augment


def change_time(clips_NTHWC: Tensor, limits: Augment, *, generator: torch.Generator) -> Tensor:
    """Change the start, speed and direction of clips by selecting and repeating their frames.

    Args:
        clips_NTHWC: (N, T, H, W, 3) stored clips.
        limits: ``late``, ``speed`` and ``reverse`` are used.
        generator: the only source of random numbers; on the CPU.

    Returns:
        Clips of T frames, or of T - 1 if the batch starts one frame later (``late``).
    """
    late = float(torch.rand(1, generator=generator)) < limits.late
    if late and clips_NTHWC.shape[1] > 1:
        clips_NTHWC = clips_NTHWC[:, 1:]
    if limits.speed == 0 and limits.reverse == 0:
        return clips_NTHWC
    n, t = clips_NTHWC.shape[:2]
    speed = 1 + _spread(n, limits.speed, generator)
    # With a speed below 1 all indices are inside the clip. Above 1 clamp repeats its end frames.
    start = (t - 1) * (1 - speed) * torch.rand(n, generator=generator)
    index_NT = start[:, None] + speed[:, None] * torch.arange(t)
    back = torch.rand(n, generator=generator) < limits.reverse
    index_NT = torch.where(back[:, None], index_NT.flip(1), index_NT).round().clamp(0, t - 1)
    rows = torch.arange(n, device=clips_NTHWC.device)[:, None]
    return clips_NTHWC[rows, index_NT.long().to(clips_NTHWC.device)]


def change_pixels(x_NCTHW: Tensor, limits: Augment, *, generator: torch.Generator) -> Tensor:
    """Return clips with changed pixels: place, light, colour, blur, one erased rectangle.

    Args:
        x_NCTHW: normalised clips with three channels or one, on any device.
        limits: limits of the changes.
        generator: the only source of random numbers; on the CPU.
    """
    x_NCTHW = _move(x_NCTHW, limits, generator)
    x_NCTHW = _relight(x_NCTHW, limits, generator)
    if limits.saturation and x_NCTHW.shape[1] == 3:
        x_NCTHW = _saturate(x_NCTHW, limits, generator)
    if limits.blur:
        x_NCTHW = _blur(x_NCTHW, limits, generator)
    return _erase(x_NCTHW, limits, generator)


def _spread(num: int, limit: float, generator: torch.Generator) -> Tensor:
    """Draw ``num`` uniform random numbers between -limit and limit."""
    return (torch.rand(num, generator=generator) * 2 - 1) * limit


def _move(x_NCTHW: Tensor, limits: Augment, generator: torch.Generator) -> Tensor:
    """Flip, rotate, scale and shift each clip, with one bilinear sampling of its frames."""
    n, c, t, h, w = x_NCTHW.shape
    angle = _spread(n, math.radians(limits.rotate_deg), generator)
    scale = 1 + _spread(n, limits.scale, generator)
    shift = _spread(2 * n, 2 * limits.shift, generator).view(n, 2)
    mirror = 1 - 2 * (torch.rand(n, generator=generator) < limits.flip).float()
    cos, sin = angle.cos() / scale, angle.sin() / scale
    theta = torch.stack(
        [
            torch.stack([cos * mirror, -sin, shift[:, 0]], dim=1),
            torch.stack([sin * mirror, cos, shift[:, 1]], dim=1),
        ],
        dim=1,
    ).to(x_NCTHW.device)
    grid = functional.affine_grid(theta, [n, 1, h, w], align_corners=False)
    frames = x_NCTHW.reshape(n, c * t, h, w)  # the same grid for every frame and channel of a clip
    moved = functional.grid_sample(frames, grid, padding_mode="border", align_corners=False)
    return moved.view(n, c, t, h, w)


def _relight(x_NCTHW: Tensor, limits: Augment, generator: torch.Generator) -> Tensor:
    """Change contrast and brightness of each clip."""
    n, shape = len(x_NCTHW), (-1, 1, 1, 1, 1)
    gain = (1 + _spread(n, limits.contrast, generator)).view(shape).to(x_NCTHW.device)
    offset = _spread(n, limits.brightness, generator).view(shape).to(x_NCTHW.device)
    mean = x_NCTHW.mean(dim=(1, 2, 3, 4), keepdim=True)
    return (x_NCTHW - mean) * gain + mean + offset


def _erase(x_NCTHW: Tensor, limits: Augment, generator: torch.Generator) -> Tensor:
    """Set one rectangle to 0 (grey) in all frames of some clips.

    Its sides are 0.2 to 0.4 of the frame's.
    """
    n, _, _, h, w = x_NCTHW.shape
    chosen = torch.rand(n, generator=generator) < limits.erase
    place = torch.rand(n, 4, generator=generator)
    x_NCTHW = x_NCTHW.clone()
    for index in torch.nonzero(chosen).flatten().tolist():
        tall = round(h * (0.2 + 0.2 * float(place[index, 0])))
        wide = round(w * (0.2 + 0.2 * float(place[index, 1])))
        top = round((h - tall) * float(place[index, 2]))
        left = round((w - wide) * float(place[index, 3]))
        x_NCTHW[index, :, :, top : top + tall, left : left + wide] = 0
    return x_NCTHW


def _saturate(x_NCTHW: Tensor, limits: Augment, generator: torch.Generator) -> Tensor:
    """Move colours towards grey or away from it; the mean of a pixel's channels does not change."""
    gain = 1 + _spread(len(x_NCTHW), limits.saturation, generator)
    grey = x_NCTHW.mean(dim=1, keepdim=True)
    return grey + (x_NCTHW - grey) * gain.view(-1, 1, 1, 1, 1).to(x_NCTHW.device)


def _blur(x_NCTHW: Tensor, limits: Augment, generator: torch.Generator) -> Tensor:
    """Blend some clips with their 3x3 binomial blur, by a random share from 0 to 1."""
    n, c, t, h, w = x_NCTHW.shape
    chosen = (torch.rand(n, generator=generator) < limits.blur).float()
    share = (chosen * torch.rand(n, generator=generator)).view(-1, 1, 1, 1, 1).to(x_NCTHW.device)
    row = torch.tensor([0.25, 0.5, 0.25], device=x_NCTHW.device, dtype=x_NCTHW.dtype)
    kernel = (row[:, None] * row[None]).view(1, 1, 3, 3)
    frames = functional.pad(x_NCTHW.reshape(n * c * t, 1, h, w), (1, 1, 1, 1), mode="replicate")
    soft = functional.conv2d(frames, kernel).view(n, c, t, h, w)
    return x_NCTHW + share * (soft - x_NCTHW)
