"""torchvision's video networks, behind a hook that chooses the part of a clip they use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emotion.errors import InputError
from emotion.models.r3d import inner_face, still_and_moving
from emotion.models.transforms import resize_frames

VIEWS = ("crop", "motion")


@dataclass(frozen=True)
class ViewHook:
    """Hook before a network: chooses the view of a clip and its size.

    A hook adds no module, so the weights keep torchvision's names.

    Attributes:
        view: ``crop`` is the clip in colour, for weights trained elsewhere. ``motion`` is the input
            of ``r3d_lite``: the grey inner face, and twice its difference from the mean frame, for
            random weights. From few clips in colour, where hair and background are most pixels,
            r3d_18 did not learn (docs/training.md).
        input_px: side of the network's input; 0 keeps the clip's side.
        frames: frames of the network's input; 0 keeps the clip's number.
        frame_step: every so-many-th frame is read.
    """

    view: str
    input_px: int
    frames: int
    frame_step: int

    def look(self, x_BCTHW: Tensor) -> Tensor:
        """Return the part of normalised clips that the network uses; see ``Model.look``."""
        if self.view == "crop":
            return x_BCTHW
        x_B1THW = inner_face(x_BCTHW[:, :, :: self.frame_step])
        smaller = 0 < self.input_px < x_B1THW.shape[-2]
        return resize_frames(x_B1THW, self.input_px) if smaller else x_B1THW

    def __call__(self, _: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        """Return the input of the network; the clips may be whole or a result of ``look``."""
        x_BCTHW = inputs[0]
        if self.view == "crop":
            return (self._resized(x_BCTHW[:, :, :: self.frame_step]),)
        x_BCTHW = still_and_moving(self.look(x_BCTHW) if x_BCTHW.shape[1] == 3 else x_BCTHW)
        return (self._resized(torch.cat([x_BCTHW, x_BCTHW[:, 1:]], dim=1)),)

    def _resized(self, x_BCTHW: Tensor) -> Tensor:
        t, h, w = x_BCTHW.shape[2:]
        size = (self.frames or t, self.input_px or h, self.input_px or w)
        if size == (t, h, w):
            return x_BCTHW
        if size[0] == t and size[1] < h:  # smaller: averages of areas, without aliasing
            return resize_frames(x_BCTHW, self.input_px)
        return functional.interpolate(x_BCTHW, size, mode="trilinear", align_corners=False)


def look(model: Any, x_BCTHW: Tensor) -> Tensor:
    """Return the part of normalised clips that a network built here uses."""
    hook: ViewHook = model.view_hook
    return hook.look(x_BCTHW)


def any_size(
    name: str, num_classes: int, *, input_px: int = 0, frame_step: int = 1, view: str = "crop"
) -> nn.Module:
    """Build a network that takes clips of any size."""
    return _build(name, num_classes, ViewHook(view, input_px, 0, frame_step))


def fixed_size(name: str, num_classes: int, *, frames: int, view: str = "crop") -> nn.Module:
    """Build a network that needs frames of 224 px, and ``frames`` of them; 0: any number."""
    return _build(name, num_classes, ViewHook(view, 224, frames, 1))


def _build(name: str, num_classes: int, hook: ViewHook) -> nn.Module:
    if hook.view not in VIEWS:
        raise InputError(f"view {hook.view!r} is unknown; take one of {', '.join(VIEWS)}")
    from torchvision.models import video  # costs 1.3 s and 100 MB, which other models do not need

    model: Any = getattr(video, name)(num_classes=num_classes)
    model.view_hook = hook
    model.register_forward_pre_hook(hook)
    return cast(nn.Module, model)
