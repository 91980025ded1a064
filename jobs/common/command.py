"""What every verb's command line shares: parsing into a frozen Config, and one-line errors."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Sequence
from typing import Protocol, TypeVar

import tyro

from emotion.errors import InputError
from jobs.common.faults import expected_errors, expected_line

ConfigT = TypeVar("ConfigT")


class Main(Protocol):
    """A job's entry point; None takes the process's own arguments."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Run the job and return its exit code."""
        ...


def parse(config: type[ConfigT], argv: Sequence[str] | None, *, doc: str | None) -> ConfigT:
    """Read ``argv`` (None: the process's own) into a ``config``; ``doc`` heads ``--help``.

    Raises:
        SystemExit: 2 with a message on a bad argument, 0 after ``--help``.
    """
    spec = sys.modules["__main__"].__spec__
    name = spec.name if config.__module__ == "__main__" and spec else config.__module__
    return tyro.cli(
        config,
        prog=f"python -m {name}",
        args=argv,
        description=doc,
        config=(tyro.conf.FlagConversionOff,),
        console_outputs=True,
    )


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
        try:
            return main(argv)
        except expected_errors() as err:
            line = expected_line(err)
            if line is None:
                raise
            print(f"error: {line}", file=sys.stderr)
            return 2

    return run


_SECRET = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?<=[?&])(password|token|key)=[^&\s]+", re.IGNORECASE)


def masked(text: str) -> str:
    """``text`` without the user and password of the addresses in it.

    >>> masked("http://me:secret@host:5000/x and postgresql://h/db?password=secret")
    'http://***@host:5000/x and postgresql://h/db?***'
    """
    return _SECRET.sub("***", text)
