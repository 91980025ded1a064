"""From stored crops to the model's input, and what training changes about it.

Every path, training, batch and serving, decodes with ``decode_crops`` and normalises with
``to_input``: there is no second place. A model that works at another size resizes inside
itself, with ``resize_frames``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from emotion.errors import InputError

MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)
"""Of Kinetics-400, RGB in 0 to 1: what torchvision's video models were trained with."""


def decode_crops(jpegs: Sequence[bytes]) -> NDArray[np.uint8]:
    """Decode one clip's crops, in order.

    Args:
        jpegs: T JPEGs of one size, T at least 1.

    Returns:
        (T, H, W, 3) uint8 RGB.

    Raises:
        InputError: if there is none, one cannot be decoded, or their sizes differ.
    """
    crops = []
    for index, jpeg in enumerate(jpegs):
        crop = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if crop is None:
            raise InputError(f"crop {index} of a clip is not a JPEG; build the dataset again")
        crops.append(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB))
    if len({crop.shape for crop in crops}) != 1:
        raise InputError(
            f"crops of a clip have sizes {sorted({c.shape[:2] for c in crops})}, not one"
        )
    return np.stack(crops).astype(np.uint8, copy=False)


def to_input(clips_NTHWC: Tensor) -> Tensor:
    """Clips as stored to the model's input.

    Args:
        clips_NTHWC: (N, T, H, W, 3) uint8 RGB.

    Returns:
        (N, 3, T, H, W) float32, zero mean and unit variance over Kinetics-400.

    >>> to_input(torch.zeros((2, 16, 8, 8, 3), dtype=torch.uint8)).shape
    torch.Size([2, 3, 16, 8, 8])
    """
    if clips_NTHWC.dtype != torch.uint8 or clips_NTHWC.ndim != 5 or clips_NTHWC.shape[-1] != 3:
        raise ValueError(
            f"clips are {clips_NTHWC.dtype} {tuple(clips_NTHWC.shape)}, not uint8 (N, T, H, W, 3)"
        )
    x_NCTHW = clips_NTHWC.permute(0, 4, 1, 2, 3).float().div_(255)
    mean = torch.tensor(MEAN, device=x_NCTHW.device).view(1, 3, 1, 1, 1)
    std = torch.tensor(STD, device=x_NCTHW.device).view(1, 3, 1, 1, 1)
    return x_NCTHW.sub_(mean).div_(std)


def resize_frames(x_NCTHW: Tensor, size_px: int) -> Tensor:
    """Each frame at ``size_px`` squared, by averaging areas; unchanged when it fits.

    >>> resize_frames(torch.zeros(1, 3, 2, 8, 8), 4).shape
    torch.Size([1, 3, 2, 4, 4])
    """
    if x_NCTHW.shape[-2:] == (size_px, size_px):
        return x_NCTHW
    return functional.adaptive_avg_pool3d(x_NCTHW, (x_NCTHW.shape[2], size_px, size_px))


@dataclass(frozen=True)
class Augment:
    """How far training clips are changed; zero everywhere changes nothing.

    Attributes:
        flip: chance of a mirrored clip.
        rotate_deg: largest rotation either way.
        scale: largest growth or shrinkage, 0.1 for 10%.
        shift: largest move, as a share of the side.
        brightness: largest change, in standard deviations of a pixel.
        contrast: largest change of the spread around the mean, 0.2 for 20%.
        erase: chance of one grey rectangle.
        late: chance that a batch starts one frame later, so that a model that takes every other
            frame learns from the ones between too.
    """

    flip: float = 0.5
    rotate_deg: float = 12.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.3
    contrast: float = 0.3
    erase: float = 0.25
    late: float = 0.5


def start_late(clips_NTHWC: Tensor, how: Augment, *, generator: torch.Generator) -> Tensor:
    """The clips, by chance without their first frame; always with it when it is the only one."""
    late = float(torch.rand(1, generator=generator)) < how.late
    return clips_NTHWC[:, 1:] if late and clips_NTHWC.shape[1] > 1 else clips_NTHWC


def augment(x_NCTHW: Tensor, how: Augment, *, generator: torch.Generator) -> Tensor:
    """Change each clip in its own way, and all frames of a clip in the same way.

    Args:
        x_NCTHW: normalised clips.
        how: the limits.
        generator: the only source of chance; on the CPU, wherever the clips are.
    """
    x_NCTHW = _move(x_NCTHW, how, generator)
    x_NCTHW = _relight(x_NCTHW, how, generator)
    return _erase(x_NCTHW, how, generator)


def _spread(num: int, limit: float, generator: torch.Generator) -> Tensor:
    """``num`` draws between -limit and limit."""
    return (torch.rand(num, generator=generator) * 2 - 1) * limit


def _move(x_NCTHW: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    """Flip, rotate, scale and shift, in one bilinear sampling of the frames."""
    n, c, t, h, w = x_NCTHW.shape
    angle = _spread(n, math.radians(how.rotate_deg), generator)
    scale = 1 + _spread(n, how.scale, generator)
    shift = _spread(2 * n, 2 * how.shift, generator).view(n, 2)
    mirror = 1 - 2 * (torch.rand(n, generator=generator) < how.flip).float()
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


def _relight(x_NCTHW: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    n, shape = len(x_NCTHW), (-1, 1, 1, 1, 1)
    gain = (1 + _spread(n, how.contrast, generator)).view(shape).to(x_NCTHW.device)
    offset = _spread(n, how.brightness, generator).view(shape).to(x_NCTHW.device)
    mean = x_NCTHW.mean(dim=(1, 2, 3, 4), keepdim=True)
    return (x_NCTHW - mean) * gain + mean + offset


def _erase(x_NCTHW: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    """Grey out one rectangle, a fifth to two fifths of the side, in all frames alike."""
    n, _, _, h, w = x_NCTHW.shape
    chosen = torch.rand(n, generator=generator) < how.erase
    place = torch.rand(n, 4, generator=generator)
    x_NCTHW = x_NCTHW.clone()
    for index in torch.nonzero(chosen).flatten().tolist():
        tall = round(h * (0.2 + 0.2 * float(place[index, 0])))
        wide = round(w * (0.2 + 0.2 * float(place[index, 1])))
        top = round((h - tall) * float(place[index, 2]))
        left = round((w - wide) * float(place[index, 3]))
        x_NCTHW[index, :, :, top : top + tall, left : left + wide] = 0
    return x_NCTHW
