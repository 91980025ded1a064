"""Exceptions that the project raises on purpose.

::

    EmotionError
    ├── InputError          an argument, file or folder is wrong: the command prints one line
    │   │                   and exits with code 2
    │   └── PackageError    a model package is broken or does not fit the task
    └── VideoError          one video cannot be used: the job adds a row to ``rejects`` and
                            continues

Any other exception is a bug. It stops the job, with the video's uri in its notes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

Reason = Literal[
    "bad_name",  # its name is not UTF-8 text, so no table can hold it
    "missing",  # the label table names it, but it is not in the storage
    "unlabelled",  # it is in the storage, but the label table does not name it
    "unknown_label",  # its label is not in the label set
    "duplicate_uri",  # the label table names it more than once
    "empty_file",  # zero bytes
    "too_large",  # more bytes, pixels or seconds than the limits allow
    "not_a_video",  # a container format that this project does not read
    "no_video_stream",  # it holds only sound or data
    "undecodable",  # the container opens, but no frame can be decoded
    "truncated",  # decoding stopped well before the end that the header names
    "corrupt",  # the decoder reports damage between good frames
    "timeout",  # reading it took longer than the limit allows
    "crashed",  # the process that read it crashed
    "changed",  # its bytes changed after the plan was made
    "storage_error",  # its bytes could not be read from the storage
    "export_failed",  # a file of an export cannot be made from it
]
"""All reasons in the table ``rejects``; "it" is the video."""

REASONS: tuple[str, ...] = get_args(Reason)


class EmotionError(Exception):
    """Base class of the exceptions that this project raises on purpose."""


class InputError(EmotionError):
    """Invalid input from the user; the message names the value, its limits and the remedy."""


class PackageError(InputError):
    """A model package that is broken, or that does not fit the task."""


class VideoError(EmotionError):
    """A video that cannot be used.

    Attributes:
        reason: one of ``REASONS``.
        detail: description for the user.
        offset_s: presentation time of the damage, seconds from the first frame; None if unknown.
        offset_bytes: start of the last good packet in the file, bytes; None if unknown.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        offset_s: float | None = None,
        offset_bytes: int | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.offset_s, self.offset_bytes = offset_s, offset_bytes

    def __reduce__(self) -> tuple[Callable[..., VideoError], tuple[object, ...]]:
        return _video_error, (self.reason, self.detail, self.offset_s, self.offset_bytes)


def _video_error(
    reason: Reason, detail: str, offset_s: float | None, offset_bytes: int | None
) -> VideoError:
    return VideoError(reason, detail, offset_s=offset_s, offset_bytes=offset_bytes)
