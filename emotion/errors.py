"""Every error a user can meet.

::

    EmotionError
    ├── InputError          an argument, file or folder is not what it must be: one line, exit 2
    │   └── PackageError    a model package is broken or does not fit
    └── VideoError          this one video cannot be used: a row in ``rejects``; the others go on

Anything else that is raised is a bug, and stops the job with the video's uri in the message.
"""

from __future__ import annotations

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
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[VideoError], tuple[Reason, str]]:
        return VideoError, (self.reason, self.detail)
