"""Progress of the items that workers have begun and not finished.

A worker says about once a second how far its item is, and the driver asks for the sum: so a bar
moves while the first shard is still being read. On this machine each process writes a small file;
on Ray the workers send it to an actor (``jobs.common.cluster``). It only serves the display: a
state that comes late, or never, changes no result.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

INTERVAL_S = 1.0
"""Seconds between two states of an item, and between two looks of the driver."""
BOARD = "video-emotion-under-way"
"""Name of the actor that keeps the states of workers on Ray."""

Amounts = tuple[float, float, float]
"""Seconds of video, frames and faces of one item or of several."""
NOTHING: Amounts = (0.0, 0.0, 0.0)

_STATE = struct.Struct("3d")
_write: Callable[[Amounts], None] | None = None  # of a process of jobs.common.processes


class ItemState:
    """State of the item that this worker is doing; make one per item."""

    def __init__(self) -> None:
        self._write = _write
        self._before_s, self._video_s, self._frames, self._faces = 0.0, 0.0, 0, 0
        self._due_s = 0.0

    def frame(self, video_s: float, faces: int = 0) -> None:
        """Count a sampled frame, ``video_s`` seconds after the start of its video or chunk."""
        self._video_s, self._frames = video_s, self._frames + 1
        self._faces += faces
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + INTERVAL_S
        self._write = self._write or _to_board()  # the driver may ask later than items begin
        if self._write is not None:
            self._write((self._before_s + self._video_s, self._frames, self._faces))

    def face(self) -> None:
        """Count a face."""
        self._faces += 1

    def next_video(self) -> None:
        """Begin the next video of the item."""
        self._before_s, self._video_s = self._before_s + self._video_s, 0.0

    def end(self) -> None:
        """Say that the item has ended, or failed."""
        if self._write is not None and self._frames:
            self._write(NOTHING)


def write_to(folder: str) -> None:
    """Write the states of this process's items into a file of ``folder``."""
    global _write
    file = os.open(Path(folder) / f"under-way-{os.getpid()}", os.O_WRONLY | os.O_CREAT, 0o600)

    def write(amounts: Amounts) -> None:
        os.pwrite(file, _STATE.pack(*amounts), 0)

    _write = write


def read_from(folder: str) -> Amounts:
    """Return the sum of the states in ``folder`` of processes that are alive."""
    states = []
    for path in Path(folder).glob("under-way-*"):
        with contextlib.suppress(OSError, struct.error):  # gone, or not written yet
            os.kill(int(path.name.rpartition("-")[2]), 0)
            states.append(_STATE.unpack(path.read_bytes()))
    return total(states)


def total(states: Iterable[Amounts]) -> Amounts:
    """Return the sum of some states.

    >>> total([(1.5, 2, 3), (1.0, 0, 4)])
    (2.5, 2.0, 7.0)
    """
    video_s, frames, faces = NOTHING
    for state in states:
        video_s, frames, faces = video_s + state[0], frames + state[1], faces + state[2]
    return video_s, frames, faces


def _to_board() -> Callable[[Amounts], None] | None:
    """Return a function that sends states to the actor; None while there is no actor."""
    ray: Any = sys.modules.get("ray")  # a worker on Ray has imported it
    if ray is None or not ray.is_initialized():
        return None
    try:
        board = ray.get_actor(BOARD)
    except ValueError:  # the driver has not asked yet
        return None
    me = ray.get_runtime_context().get_worker_id()

    def send(amounts: Amounts) -> None:
        board.put.remote(me, amounts)

    return send
