"""Models of other packages: ``--model package.module:Class``, or the name of an entry point.

A class must

- be a ``torch.nn.Module`` with a docstring;
- take the number of labels first, and then only arguments with a number, text or bool as default;
- map normalised clips, (B, 3, T, H, W) float32, to logits, (B, K) of any float type.

It may have an attribute ``new_parts``: prefixes of the names of the weights that always start at
random; the other weights are the backbone, which fine-tuning may freeze.

Its code runs, so a model package, which may come from anybody, may only name classes of
distributions that declare an entry point of the group ``GROUP``, or of packages that the
environment variable ``ALLOWED`` names.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import os
from typing import Any

import torch
from torch import nn

from emotion.errors import InputError

GROUP = "video_emotion.models"
ALLOWED = "VIDEO_EMOTION_OWN_MODELS"
"""Environment variable: packages whose classes model packages may name, separated by commas."""


def is_own(name: str) -> bool:
    """Return True if a model's name is the import path of a class."""
    return ":" in name


def entry_points() -> dict[str, str]:
    """Return the import paths of models that installed distributions declare, by name."""
    return {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)}


def _top(path: str) -> str:
    """Return the outermost package of an import path."""
    return path.partition(":")[0].partition(".")[0]


@functools.cache
def find_class(path: str) -> type[nn.Module]:
    """Import the class of a model and check it.

    Args:
        path: ``package.module:Class``.

    Raises:
        InputError: if it cannot be imported, or is not a model as this module describes it.
    """
    module_name, _, class_name = path.partition(":")
    if not module_name or not class_name.isidentifier():
        raise InputError(f"model {path!r} must be package.module:Class")
    try:
        module = importlib.import_module(module_name)
    except ImportError as err:
        raise InputError(
            f"model {path} cannot be imported ({err}): install its package, or name its folder in "
            "PYTHONPATH"
        ) from err
    found = getattr(module, class_name, None)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        raise InputError(f"model {path}: {class_name} is not a torch.nn.Module of {module_name}")
    if not (found.__doc__ or "").strip():
        raise InputError(f"model {path} needs a docstring that says what it is")
    _check_arguments(path, found)
    return found


def _check_arguments(path: str, model: type[nn.Module]) -> None:
    arguments = list(inspect.signature(model).parameters.values())
    if not arguments or arguments[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        raise InputError(f"model {path} must take the number of labels as its first argument")
    for argument in arguments[1:]:
        if not isinstance(argument.default, int | float | str | bool):
            raise InputError(
                f"argument {argument.name} of model {path} must have a default: a number, a text, "
                "True or False"
            )


def check_answers(model: nn.Module, name: str, clip_shape: tuple[int, int, int], num: int) -> None:
    """Check that a new model answers with logits for two clips.

    Args:
        model: the model, on the CPU.
        name: its import path, for the error message.
        clip_shape: T, H and W of its clips.
        num: number of labels.

    Raises:
        InputError: if it raises an error, or returns something else.
    """
    model.eval()
    try:
        with torch.inference_mode():
            logits: Any = model(torch.zeros(2, 3, *clip_shape))
    except Exception as err:  # noqa: BLE001  (any error of the class is the user's to mend)
        raise InputError(f"model {name} fails on clips (2, 3, {clip_shape}): {err}") from err
    finally:
        model.train()
    shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != (2, num) or not logits.is_floating_point():
        raise InputError(
            f"model {name} returns {shape} for 2 clips; it must return logits, (2, {num})"
        )


def allow(path: str) -> None:
    """Allow the class that the user has named, in this process and in those that it starts."""
    top = _top(path)
    os.environ[ALLOWED] = ",".join(filter(None, (os.environ.get(ALLOWED), top)))


def check_allowed(path: str, *, made_with: object = None) -> None:
    """Check that a model package may name a class; see the module's text.

    Args:
        path: ``package.module:Class``.
        made_with: version of its distribution by name, as the package states it; None: unknown.

    Raises:
        InputError: if its code may not run, or is not installed.
    """
    top = _top(path)
    allowed = {name.strip() for name in os.environ.get(ALLOWED, "").split(",")}
    declared = {_top(value) for value in entry_points().values()}
    if top not in allowed | declared:
        code = made_with if isinstance(made_with, dict) else {}
        pip = " ".join(f"{name}=={version}" for name, version in code.items())
        raise InputError(
            f"its model is {path}, code that is not of this project; if you trust it, install it"
            f"{f' (pip install {pip})' if pip else ''} and set {ALLOWED}={top}"
        )


def distributions(path: str) -> dict[str, str]:
    """Return the version of the distribution that has a class, by name; empty if none has."""
    top = _top(path)
    names = importlib.metadata.packages_distributions().get(top, [])
    return {name: importlib.metadata.version(name) for name in names}
