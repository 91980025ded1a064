"""Registry of the models by name: the values of ``--model`` and of a package's architecture."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from emotion.errors import InputError
from emotion.models import video
from emotion.models.frame_cnn import FrameCNN
from emotion.models.own import entry_points, find_class, is_own
from emotion.models.r3d import R3DLite
from emotion.models.temporal import Temporal

ModelArg = int | float | str | bool
ModelArgs = Mapping[str, ModelArg]


def whole_clip(model: Any, x_BCTHW: Tensor) -> Tensor:
    """Return the clips unchanged; this is the ``look`` of a model that uses every pixel."""
    return x_BCTHW


@dataclass(frozen=True)
class Model:
    """One architecture.

    Attributes:
        build: called with the number of labels and with arguments by name, each a plain number or
            text with a default; returns a module from (B, 3, T, H, W) normalised clips to
            (B, num_classes) logits. A keyword that ``functools.partial`` binds is not an argument.
        new_parts: prefixes of the names of the weights that always start at random. All other
            weights are the backbone: it may be pretrained, and it may be frozen.
        look: called with the module and normalised clips; returns the part of the clips that the
            module uses, before any weight. Training augments this part because it is smaller. The
            module must take both whole clips and the result of ``look``.
        trunk: called with the module and the result of ``look``; returns the outputs of the part of
            the backbone that fine-tuning may keep frozen. The module takes them too, with
            ``from_trunk=True``, and its ``trunk_parts`` are the prefixes of that part's weights.
            None: such a part is not known.
    """

    build: Callable[..., nn.Module]
    new_parts: tuple[str, ...]
    look: Callable[[Any, Tensor], Tensor] = whole_clip
    trunk: Callable[[Any, Tensor], Tensor] | None = None


def _frame_cnn(temporal: Temporal) -> Model:
    build = partial(FrameCNN, temporal=temporal)
    return Model(build, ("head.", "temporal."), FrameCNN.look, FrameCNN.trunk)


MODELS: dict[str, Model] = {
    "r3d_lite": Model(R3DLite, ("head.",), R3DLite.look),
    # Tran et al., "A Closer Look at Spatiotemporal Convolutions", 2018; built by torchvision.
    "r3d_18": Model(partial(video.any_size, "r3d_18"), ("fc.",), video.look),
    "mc3_18": Model(partial(video.any_size, "mc3_18"), ("fc.",), video.look),
    "r2plus1d_18": Model(partial(video.any_size, "r2plus1d_18"), ("fc.",), video.look),
    # Xie et al., "Rethinking Spatiotemporal Feature Learning", 2018
    "s3d": Model(partial(video.fixed_size, "s3d", frames=0), ("classifier.",), video.look),
    # Li et al., "MViTv2", 2022
    "mvit_v2_s": Model(partial(video.fixed_size, "mvit_v2_s", frames=16), ("head.",), video.look),
    # Liu et al., "Video Swin Transformer", 2022
    "swin3d_t": Model(partial(video.any_size, "swin3d_t"), ("head.",), video.look),
    "cnn_mean": _frame_cnn("mean"),
    "cnn_lstm": _frame_cnn("lstm"),
    "cnn_gru": _frame_cnn("gru"),
    "cnn_attention": _frame_cnn("attention"),
}
"""Every model by its name."""


def find_model(name: str) -> Model:
    """Return the entry of ``name``, or an entry for the class of another package.

    Raises:
        InputError: if there is no model of this name, which lists the names; or the class is not a
            model, see ``emotion.models.own``.
    """
    if is_own(name):
        model = find_class(name)
        return Model(model, tuple(getattr(model, "new_parts", ())))
    if name not in MODELS:
        raise InputError(f"model {name!r} is unknown; take one of {', '.join(model_names())}")
    return MODELS[name]


def model_names() -> list[str]:
    """Return the names that --model takes, with those of installed plug-ins."""
    return [*MODELS, *sorted(entry_points().keys() - MODELS.keys()), "package.module:Class"]


def import_path(name: str) -> str:
    """Return the import path of the class that an installed plug-in calls ``name``, else ``name``.

    >>> import_path("r3d_18"), import_path("my_models.nets:Tiny")
    ('r3d_18', 'my_models.nets:Tiny')
    """
    return name if name in MODELS or is_own(name) else entry_points().get(name, name)


def build_model(name: str, num_classes: int, args: ModelArgs) -> nn.Module:
    """Build a model with random weights: normalised clips to (B, num_classes) logits.

    Args:
        name: one of ``MODELS``, or ``package.module:Class``.
        num_classes: 2 or more.
        args: arguments of the architecture; those left out have their defaults.

    Raises:
        InputError: on an unknown name or argument, or fewer than 2 labels.
    """
    model = find_model(name)
    if num_classes < 2:
        raise InputError(f"a model needs 2 or more labels, not {num_classes}")
    try:
        return model.build(num_classes, **args)
    except TypeError as err:
        raise InputError(f"model {name} cannot be built with {dict(args)}: {err}") from err


def default_args(name: str) -> dict[str, ModelArg]:
    """Return every argument of an architecture with its default.

    A package stores all of them, so that it does not change when a later release has another
    default.

    >>> sorted(default_args("r3d_lite"))
    ['dropout', 'frame_step', 'input_px', 'width']
    """
    build = find_model(name).build
    bound = build.keywords if isinstance(build, partial) else {}
    parameters = inspect.signature(build).parameters.values()
    return {
        p.name: p.default for p in parameters if p.default is not p.empty and p.name not in bound
    }


def model_args(name: str, given: Mapping[str, str]) -> dict[str, ModelArg]:
    """Return all arguments of an architecture: its defaults, replaced by the ``given`` values.

    A given text is converted to the type of the default. A bool is true, false, 1 or 0.

    Raises:
        InputError: on an unknown model or argument, or a text that cannot be converted.

    >>> model_args("cnn_gru", {"backbone": "resnet50"})["backbone"]
    'resnet50'
    """
    find_model(name)
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


def parameter_groups(model: nn.Module, name: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the weights of the backbone, then the weights of ``Model.new_parts``."""
    new_parts = find_model(name).new_parts
    backbone: list[nn.Parameter] = []
    new: list[nn.Parameter] = []
    for key, parameter in model.named_parameters():
        (new if key.startswith(new_parts) else backbone).append(parameter)
    return backbone, new


def set_frozen(model: nn.Module, name: str, *, frozen: bool, trunk: bool = False) -> None:
    """Freeze the weights of the backbone (they get no gradient), or unfreeze them.

    With ``trunk``, the weights of ``Model.trunk`` stay frozen in either case.
    """
    for parameter in parameter_groups(model, name)[0]:
        parameter.requires_grad_(not frozen)
    if trunk:
        for key, parameter in model.named_parameters():
            if key.startswith(model.trunk_parts):  # type: ignore[arg-type]
                parameter.requires_grad_(False)
