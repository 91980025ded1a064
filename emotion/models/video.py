"""torchvision's video networks, with a hook that selects the part of a clip that they use."""

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
    """Forward pre-hook of a network: it selects the view of a clip and resizes it.

    A hook adds no module, so the weights keep torchvision's names.

    Attributes:
        view: ``crop`` is the whole clip in colour; take it for pretrained weights. ``motion`` is
            the input of ``r3d_lite``: the grey inner face, and twice its difference from the mean
            frame; take it for random weights. r3d_18 did not learn from few clips in colour, in
            which most pixels are hair and background (docs/models.md).
        input_px: side of the network's input, pixels; 0 keeps the clip's side.
        frames: number of frames of the network's input; 0 keeps the clip's number.
        frame_step: 1 reads every frame, 2 every second one, and so on.
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
        """Return the network's input; the clips may be whole clips or a result of ``look``."""
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
    """Return the part of normalised clips that a network of this module uses."""
    hook: ViewHook = model.view_hook
    return hook.look(x_BCTHW)


def any_size(
    name: str, num_classes: int, *, input_px: int = 0, frame_step: int = 1, view: str = "crop"
) -> nn.Module:
    """Build a network that takes clips of any size; the arguments are those of ``ViewHook``.

    Raises:
        InputError: on an unknown view.
    """
    return _build(name, num_classes, ViewHook(view, input_px, 0, frame_step))


def fixed_size(name: str, num_classes: int, *, frames: int, view: str = "crop") -> nn.Module:
    """Build a network that needs frames of 224 x 224 px; clips are resized to it.

    Args:
        name: name of the network in ``torchvision.models.video``.
        num_classes: number of labels.
        frames: number of frames that the network needs; 0 accepts any number.
        view: see ``ViewHook``.

    Raises:
        InputError: on an unknown view.
    """
    return _build(name, num_classes, ViewHook(view, 224, frames, 1))


def _build(name: str, num_classes: int, hook: ViewHook) -> nn.Module:
    if hook.view not in VIEWS:
        raise InputError(f"view {hook.view!r} is unknown; take one of {', '.join(VIEWS)}")
    from torchvision.models import video  # costs 1.3 s and 100 MB, which other models do not need

    model: Any = getattr(video, name)(num_classes=num_classes)
    model.view_hook = hook
    model.register_forward_pre_hook(hook)
    return cast(nn.Module, model)
