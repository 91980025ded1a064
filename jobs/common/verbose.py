"""Ray's own log lines, which a job shows only with ``--verbose``."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

FLAG = "--verbose"
VERBOSE_HELP = f"{FLAG} shows Ray's own log lines."
"""Line at the top of each verb's ``--help``."""
VARIABLE = "VIDEO_EMOTION_VERBOSE"
"""Environment variable that does the same as the flag; steps of one command pass it on."""
BACKEND_LEVEL = "RAY_BACKEND_LOG_LEVEL"
"""Environment variable of Ray for the level of its C++ parts, which write to standard error."""


def take_verbose(words: Sequence[str]) -> list[str]:
    """Return a command line without ``--verbose``, and remember whether it was there."""
    if FLAG in words:
        os.environ[VARIABLE] = "1"
    return [word for word in words if word != FLAG]


def is_verbose() -> bool:
    """Return True if Ray's own log lines are wanted."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


@contextlib.contextmanager
def ray_logging() -> Iterator[dict[str, Any]]:
    """Yield arguments of ``ray.init``, which must be called in the block.

    Errors of workers reach the driver as exceptions either way; their output is in Ray's logs.
    """
    if is_verbose():
        yield {"logging_level": logging.INFO, "log_to_driver": True}
        return
    # Ray's C++ parts write to standard error, such as a warning in the middle of a progress bar.
    # Each process that reads this variable says so in a line of its own.
    os.environ.setdefault(BACKEND_LEVEL, "fatal")
    with _lines_left_out(BACKEND_LEVEL.encode()):
        yield {"logging_level": logging.WARNING, "log_to_driver": False}


@contextlib.contextmanager
def _lines_left_out(words: bytes) -> Iterator[None]:
    """Leave out the lines with ``words`` of what this process writes to standard error.

    Everything else is written at the end of the block.
    """
    with contextlib.ExitStack() as stack:
        try:
            before = os.dup(2)
        except OSError:  # standard error is closed
            yield
            return
        stack.callback(os.close, before)
        kept = stack.enter_context(tempfile.TemporaryFile())
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            kept.seek(0)
            for line in kept:
                if words not in line:
                    os.write(2, line)
