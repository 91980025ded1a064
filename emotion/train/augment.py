"""What training changes about clips: each in its own way, all frames of one in the same way.

Everything happens on the device of the clips; chance comes from one generator on the CPU, so that
a seed gives the same changes on every device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional

from emotion.errors import InputError


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
        saturation: largest change of colour against grey, 0.2 for 20%; grey clips stay as they are.
        blur: chance of softening, by up to a 3x3 binomial filter.
        speed: largest change of speed, 0.2 for 20%: frames are repeated or left out.
        reverse: chance of a clip that runs backwards. An onset becomes an offset.
    """

    flip: float = 0.5
    rotate_deg: float = 12.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.3
    contrast: float = 0.3
    erase: float = 0.25
    late: float = 0.5
    saturation: float = 0.0
    blur: float = 0.0
    speed: float = 0.0
    reverse: float = 0.0


def parse_augment(given: Mapping[str, str]) -> Augment:
    """The defaults, with the values that were ``given`` as text.

    Raises:
        InputError: on a name that there is not, or what is no number.

    >>> parse_augment({"blur": "0.3"}).blur
    0.3
    """
    known = {f.name for f in fields(Augment)}
    values = {}
    for name, text in given.items():
        if name not in known:
            raise InputError(f"--augment knows no {name!r}; it knows {', '.join(sorted(known))}")
        try:
            values[name] = float(text)
        except ValueError:
            raise InputError(f"--augment {name} is {text!r}; it must be a number") from None
    return replace(Augment(), **values)


def change_time(clips_NTHWC: Tensor, how: Augment, *, generator: torch.Generator) -> Tensor:
    """Stored clips with their frames moved in time; no frame is made up.

    Args:
        clips_NTHWC: as stored.
        how: ``late``, ``speed`` and ``reverse`` are used.
        generator: the only source of chance.

    Returns:
        The same number of frames, or one less where the batch starts late.
    """
    late = float(torch.rand(1, generator=generator)) < how.late
    if late and clips_NTHWC.shape[1] > 1:
        clips_NTHWC = clips_NTHWC[:, 1:]
    if how.speed == 0 and how.reverse == 0:
        return clips_NTHWC
    n, t = clips_NTHWC.shape[:2]
    speed = 1 + _spread(n, how.speed, generator)
    start = (t - 1) * (1 - speed) * torch.rand(n, generator=generator)  # inside where it fits
    index_NT = start[:, None] + speed[:, None] * torch.arange(t)
    back = torch.rand(n, generator=generator) < how.reverse
    index_NT = torch.where(back[:, None], index_NT.flip(1), index_NT).round().clamp(0, t - 1)
    rows = torch.arange(n, device=clips_NTHWC.device)[:, None]
    return clips_NTHWC[rows, index_NT.long().to(clips_NTHWC.device)]


def augment(x_NCTHW: Tensor, how: Augment, *, generator: torch.Generator) -> Tensor:
    """Change each clip in its own way, and all frames of a clip in the same way.

    Args:
        x_NCTHW: normalised clips, of three channels or of one.
        how: the limits.
        generator: the only source of chance; on the CPU, wherever the clips are.
    """
    x_NCTHW = _move(x_NCTHW, how, generator)
    x_NCTHW = _relight(x_NCTHW, how, generator)
    if how.saturation and x_NCTHW.shape[1] == 3:
        x_NCTHW = _saturate(x_NCTHW, how, generator)
    if how.blur:
        x_NCTHW = _blur(x_NCTHW, how, generator)
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


def _saturate(x_NCTHW: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    """Colour towards grey or away from it; the mean of a pixel's channels stays."""
    gain = 1 + _spread(len(x_NCTHW), how.saturation, generator)
    grey = x_NCTHW.mean(dim=1, keepdim=True)
    return grey + (x_NCTHW - grey) * gain.view(-1, 1, 1, 1, 1).to(x_NCTHW.device)


def _blur(x_NCTHW: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    n, c, t, h, w = x_NCTHW.shape
    chosen = (torch.rand(n, generator=generator) < how.blur).float()
    share = (chosen * torch.rand(n, generator=generator)).view(-1, 1, 1, 1, 1).to(x_NCTHW.device)
    row = torch.tensor([0.25, 0.5, 0.25], device=x_NCTHW.device, dtype=x_NCTHW.dtype)
    kernel = (row[:, None] * row[None]).view(1, 1, 3, 3)
    frames = functional.pad(x_NCTHW.reshape(n * c * t, 1, h, w), (1, 1, 1, 1), mode="replicate")
    soft = functional.conv2d(frames, kernel).view(n, c, t, h, w)
    return x_NCTHW + share * (soft - x_NCTHW)
