"""Weights to start from: torchvision's by name, a file's, or another run's package."""

from __future__ import annotations

import contextlib
import http.client
import pickle  # noqa: TID251 - the name of an error; nothing is unpickled here
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model_weights

from emotion import storage
from emotion.errors import InputError
from emotion.models.frame_cnn import FrameCNN
from emotion.models.registry import NEW_PARTS
from emotion.package.model_package import load_package

OWN_HEADS = ("fc.", "classifier.", "head.", "temporal.")
"""Where the networks that weights come from keep what is learnt anew on another task."""

ALIASES = {"KINETICS400": "KINETICS400_V1", "IMAGENET": "IMAGENET1K_V1"}

NO_ANSWER_S = 20.0
"""A download in which nothing comes for so long is given up; it may take as long as it likes."""

SHOWN = 4
"""Names of tensors in a message; the others are counted."""

UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,  # torch's zip reader, and a hash that is another
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
"""What torch raises on bytes that are no tensors, depending on where it loses its way."""

INNER = ("state_dict", "model")
"""Where a training script's checkpoint keeps the weights."""


@dataclass(frozen=True)
class Loaded:
    """What a model was given.

    Attributes:
        source: as it was asked for.
        num_tensors: how many of the model's tensors came from there.
        new: the model's weights that did not: its head, by name.
        left: the source's tensors that were not taken: its own head, with their shapes.
        taken: the tensors that were, by the model's names.
    """

    source: str
    num_tensors: int
    new: tuple[str, ...]
    left: tuple[str, ...] = ()
    taken: Mapping[str, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        left = f"; left there: {few(self.left)}" if self.left else ""
        return (
            f"pretrained {self.source}: {self.num_tensors} tensors taken, "
            f"new: {few(self.new)}{left}"
        )

    def to_json(self) -> dict[str, object]:
        """What a package tells of it."""
        names = {"new": list(self.new), "left": list(self.left)}
        return {"source": self.source, "num_tensors": self.num_tensors} | names


def few(names: Sequence[str]) -> str:
    """The first few names and a count of the rest.

    >>> few(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 more'
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def load_pretrained(model: nn.Module, name: str, source: str, *, backbone: str = "") -> Loaded:
    """Start ``model`` from weights trained elsewhere; its head stays new.

    Args:
        model: as ``build_model`` made it.
        name: its architecture.
        source: ``none`` leaves it as it is; a name of torchvision's, such as KINETICS400_V1,
            IMAGENET1K_V1 (for the frames' network of ``cnn_*``) or DEFAULT, takes its weights from
            torch's cache or a download; else the local or s3:// address of a ``.safetensors`` or
            ``.pth`` file or of a model package, whatever its labels.
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
    if wrong := _mismatches(body, own, NEW_PARTS[name]):
        raise InputError(
            f"weights {source} are not those of {name}; {len(wrong)} tensors differ: {few(wrong)}"
        )
    model.load_state_dict(body, strict=False)
    head = {k: v for k, v in weights.items() if k.startswith(OWN_HEADS)}
    left = tuple(f"{k} {tuple(v.shape)}" for k, v in head.items())
    return Loaded(source, len(body), new, left, body)


def _mismatches(
    body: Mapping[str, Tensor], own: Mapping[str, Tensor], new_parts: tuple[str, ...]
) -> list[str]:
    """What the two sides of the backbone do not have alike, with shapes."""
    wrong = []
    for key in dict.fromkeys((*own, *body)):
        needed, found = own.get(key), body.get(key)
        if found is None and (key.startswith(new_parts) or key in ("gain", "shift")):
            continue  # gain and shift: arithmetic, not learnt
        if found is None:
            wrong.append(f"{key} is missing")
        elif needed is None:
            wrong.append(f"{key} is not the model's")
        elif needed.shape != found.shape:
            wrong.append(f"{key} is {tuple(found.shape)}, not {tuple(needed.shape)}")
    return wrong


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
        with _bounded_waiting():
            state: Mapping[str, Tensor] = entry.get_state_dict(
                progress=False, check_hash=True, weights_only=True
            )
    except (OSError, http.client.HTTPException) as err:
        raise InputError(
            f"weights {wanted} of {name} are not in torch's cache and {entry.url} does not "
            f"answer ({err}); download the file elsewhere and name it with --pretrained PATH"
        ) from err
    except UNREADABLE as err:
        raise InputError(
            f"weights {wanted} of {name} are damaged, in torch's cache {torch.hub.get_dir()} or by "
            f"the download: {err}"
        ) from err
    return state


@contextlib.contextmanager
def _bounded_waiting() -> Iterator[None]:
    """torch.hub sets no timeout of its own: a network that swallows packets would hang for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NO_ANSWER_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_weights(source: str) -> Mapping[str, Tensor]:
    if source.endswith((".tar.gz", ".tgz")):
        return safetensors.torch.load(load_package(source).weights)
    inside = storage.join(source, "weights.safetensors")
    try:
        source = inside if storage.is_folder(source) else source
        if source.endswith(".safetensors"):
            return safetensors.torch.load(storage.read_bytes(source))
        with storage.local_copy(source) as path:
            return _read_torch(path, source)
    except FileNotFoundError:
        raise InputError(
            f"--pretrained {source!r} must be none, a name of torchvision's weights, an existing "
            "weights file or a model package"
        ) from None
    except safetensors.SafetensorError as err:
        raise InputError(f"weights {source} are not a safetensors file: {err}") from err
    except OSError as err:
        raise InputError(f"weights {source} cannot be read: {err}") from err


def _read_torch(path: Path, source: str) -> Mapping[str, Tensor]:
    """A ``.pth`` of plain tensors; nothing else in it is ever run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as err:
        raise InputError(f"weights {source} are not a file of tensors") from err
    for name in INNER:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"weights {source} hold a {type(state).__name__}, not named tensors")
    return state
