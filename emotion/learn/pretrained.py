"""Weights to start from: torchvision's by name, a file's, or another run's package."""

from __future__ import annotations

import pickle  # noqa: TID251 - the name of an error; nothing is unpickled here
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model_weights

from emotion import storage
from emotion.errors import InputError
from emotion.learn.frame_cnn import FrameCNN
from emotion.learn.models import NEW_PARTS

OWN_HEADS = ("fc.", "classifier.", "head.", "temporal.")
"""Where the networks that weights come from keep what is learnt anew on another task."""

ALIASES = {"KINETICS400": "KINETICS400_V1", "IMAGENET": "IMAGENET1K_V1"}


@dataclass(frozen=True)
class Loaded:
    """What a model was given.

    Attributes:
        source: as it was asked for.
        num_tensors: how many of the model's tensors came from there.
        new: the model's weights that did not: its head, by name.
    """

    source: str
    num_tensors: int
    new: tuple[str, ...]


def load_pretrained(model: nn.Module, name: str, source: str, *, backbone: str = "") -> Loaded:
    """Start ``model`` from weights trained elsewhere; its head stays new.

    Args:
        model: as ``build_model`` made it.
        name: its architecture.
        source: ``none`` leaves it as it is; a name of torchvision's, such as KINETICS400_V1,
            IMAGENET1K_V1 (for the frames' network of ``cnn_*``) or DEFAULT, takes its weights from
            torch's cache or a download; else the address of a ``.safetensors`` or ``.pth`` file or
            of a model package, whatever its labels.
        backbone: the image network of ``cnn_*``.

    Raises:
        InputError: if the weights cannot be had or are another architecture's.
    """
    new = tuple(k for k, _ in model.named_parameters() if k.startswith(NEW_PARTS[name]))
    if source == "none":
        return Loaded(source, 0, tuple(k for k, _ in model.named_parameters()))
    if _is_name(source):
        weights = _torchvision(backbone if isinstance(model, FrameCNN) else name, source)
    else:
        weights = _read_weights(source)
    own = model.state_dict()
    body = _fitting(weights, own)
    wrong = [k for k in own if not k.startswith(NEW_PARTS[name]) and k not in body]
    wrong = [k for k in wrong if k not in ("gain", "shift")]  # arithmetic, not learnt
    wrong += [k for k in body if k not in own or own[k].shape != body[k].shape]
    if wrong:
        raise InputError(
            f"weights {source} are not those of {name}: {len(wrong)} tensors such as {wrong[0]} "
            "are missing or of another shape"
        )
    model.load_state_dict(body, strict=False)
    return Loaded(source, len(body), new)


def _is_name(source: str) -> bool:
    return "/" not in source and "." not in source and not Path(source).exists()


def _fitting(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The body of ``weights`` under the names that the model gives it.

    A network inside another has a prefix there; the one that most names fit is meant.
    """
    body = {k: v for k, v in weights.items() if not k.startswith(OWN_HEADS)}
    prefix = max(("", "backbone."), key=lambda p: sum(p + k in own for k in body))
    return {prefix + k: v for k, v in body.items()}


def _torchvision(name: str, source: str) -> Mapping[str, Tensor]:
    wanted = ALIASES.get(source.upper(), source.upper())
    try:
        known: dict[str, WeightsEnum] = dict(get_model_weights(name).__members__)
    except ValueError:
        raise InputError(
            f"--pretrained {source}: {name} has no weights at torchvision; name a file or a package"
        ) from None
    entry = known.get(wanted)
    if entry is None:
        raise InputError(
            f"--pretrained {source!r} must be none, an existing weights file, or, for {name}, one "
            f"of {', '.join(known)}"
        )
    try:
        state: Mapping[str, Tensor] = entry.get_state_dict(progress=False, check_hash=True)
    except (urllib.error.URLError, OSError, RuntimeError) as err:
        raise InputError(
            f"weights {wanted} of {name} are not in torch's cache and {entry.url} does not "
            f"answer ({err}); download the file elsewhere and name it with --pretrained PATH"
        ) from err
    return state


def _read_weights(source: str) -> Mapping[str, Tensor]:
    inside = storage.join(source, "weights.safetensors")
    source = inside if storage.is_folder(source) else source
    try:
        if source.endswith(".safetensors"):
            return safetensors.torch.load(storage.read_bytes(source))
        with storage.local_copy(source) as path:
            return _read_torch(path)
    except FileNotFoundError:
        raise InputError(
            f"--pretrained {source!r} must be none, a name of torchvision's weights, an existing "
            "weights file or a model package"
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
