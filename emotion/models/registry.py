"""The models by name, each built from a class count and a few plain arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emotion.errors import InputError
from emotion.models.frame_cnn import FrameCNN
from emotion.models.r3d import R3DLite, inner_face, still_and_moving
from emotion.models.transforms import resize_frames

ModelArg = int | float | str | bool
ModelArgs = Mapping[str, ModelArg]
Builder = Callable[..., nn.Module]
VIEWS = ("crop", "motion")


@dataclass(frozen=True)
class _Sight:
    """How one of torchvision's video networks sees a clip: ``view``, and at what size.

    A hook before the network, so that the weights keep torchvision's names.

    ``crop`` is the clip in colour, for weights that were trained elsewhere. ``motion`` is
    ``r3d_lite``'s look, grey inner face and twice its difference from the mean frame, for a start
    from random weights: from few clips in colour, of which hair and background are the larger
    part, r3d_18 learnt nothing at all (docs/training.md).
    """

    view: str
    input_px: int
    frames: int
    frame_step: int

    def look(self, x_BCTHW: Tensor) -> Tensor:
        """What training augments."""
        if self.view == "crop":
            return x_BCTHW
        x_B1THW = inner_face(x_BCTHW[:, :, :: self.frame_step])
        smaller = 0 < self.input_px < x_B1THW.shape[-2]
        return resize_frames(x_B1THW, self.input_px) if smaller else x_B1THW

    def __call__(self, _: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        x_BCTHW = inputs[0]
        if self.view == "crop":
            return (self._sized(x_BCTHW[:, :, :: self.frame_step]),)
        x_BCTHW = still_and_moving(self.look(x_BCTHW) if x_BCTHW.shape[1] == 3 else x_BCTHW)
        return (self._sized(torch.cat([x_BCTHW, x_BCTHW[:, 1:]], dim=1)),)

    def _sized(self, x_BCTHW: Tensor) -> Tensor:
        t, h, w = x_BCTHW.shape[2:]
        size = (self.frames or t, self.input_px or h, self.input_px or w)
        if size == (t, h, w):
            return x_BCTHW
        if size[0] == t and size[1] < h:  # smaller: by areas, without aliasing
            return resize_frames(x_BCTHW, self.input_px)
        return functional.interpolate(x_BCTHW, size, mode="trilinear", align_corners=False)


def _video(
    name: str, num_classes: int, *, view: str, input_px: int, frames: int = 0, frame_step: int = 1
) -> nn.Module:
    if view not in VIEWS:
        raise InputError(f"view {view!r} is unknown; take one of {', '.join(VIEWS)}")
    from torchvision.models import video  # 1.3 s and 100 MB, which other models do without

    model: Any = getattr(video, name)(num_classes=num_classes)
    model.sight = _Sight(view, input_px, frames, frame_step)
    model.register_forward_pre_hook(model.sight)
    return cast(nn.Module, model)


def _own_size(
    name: str, num_classes: int, *, input_px: int = 0, frame_step: int = 1, view: str = "crop"
) -> nn.Module:
    return _video(name, num_classes, input_px=input_px, frame_step=frame_step, view=view)


def _fixed(name: str, num_classes: int, *, frames: int = 0, view: str = "crop") -> nn.Module:
    return _video(name, num_classes, input_px=224, frames=frames, view=view)


MODELS: dict[str, Builder] = {
    "r3d_lite": R3DLite,
    # Tran et al., "A Closer Look at Spatiotemporal Convolutions", 2018; as torchvision has them.
    "r3d_18": partial(_own_size, "r3d_18"),
    "mc3_18": partial(_own_size, "mc3_18"),
    "r2plus1d_18": partial(_own_size, "r2plus1d_18"),
    "s3d": partial(_fixed, "s3d"),  # Xie et al., "Rethinking Spatiotemporal Feature Learning", 2018
    "mvit_v2_s": partial(_fixed, "mvit_v2_s", frames=16),  # Li et al., "MViTv2", 2022
    "swin3d_t": partial(_own_size, "swin3d_t"),  # Liu et al., "Video Swin Transformer", 2022
    "cnn_mean": partial(FrameCNN, temporal="mean"),
    "cnn_lstm": partial(FrameCNN, temporal="lstm"),
    "cnn_gru": partial(FrameCNN, temporal="gru"),
    "cnn_attention": partial(FrameCNN, temporal="attention"),
}
"""Every name that ``--model`` and a package may give."""

NEW_PARTS: dict[str, tuple[str, ...]] = {
    "r3d_lite": ("head.",),
    "r3d_18": ("fc.",),
    "mc3_18": ("fc.",),
    "r2plus1d_18": ("fc.",),
    "s3d": ("classifier.",),
    "mvit_v2_s": ("head.",),
    "swin3d_t": ("head.",),
    **dict.fromkeys(("cnn_mean", "cnn_lstm", "cnn_gru", "cnn_attention"), ("head.", "temporal.")),
}
"""Names of the weights that are learnt anew on another task; all others are the backbone."""


def build_model(name: str, num_classes: int, args: ModelArgs) -> nn.Module:
    """A new model with random weights: (B, 3, T, H, W) normalised clips to (B, num_classes) logits.

    Args:
        name: one of ``MODELS``.
        num_classes: 2 or more.
        args: what the architecture takes; empty for its defaults.

    Raises:
        InputError: on an unknown name or argument.
    """
    if name not in MODELS:
        raise InputError(f"model {name!r} is unknown; take one of {', '.join(MODELS)}")
    if num_classes < 2:
        raise InputError(f"a model needs 2 or more labels, not {num_classes}")
    try:
        return MODELS[name](num_classes, **args)
    except TypeError as err:
        raise InputError(f"model {name} cannot be built with {dict(args)}: {err}") from err


def default_args(name: str) -> dict[str, ModelArg]:
    """Every argument of an architecture, written out: a package does not follow later defaults.

    >>> sorted(default_args("r3d_lite"))
    ['dropout', 'frame_step', 'input_px', 'width']
    """
    parameters = inspect.signature(MODELS[name]).parameters.values()
    found = {p.name: p.default for p in parameters if p.default is not p.empty}
    for fixed in ("temporal", "frames"):
        found.pop(fixed, None)  # that is what the name says
    return found


def model_args(name: str, given: Mapping[str, str]) -> dict[str, ModelArg]:
    """The arguments of an architecture, with those that were ``given`` as text.

    Raises:
        InputError: on an argument that it does not have, or a value of another type.

    >>> model_args("cnn_gru", {"backbone": "resnet50"})["backbone"]
    'resnet50'
    """
    if name not in MODELS:
        raise InputError(f"model {name!r} is unknown; take one of {', '.join(MODELS)}")
    args = default_args(name)
    for key, text in given.items():
        if key not in args:
            has = ", ".join(args) or "none"
            raise InputError(f"model {name} has no argument {key!r}; it has: {has}")
        kind = type(args[key])
        try:
            args[key] = _BOOLS[text.lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise InputError(
                f"argument {key} of model {name} is {text!r}; it must be of type {kind.__name__}"
            ) from None
    return args


_BOOLS = {"true": True, "false": False, "1": True, "0": False}


def look(model: nn.Module, x_BCTHW: Tensor) -> Tensor:
    """What the model sees of normalised clips before its first weight; the model takes either.

    Training augments this: it is the smaller of the two.
    """
    inner: Any = getattr(model, "module", model)  # DistributedDataParallel wraps it
    sees = getattr(inner, "sight", inner)
    return sees.look(x_BCTHW) if isinstance(sees, R3DLite | FrameCNN | _Sight) else x_BCTHW


def parameter_groups(model: nn.Module, name: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The weights of the backbone, which pretraining may bring, and those that are always new."""
    backbone: list[nn.Parameter] = []
    new: list[nn.Parameter] = []
    for key, parameter in model.named_parameters():
        (new if key.startswith(NEW_PARTS[name]) else backbone).append(parameter)
    return backbone, new


def set_frozen(model: nn.Module, name: str, *, frozen: bool) -> None:
    """Whether the backbone keeps its weights."""
    for parameter in parameter_groups(model, name)[0]:
        parameter.requires_grad_(not frozen)
