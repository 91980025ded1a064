"""What every verb's command line shares: parsing into a frozen Config, and one-line errors."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Sequence
from typing import Protocol, TypeVar

import tyro

from emotion.errors import EmotionError, InputError

ConfigT = TypeVar("ConfigT")
_FAULTS = (
    errno.EIO,
    errno.EBUSY,  # S3's SlowDown and ServiceUnavailable, after s3fs gave up
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.ESTALE,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
)


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


def expected_errors() -> tuple[type[Exception], ...]:
    """What may be nobody's bug; ``expected_line`` tells."""
    return (EmotionError, *storage_errors())


def expected_line(err: BaseException) -> str | None:
    """One line for an error that is nobody's bug; None for any other.

    >>> expected_line(ConnectionRefusedError(111, "Connection refused"))
    '[Errno 111] Connection refused'
    >>> expected_line(KeyError("a")) is None
    True
    """
    if isinstance(err, EmotionError):
        return str(err)
    if isinstance(err, OSError) and not _is_storage_fault(err):
        return None
    if isinstance(err, storage_errors()):
        return " ".join(str(err).split()) or type(err).__name__
    return None


def _is_storage_fault(err: OSError) -> bool:
    """Whether the disk or the network failed; a file that is not where it must be is a bug."""
    away = (ConnectionError, TimeoutError, PermissionError)
    return isinstance(err, away) or err.errno in _FAULTS


def storage_errors() -> tuple[type[Exception], ...]:
    """What a storage that fails raises; boto's errors are no ``OSError``."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return (OSError,)
    return (OSError, BotoCoreError, ClientError)
