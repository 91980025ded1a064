"""Every error a user can meet.

::

    EmotionError
    ├── InputError          an argument, file or folder is not what it must be: one line, exit 2
    │   └── PackageError    a model package is broken or does not fit
    └── VideoError          this one video cannot be used: a row in ``rejects``; the others go on

Anything else that is raised is a bug, and stops the job with the video's uri in the message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

Reason = Literal[
    "missing",  # the label table names it, the storage does not have it
    "unlabelled",  # the storage has it, the label table does not name it
    "unknown_label",  # its label is not in the label set
    "duplicate_uri",  # the label table names it more than once
    "empty_file",  # zero bytes
    "too_large",  # more bytes, pixels or seconds than the limits allow
    "not_a_video",  # no container format that is read here
    "no_video_stream",  # sound or data only
    "undecodable",  # a container, but no frame comes out of it
    "truncated",  # decoding stopped well before the end that the header names
    "corrupt",  # the decoder reports damage between good frames
    "timeout",  # reading it took longer than the limit allows
    "crashed",  # reading it ended the process that read it
    "changed",  # the bytes are no longer those that were planned
    "storage_error",  # the bytes could not be read
]
"""The closed list of reasons in ``rejects``."""

REASONS: tuple[str, ...] = get_args(Reason)


class EmotionError(Exception):
    """Anything this project raises on purpose."""


class InputError(EmotionError):
    """A value from outside is wrong; the message names it, says what it must be and what to do."""


class PackageError(InputError):
    """A model package is broken, or does not fit what is asked of it."""


class VideoError(EmotionError):
    """One video cannot be used.

    Attributes:
        reason: one of ``REASONS``.
        detail: what was seen, for a person.
        offset_s: presentation time at which it broke, seconds from the first frame; None: unknown.
        offset_bytes: where the last good packet begins in the file; None: unknown.
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
