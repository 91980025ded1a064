"""Stopping of a job by Ctrl-C or SIGTERM: one line instead of a traceback."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

STOPPING = "stopping; the same command goes on from here"
"""Line that a job prints at once when it is stopped."""


@dataclass
class Stop:
    """State of ``stoppable``.

    Attributes:
        signal: number of the signal that stopped the block; 0 if none did.
    """

    signal: int = 0

    @property
    def exit_code(self) -> int:
        """Exit code of shells for a process that a signal ended: 130 for Ctrl-C."""
        return 128 + self.signal


@contextlib.contextmanager
def stoppable() -> Iterator[Stop]:
    """End the block at Ctrl-C or SIGTERM, after its clean-up; a second signal ends the process.

    The line ``STOPPING`` is printed on standard error at once.

    The block ends by a KeyboardInterrupt, which is not raised further, nor is any error that
    follows it: DuckDB, for example, turns it into a RuntimeError. Threads other than the main
    thread cannot catch signals, so there the block runs as it is.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, _: FrameType | None) -> None:
        stop.signal = number
        _say(STOPPING)
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    except BaseException:
        if not stop.signal:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    """Write a line to standard error, below a progress bar if there is a terminal.

    A signal can arrive in the middle of a write to ``sys.stderr``, which cannot be entered twice.
    """
    with contextlib.suppress(OSError):  # it may be closed
        os.write(2, f"{chr(10) if os.isatty(2) else ''}{line}\n".encode())
