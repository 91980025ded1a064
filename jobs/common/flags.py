"""Conversion between flags and text: ``--train="..."``, NAME=VALUE pairs, a Config as flags."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from emotion.errors import InputError

TRUE, FALSE = ("true", "1"), ("false", "0")


def pairs(given: Sequence[str], *, flag: str) -> dict[str, str]:
    """Read ``NAME=VALUE`` texts; for a repeated name the last value counts.

    Args:
        given: the texts.
        flag: name of the flag without dashes, for the error message.

    Raises:
        InputError: for a text without ``=``.

    >>> pairs(["epochs=3", "out=s3://b/x=1"], flag="hyperparameters")
    {'epochs': '3', 'out': 's3://b/x=1'}
    """
    for text in given:
        if "=" not in text:
            raise InputError(f"--{flag} {text!r} must be NAME=VALUE")
    return dict(text.split("=", 1) for text in given)


def split_flags(text: str, *, reserved: Sequence[str] = (), owner: str) -> list[str]:
    """Split the value of ``--train``, which holds flags of jobs.train in one text, into words.

    Args:
        text: the flags, such as "--epochs 40 --model r3d_lite".
        reserved: flags that ``text`` must not hold, by their names in a Config.
        owner: unit that sets the reserved flags itself, such as "fold", for the error message.

    Raises:
        InputError: if ``text`` cannot be split or holds a reserved flag.

    >>> split_flags("--epochs 40 --augment 'blur=0.5'", owner="fold")
    ['--epochs', '40', '--augment', 'blur=0.5']
    """
    try:
        words = shlex.split(text)
    except ValueError as err:
        raise InputError(f"--train {text!r} cannot be read as flags: {err}") from err
    held = sorted(f"--{name}".replace("_", "-") for name in field_names(words) & set(reserved))
    if held:
        raise InputError(f"--train may not hold {', '.join(held)}: each {owner} has its own")
    return words


def field_names(words: Sequence[str]) -> set[str]:
    """Return the Config field names of the flags among ``words``.

    >>> sorted(field_names(["--batch-size=8", "--no-compile", "--lr", "0.1"]))
    ['batch_size', 'compile', 'lr']
    """
    heads = [word[2:].split("=")[0] for word in words if word.startswith("--")]
    return {head.replace("-", "_").removeprefix("no_") for head in heads}


def flag_words(config: type[Any], values: Mapping[str, object]) -> list[str]:
    """Return the values of a Config's fields as flags of a command line.

    Args:
        config: the Config class; a field of type bool becomes ``--name`` or ``--no-name``.
        values: values by field name; a value of any type may be given as text.

    Raises:
        InputError: if the value of a field of type bool is neither true nor false.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Config:
    ...     batch_size: int
    ...     compile: bool
    ...     augment: tuple[str, ...]
    >>> flag_words(Config, {"batch_size": 8, "compile": "true", "augment": "flip=0 blur=0.5"})
    ['--batch-size', '8', '--compile', '--augment', 'flip=0', 'blur=0.5']
    """
    hints = get_type_hints(config)
    words: list[str] = []
    for name, value in values.items():
        flag, hint = f"--{name.replace('_', '-')}", hints[name]
        if hint is bool:
            words.append(flag if parse_bool(name, value) else flag.replace("--", "--no-", 1))
        elif _is_optional_bool(hint):
            words += [flag, "None" if str(value) == "None" else str(parse_bool(name, value))]
        elif get_origin(hint) is tuple:
            items = shlex.split(value) if isinstance(value, str) else cast(Sequence[object], value)
            words += [flag, *map(str, items)]
        else:
            words += [flag, str(value)]
    return words


def parse_bool(name: str, value: object) -> bool:
    """Return a bool for true, false, 1 or 0, in any letter case.

    Args:
        name: name of the value, for the error message.
        value: a bool or a text.

    Raises:
        InputError: if ``value`` is something else.

    >>> parse_bool("compile", "True"), parse_bool("compile", False)
    (True, False)
    """
    text = str(value).lower()
    if text not in (*TRUE, *FALSE):
        raise InputError(f"{name} is {value!r}; it must be true or false")
    return text in TRUE


def _is_optional_bool(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType) and set(get_args(hint)) == {bool, type(None)}
