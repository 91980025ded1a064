"""Pretrained weights: from torchvision by name, from a file, or from a model package."""

from __future__ import annotations

import contextlib
import http.client
import pickle  # noqa: TID251 - only for the name of an error; no pickle is loaded
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from emotion import storage
from emotion.errors import InputError
from emotion.models.registry import find_model
from emotion.package.files import is_package
from emotion.package.model_package import load_package
from emotion.package.seen import Seen
from emotion.published.default import find_default_package

SOURCE_HEADS = ("fc.", "classifier.", "head.", "temporal.")
"""Prefixes of the names of a source's head weights; these weights are never taken."""

NOT_LEARNT = ("gain", "shift")
"""Tensors that a model computes itself (``emotion.models.frame_cnn``); a source may lack them."""

DEFAULT = "default"
"""Source that means the package of ``emotion.published.default.find_default_package``."""

ALIASES = {"KINETICS400": "KINETICS400_V1", "IMAGENET": "IMAGENET1K_V1"}

NO_ANSWER_S = 20.0
"""Seconds without a received byte after which a download fails; a download may take longer."""

MAX_NAMES = 4
"""Largest number of names in a message; the others are counted."""

UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,  # from torch's zip reader, or because of a wrong hash
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
"""Errors that torch raises for a file that does not hold tensors."""

INNER_NAMES = ("state_dict", "model")
"""Keys under which the checkpoint of a training script may hold the weights."""


@dataclass(frozen=True)
class PretrainedWeights:
    """Tensors that a model took from a source.

    Attributes:
        source: value of --pretrained.
        num_tensors: number of the model's tensors that came from the source.
        new: names of the model's weights that stay random: those of its head, or all for ``none``.
        left: names and shapes of the source's tensors that were not taken: those of its head.
        taken: the tensors that were taken, by the model's names.
        seen: people and files that the source's weights were trained on; None: not known.
    """

    source: str
    num_tensors: int
    new: tuple[str, ...]
    left: tuple[str, ...] = ()
    taken: Mapping[str, Tensor] = field(default_factory=dict, repr=False, compare=False)
    seen: Seen | None = field(default=Seen(), repr=False, compare=False)

    def __str__(self) -> str:
        left = f"; left there: {shortened(self.left)}" if self.left else ""
        return (
            f"pretrained {self.source}: {self.num_tensors} tensors taken, "
            f"new: {shortened(self.new)}{left}"
        )

    def to_json(self) -> dict[str, object]:
        """Return the facts that a model package stores."""
        names = {"new": list(self.new), "left": list(self.left)}
        return {"source": self.source, "num_tensors": self.num_tensors} | names


def shortened(names: Sequence[str]) -> str:
    """Return the first ``MAX_NAMES`` names and the number of the others as text.

    >>> shortened(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 more'
    """
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def load_pretrained(
    model: nn.Module, name: str, source: str, *, backbone: str = ""
) -> PretrainedWeights:
    """Load pretrained weights into the backbone of ``model``; the head stays random.

    Args:
        model: a model of ``build_model``.
        name: architecture of ``model``.
        source: ``none`` loads no weights. ``default`` takes the backbone of the default package. A
            name of torchvision's weights, such as KINETICS400_V1, IMAGENET1K_V1 (for the image
            network of ``cnn_*``) or DEFAULT, loads from torch's cache or downloads. Any other value
            is the local or s3:// address of a ``.safetensors`` or ``.pth`` file, or of a model
            package with any labels.
        backbone: name of the image network of ``cnn_*``; empty for other models.

    Raises:
        InputError: if the weights cannot be read or are those of another architecture.
    """
    new_parts = find_model(name).new_parts
    new = tuple(k for k, _ in model.named_parameters() if k.startswith(new_parts))
    if source == "none":
        return PretrainedWeights(source, 0, tuple(k for k, _ in model.named_parameters()))
    address = package_address(source)
    seen: Seen | None = Seen()
    if address is not None:
        package = load_package(address)
        weights: Mapping[str, Tensor] = safetensors.torch.load(package.weights)
        seen = package.seen
        source = f"default, model {package.model_id}" if source == DEFAULT else source
    else:
        named = _is_name(source)
        weights = _torchvision(backbone or name, source) if named else _read_weights(source)
    own, heads = model.state_dict(), (*SOURCE_HEADS, *new_parts)
    body = _under_own_names({k: v for k, v in weights.items() if not k.startswith(heads)}, own)
    if wrong := _mismatches(body, own, new_parts):
        raise InputError(
            f"weights {source} are not those of {name}; {len(wrong)} tensors differ: "
            f"{shortened(wrong)}"
        )
    model.load_state_dict(body, strict=False)
    left = tuple(f"{k} {tuple(v.shape)}" for k, v in weights.items() if k.startswith(heads))
    return PretrainedWeights(source, len(body), new, left, body, seen)


