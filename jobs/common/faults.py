"""Failures that are no bug: bad input and unreachable storage, as one line."""

from __future__ import annotations

import errno

from emotion.errors import EmotionError

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
