"""Command lines of all verbs: parsing into a frozen Config, and one-line errors."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Protocol, TypeVar, cast, get_args, get_type_hints

import tyro

from emotion import storage
from emotion.errors import InputError
from jobs.common.faults import Fault

ConfigT = TypeVar("ConfigT")


class Main(Protocol):
    """A job's entry point; None takes the process's own arguments."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Run the job and return its exit code."""
        ...


Address = Annotated[str, "address"]
"""A local path or s3:// address in a Config; ``parse`` makes local ones absolute."""
RENAMED = {"--segment-minutes": "--chunk-minutes"}
"""Flags of earlier versions, and their names today."""


def parse(
    config: Callable[..., ConfigT], argv: Sequence[str] | None, *, verb: str, doc: str | None
) -> ConfigT:
    """Read a command line into a ``config``; its fields of type ``Address`` become absolute.

    Args:
        config: a frozen dataclass, or a union of several, as tyro takes them.
        argv: the arguments; None takes the process's own.
        verb: name of the module behind ``python -m``, such as "jobs.train".
        doc: heads ``--help``.

    Raises:
        InputError: on a value that the Config refuses, or a flag that was renamed.
        SystemExit: 2 with a message on any other bad argument, 0 after ``--help``.
    """
    for word in sys.argv[1:] if argv is None else argv:
        flag = word.split("=")[0].replace("_", "-")
        if flag in RENAMED:
            raise InputError(f"{flag} is called {RENAMED[flag]} now")
    chosen = tyro.cli(
        config, prog=f"python -m {verb}", args=argv, description=doc, console_outputs=True
    )
    return _with_absolute_addresses(chosen)


def _with_absolute_addresses(config: ConfigT) -> ConfigT:
    absolute: dict[str, Any] = {}
    for name, hint in get_type_hints(type(config), include_extras=True).items():
        if "address" in _annotations(hint):
            value = getattr(config, name)
            if isinstance(value, str):
                absolute[name] = storage.absolute(value) if value else value
            elif value is not None:
                absolute[name] = tuple(storage.absolute(one) for one in value)
    return replace(cast(Any, config), **absolute) if absolute else config


def _annotations(hint: Any) -> set[Any]:
    """Return what is annotated anywhere in a type hint.

    >>> _annotations(tuple[Address, ...] | None)
    {'address'}
    """
    own = getattr(hint, "__metadata__", ())
    return set(own).union(*(_annotations(part) for part in get_args(hint)))


def pairs(given: Sequence[str], *, flag: str) -> dict[str, str]:
    """``name=value`` texts by name.

    Raises:
        InputError: on a text without ``=``.
    """
    for text in given:
        if "=" not in text:
            raise InputError(f"--{flag} {text!r} must be NAME=VALUE")
    return dict(text.split("=", 1) for text in given)


def one_line_errors(main: Main) -> Main:
    """Turn an expected error into ``error: ...`` on stderr and exit code 2; bugs stay loud.

    Expected are ``EmotionError`` and a storage that fails.
    """

    @functools.wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        with Fault() as fault:
            return main(argv)
        print(f"error: {fault.line}", file=sys.stderr)
        return 2

    return run


_SECRET = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?<=[?&])(password|token|key)=[^&\s]+", re.IGNORECASE)


def masked(text: str) -> str:
    """``text`` without the user and password of the addresses in it.

    >>> masked("http://me:secret@host:5000/x and postgresql://h/db?password=secret")
    'http://***@host:5000/x and postgresql://h/db?***'
    """
    return _SECRET.sub("***", text)
