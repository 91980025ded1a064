"""What every verb's command line shares: parsing into a frozen Config, and one-line errors."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Protocol, TypeVar

import tyro

from emotion.errors import EmotionError

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


def one_line_errors(main: Main) -> Main:
    """Turn an expected error into ``error: ...`` on stderr and exit code 2; bugs stay loud."""

    expected: tuple[type[Exception], ...] = (EmotionError, *_aws_errors())

    @functools.wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except expected as err:
            print(f"error: {err}", file=sys.stderr)
            return 2

    return run


def _aws_errors() -> tuple[type[Exception], ...]:
    """What boto raises for credentials, regions and endpoints; nothing where it is missing."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return ()
    return (BotoCoreError, ClientError)