def package_address(source: str) -> str | None:
    """Return the address of the package that a ``--pretrained`` names; None if it names none.

    Raises:
        InputError: if ``source`` is ``default`` and there is no default package.
    """
    if source == DEFAULT:
        return find_default_package()
    return source if not _is_name(source) and is_package(source) else None


def _mismatches(
    body: Mapping[str, Tensor], own: Mapping[str, Tensor], new_parts: tuple[str, ...]
) -> list[str]:
    """List differences in name and shape between the source's and the model's backbone tensors."""
    wrong = []
    for key in dict.fromkeys((*own, *body)):
        needed, given = own.get(key), body.get(key)
        if given is None and (key.startswith(new_parts) or key in NOT_LEARNT):
            continue
        if given is None:
            wrong.append(f"{key} is missing")
        elif needed is None:
            wrong.append(f"{key} is not the model's")
        elif needed.shape != given.shape:
            wrong.append(f"{key} is {tuple(given.shape)}, not {tuple(needed.shape)}")
    return wrong


def _is_name(source: str) -> bool:
    return "/" not in source and "." not in source and not Path(source).exists()


def _under_own_names(body: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the source's backbone tensors by the model's names.

    The prefix "" or ``backbone.`` (the image network of ``cnn_*``) is added to all names:
    whichever gives more names of the model.
    """
    prefix = max(("", "backbone."), key=lambda p: sum(p + k in own for k in body))
    return {prefix + k: v for k, v in body.items()}


def _torchvision(name: str, source: str) -> Mapping[str, Tensor]:
    from torchvision.models import WeightsEnum, get_model_weights  # costs 3 s

    title = ALIASES.get(source.upper(), source.upper())
    try:
        entries: dict[str, WeightsEnum] = dict(get_model_weights(name).__members__)
    except ValueError:
        raise InputError(
            f"--pretrained {source}: {name} has no weights at torchvision; name a file or a package"
        ) from None
    entry = entries.get(title)
    if entry is None:
        raise InputError(
            f"--pretrained {source!r} must be none, an existing weights file, or, for {name}, one "
            f"of {', '.join(entries)}"
        )
    try:
        with _socket_timeout(NO_ANSWER_S):
            state: Mapping[str, Tensor] = entry.get_state_dict(
                progress=False, check_hash=True, weights_only=True
            )
    except (OSError, http.client.HTTPException) as err:
        raise InputError(
            f"weights {title} of {name} are not in torch's cache and {entry.url} does not "
            f"answer ({err}); download the file elsewhere and name it with --pretrained PATH"
        ) from err
    except UNREADABLE as err:
        raise InputError(
            f"weights {title} of {name} are damaged, in torch's cache {torch.hub.get_dir()} or by "
            f"the download: {err}"
        ) from err
    return state


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Set a timeout for new sockets; torch.hub sets none and could wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_weights(source: str) -> Mapping[str, Tensor]:
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
    """Read a ``.pth`` file of plain tensors; no code in it is run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as err:
        raise InputError(f"weights {source} are not a file of tensors") from err
    for name in INNER_NAMES:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"weights {source} hold a {type(state).__name__}, not named tensors")
    return state
