"""Flags from a YAML file: ``--config FILE`` on the command line of every verb."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from emotion import storage
from emotion.errors import InputError

FLAG = "--config"
CONFIG_HELP = (
    f"{FLAG} FILE reads flags from a YAML file, such as epochs: 30; flags here count more."
)
"""Line at the top of each verb's ``--help``."""
NULLS = ("", "null", "~")
"""Texts of a value that stands for the default."""


def with_config_files(words: Sequence[str]) -> list[str]:
    """Return a command line with the flags of its config files in front of the others.

    A flag on the command line replaces the file's value; of two files the later one counts.

    Args:
        words: arguments of the command line.

    Raises:
        InputError: if a file cannot be read or is not a YAML mapping of flags.

    >>> with_config_files(["--epochs", "3"])
    ['--epochs', '3']
    """
    rest: list[str] = []
    files: list[str] = []
    following = iter(words)
    for word in following:
        if word == FLAG:
            files.append(next(following, ""))
        elif word.startswith(f"{FLAG}="):
            files.append(word.removeprefix(f"{FLAG}="))
        else:
            rest.append(word)
    given = {_flag(word.split("=")[0]) for word in rest if word.startswith("--")}
    values = {flag: value for name in files for flag, value in _flags_of(name).items()}
    from_files = [
        word for flag, value in values.items() if flag not in given for word in (flag, *value)
    ]
    place = next((k for k, word in enumerate(rest) if word.startswith("-")), len(rest))
    return [*rest[:place], *from_files, *rest[place:]]


def _flag(name: str) -> str:
    return f"--{name.lstrip('-').replace('_', '-')}"


def _flags_of(name: str) -> dict[str, list[str]]:
    """Return the words after each flag that a file names."""
    if not name:
        raise InputError(f"{FLAG} needs a YAML file with the flags as keys, such as epochs: 30")
    try:
        # Without types every value stays as it is written: no and 1e-3 are texts.
        tree = yaml.load(storage.read_bytes(storage.absolute(name)), Loader=yaml.BaseLoader)
    except FileNotFoundError as err:
        raise InputError(f"{FLAG} {name} does not exist") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise InputError(f"{FLAG} {name} is not YAML: {' '.join(str(err).split())}") from err
    if not isinstance(tree, dict):
        raise InputError(f"{FLAG} {name} must hold a flag and its value per line, as epochs: 30")
    return {
        _flag(str(key)): list(_words(value, name=name, key=str(key)))
        for key, value in tree.items()
        if value not in NULLS
    }


def _words(value: Any, *, name: str, key: str) -> Iterator[str]:
    if isinstance(value, str):
        yield value.capitalize() if value.lower() in ("true", "false") else value
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        yield from value
    elif isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        yield from (f"{inner}={one}" for inner, one in value.items())
    else:
        raise InputError(
            f"{FLAG} {name}: {key} must be one value, a list of values, or NAME: VALUE pairs"
        )
