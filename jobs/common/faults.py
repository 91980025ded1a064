"""Expected failures: bad input and storage failures. A job prints them in one line.

Any other exception is a bug and is raised.
"""

from __future__ import annotations

import errno
import sys
from dataclasses import dataclass
from types import TracebackType

from emotion.errors import EmotionError

_FAULTS = (
    errno.EIO,
    errno.EBUSY,  # S3's SlowDown and ServiceUnavailable, after the last retry of s3fs
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,  # a limit of the file system or of the process
    errno.EROFS,
    errno.ESTALE,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EMFILE,
    errno.ENFILE,
)
_REMEDIES = {
    errno.ENOSPC: "the disk of the output, or of the temporary folder, is full: free some space",
    errno.EDQUOT: "the quota of the output's disk is used up: free some space",
    errno.EMFILE: "raise the number of open files: ulimit -n 4096",
    errno.ENFILE: "this machine has too many open files: end other programs",
}


@dataclass
class Fault:
    """Context manager that catches an expected failure and keeps its message.

    Any other exception is a bug and leaves the block.

    Attributes:
        line: message of the failure in one line; empty without a failure.

    >>> with Fault() as fault:
    ...     raise ConnectionRefusedError(111, "Connection refused")
    >>> fault
    Fault(line='[Errno 111] Connection refused')
    """

    line: str = ""

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> bool:
        line = None if err is None else expected_line(err)
        self.line = line or ""
        return line is not None


def check_fault(line: str) -> None:
    """Stop the job if a worker reported an expected failure.

    Args:
        line: message of the failure; empty without a failure.

    Raises:
        EmotionError: if ``line`` is not empty; its message adds that the same command resumes.
    """
    if line:
        raise EmotionError(f"{line}; run the same command again to resume")


def expected_line(err: BaseException) -> str | None:
    """Return the message of an expected failure in one line; None if ``err`` is a bug.

    >>> expected_line(ConnectionRefusedError(111, "Connection refused"))
    '[Errno 111] Connection refused'
    >>> expected_line(KeyError("a")) is None
    True
    """
    if isinstance(err, EmotionError):
        return str(err) or type(err).__name__
    if isinstance(err, BrokenPipeError):
        return f"{err}: a connection, or the program that reads this job's output, has ended"
    if isinstance(err, OSError) and not _is_storage_fault(err):
        return None
    if _is_out_of_memory(err):
        return f"too little memory ({err}); give more, or raise the limit of ulimit -v"
    if isinstance(err, storage_errors()):
        line = " ".join(str(err).split()) or type(err).__name__
        if type(err).__name__ == "NoCredentialsError":
            line += (
                "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or for a public bucket "
                "AWS_NO_SIGN_REQUEST=yes"
            )
        if bucket := getattr(err, "response", {}).get("Error", {}).get("BucketName"):
            line += f" (bucket {bucket})"
        remedy = _REMEDIES.get(err.errno or 0) if isinstance(err, OSError) else None
        return f"{line}; {remedy}" if remedy else line
    return None


def _is_out_of_memory(err: BaseException) -> bool:
    duckdb = sys.modules.get("duckdb")
    return isinstance(err, MemoryError) or (
        duckdb is not None and isinstance(err, duckdb.OutOfMemoryException)
    )


def _is_storage_fault(err: OSError) -> bool:
    """Return True if the disk or the network failed; a missing file is a bug and gives False."""
    unreachable = (ConnectionError, TimeoutError, PermissionError)
    return isinstance(err, unreachable) or err.errno in _FAULTS


def storage_errors() -> tuple[type[Exception], ...]:
    """Return the exception types of storage failures; those of boto3 are not ``OSError``."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return (OSError,)
    return (OSError, BotoCoreError, ClientError)
