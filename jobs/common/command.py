"""Command lines of all verbs: arguments become a frozen Config, expected errors become one line."""

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
    """Entry point of a job; ``argv`` None takes the arguments of the process."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Run the job and return its exit code."""
        ...


Address = Annotated[str, "address"]
"""Type of a local path or s3:// address in a Config; ``parse`` makes local paths absolute."""
Addresses = Address | tuple[Address, ...]
"""Type of one address, or of several after one flag."""
RENAMED = {"--segment-minutes": "--chunk-minutes"}
"""Flags of earlier versions, and their current names."""


def parse(
    config: Callable[..., ConfigT], argv: Sequence[str] | None, *, verb: str, doc: str | None
) -> ConfigT:
    """Read a command line into a Config; make its fields of type ``Address`` absolute.

    Args:
        config: a frozen dataclass, or a union of several, for tyro.
        argv: the arguments; None takes those of the process.
        verb: module after ``python -m``, such as "jobs.train".
        doc: text at the top of ``--help``.

    Raises:
        InputError: if the Config refuses a value, or a flag has been renamed.
        SystemExit: with code 2 and a message for any other wrong argument; 0 after ``--help``.
    """
    for word in sys.argv[1:] if argv is None else argv:
        flag = word.split("=")[0].replace("_", "-")
        if flag in RENAMED:
            raise InputError(f"{flag} is called {RENAMED[flag]} now")
    parsed = tyro.cli(
        config, prog=f"python -m {verb}", args=argv, description=doc, console_outputs=True
    )
    return _with_absolute_addresses(parsed)


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
    """Return the annotations of a type hint and of its parts.

    >>> _annotations(tuple[Address, ...] | None)
    {'address'}
    """
    own = getattr(hint, "__metadata__", ())
    return set(own).union(*(_annotations(part) for part in get_args(hint)))


def one_line_errors(main: Main) -> Main:
    """Print an expected error as ``error: ...`` on stderr and return exit code 2.

    Expected errors are ``EmotionError`` and storage failures. Any other exception is a bug and is
    raised.
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
    """Return ``text`` with ``***`` for user, password, token and key in each address.

    >>> masked("http://me:secret@host:5000/x and postgresql://h/db?password=secret")
    'http://***@host:5000/x and postgresql://h/db?***'
    """
    return _SECRET.sub("***", text)
