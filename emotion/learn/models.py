"""The models by name, each built from a class count and a few plain arguments."""

from __future__ import annotations

import inspect
import pickle  # noqa: TID251 - the name of an error; nothing is unpickled here
import urllib.error
from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights, video

from emotion import storage
from emotion.errors import InputError
from emotion.learn.r3d import R3DLite

ModelArg = int | float | str | bool
ModelArgs = Mapping[str, ModelArg]
Builder = Callable[..., nn.Module]

MODELS: dict[str, Builder] = {
    "r3d_lite": R3DLite,
    # Tran et al., "A Closer Look at Spatiotemporal Convolutions", 2018; as torchvision has them.
    "r3d_18": lambda num_classes: video.r3d_18(num_classes=num_classes),
    "mc3_18": lambda num_classes: video.mc3_18(num_classes=num_classes),
    "r2plus1d_18": lambda num_classes: video.r2plus1d_18(num_classes=num_classes),
}
"""Every name that ``--model`` and a package may give."""

HEAD = "fc."
"""Where torchvision's video models keep their classifier, which is never taken over."""


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
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def look(model: nn.Module, x_BCTHW: Tensor) -> Tensor:
    """What the model sees of normalised clips before its first weight; the model takes either.

    Training augments this: it is the smaller of the two.
    """
    inner = getattr(model, "module", model)  # DistributedDataParallel wraps it
    return inner.look(x_BCTHW) if isinstance(inner, R3DLite) else x_BCTHW


def load_pretrained(model: nn.Module, name: str, source: str) -> None:
    """Start ``model`` from weights trained elsewhere; its head stays new.

    Args:
        model: as ``build_model`` made it.
        name: its architecture.
        source: ``none`` leaves it as it is; ``kinetics400`` takes torchvision's weights, from its
            cache or a download; else the address of a ``.safetensors`` or ``.pth`` file.

    Raises:
        InputError: if the weights cannot be had or are another architecture's.
    """
    if source == "none":
        return
    weights = _kinetics400(name) if source == "kinetics400" else _read_weights(source)
    head = "head." if name == "r3d_lite" else HEAD
    own = model.state_dict()
    body = {key: value for key, value in weights.items() if not key.startswith(head)}
    wrong = [key for key in own if not key.startswith(head) and key not in body]
    wrong += [key for key in body if key not in own or own[key].shape != body[key].shape]
    if wrong:
        raise InputError(
            f"weights {source} are not those of {name}: {len(wrong)} tensors such as {wrong[0]} "
            "are missing or of another shape"
        )
    model.load_state_dict(body, strict=False)


def _kinetics400(name: str) -> Mapping[str, Tensor]:
    if name == "r3d_lite":
        raise InputError(
            "--pretrained kinetics400 is for r3d_18, mc3_18 and r2plus1d_18, not for r3d_lite"
        )
    entry = get_model_weights(name).KINETICS400_V1
    try:
        state: Mapping[str, Tensor] = entry.get_state_dict(progress=False, check_hash=True)
    except (urllib.error.URLError, OSError, RuntimeError) as err:
        raise InputError(
            f"Kinetics-400 weights of {name} are not in torch's cache and {entry.url} does not "
            f"answer ({err}); download the file elsewhere and name it with --pretrained PATH"
        ) from err
    return state


def _read_weights(source: str) -> Mapping[str, Tensor]:
    try:
        if source.endswith(".safetensors"):
            return safetensors.torch.load(storage.read_bytes(source))
        with storage.local_copy(source) as path:
            return _read_torch(path)
    except FileNotFoundError:
        raise InputError(
            f"--pretrained {source!r} must be none, kinetics400 or an existing weights file"
        ) from None
    except safetensors.SafetensorError as err:
        raise InputError(f"weights {source} are not a safetensors file: {err}") from err


def _read_torch(path: Path) -> Mapping[str, Tensor]:
    """A ``.pth`` of plain tensors; nothing else in it is ever run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as err:
        raise InputError(f"weights {path} are not a file of tensors") from err
    if not isinstance(state, Mapping):
        raise InputError(f"weights {path} hold a {type(state).__name__}, not named tensors")
    return state
