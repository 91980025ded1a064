"""Checks of a package that was read: it may have been edited or made by anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch

from emotion.errors import InputError
from emotion.models.registry import ModelArg, build_model
from emotion.package.files import FACTS, WEIGHTS

MAX_ARG = 100_000
"""Largest number in the arguments of an architecture; larger ones would fill the memory."""

_TYPES: dict[str, type] = {
    "architecture": str,
    "args": dict,
    "labels": list,
    "extraction": dict,
    "weights_sha256": str,
    "training": dict,
    "metrics": dict,
    "versions": dict,
    "trust": dict,
}


def check_types(facts: Mapping[str, Any]) -> None:
    """Check that the facts have the JSON types that this project writes.

    Raises:
        InputError: if one has another type, or an argument of the architecture is out of range.
    """
    for name, kind in _TYPES.items():
        if name in facts and not isinstance(facts[name], kind):
            raise InputError(
                f"{FACTS}: {name} is {repr(facts[name])[:40]}, must be a {kind.__name__}"
            )
    if not isinstance(facts.get("temperature", 1.0), int | float):
        raise InputError(f"{FACTS}: temperature is {facts['temperature']!r}, must be a number")
    labels = facts["labels"]
    if not all(isinstance(label, str) for label in labels) or len(set(labels)) != len(labels):
        raise InputError(f"{FACTS}: labels must be different names, got {repr(labels)[:60]}")
    for name, value in facts["args"].items():
        if not isinstance(value, str | int | float | bool):
            raise InputError(
                f"{FACTS}: argument {name} is {repr(value)[:40]}, must be a plain value"
            )
        if not isinstance(value, str) and not -MAX_ARG <= value <= MAX_ARG:
            raise InputError(f"{FACTS}: argument {name} is {value}, must be at most {MAX_ARG:,}")


def check_fit(name: str, args: Mapping[str, ModelArg], num_labels: int, weights: bytes) -> None:
    """Check that names and shapes of the weights fit the architecture and the number of labels.

    Raises:
        InputError: if they do not fit, a value is not finite, or the bytes are not a safetensors
            file.
    """
    try:
        tensors = safetensors.torch.load(weights)
    except safetensors.SafetensorError as err:
        raise InputError(f"{WEIGHTS} is not a safetensors file: {err}") from err
    try:
        with torch.device("meta"):  # shapes only
            needed = build_model(name, num_labels, args).state_dict()
    except (RuntimeError, ValueError) as err:
        what = f"{name} with {dict(args)}"
        raise InputError(f"{what} cannot be built: {str(err).splitlines()[0]}") from err
    for key in sorted(needed.keys() | tensors.keys()):
        own = tuple(needed[key].shape) if key in needed else None
        given = tuple(tensors[key].shape) if key in tensors else None
        if own != given:
            raise InputError(
                f"{WEIGHTS} has {key} {given}, {name} with {num_labels} labels needs {own}"
            )
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{WEIGHTS}: {key} has values that are not finite; train again")
