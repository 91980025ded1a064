"""One run at a time per output folder: the second refuses.

The lock is an object in the ledger that its holder writes again every few seconds. A lock whose
holder died is taken over: at once where that can be seen (the same machine, a process that is
gone), else after it has not been written for ``STALE_S``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotion import storage
from emotion.errors import InputError
from jobs.common.faults import storage_errors

BEAT_S = 5.0
STALE_S = 60.0
"""Longer than a write waits for a storage that is away: its holder lives, and cannot say so."""


@contextlib.contextmanager
def held(out: str) -> Iterator[None]:
    """Hold the lock of ``out`` for the length of the block.

    Raises:
        InputError: if another run holds it.
    """
    uri = storage.join(out, "_ledger", "lock.json")
    mine: dict[str, Any] = {
        "run": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "boot": _boot_id(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "beat": 0,
    }
    _take(uri, mine, out)
    stop, away = threading.Event(), threading.Event()
    thread = threading.Thread(target=_beat, args=(uri, mine, stop, away), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(BEAT_S)
        # Where the storage is away the lock is left behind, to be taken over: it was waited for.
        if not (thread.is_alive() or away.is_set()):
            with contextlib.suppress(*storage_errors()):
                storage.remove(uri)


def _take(uri: str, mine: dict[str, Any], out: str) -> None:
    while not storage.create_bytes(uri, _text(mine)):
        holder = _read(uri)
        if holder is None:
            continue  # given back in between
        if holder["run"] == mine["run"]:
            return  # it was written, and the answer was lost
        if not _is_dead(uri, holder):
            raise InputError(
                f"another run (process {holder['pid']} on {holder['host']}) is writing into "
                f"--out {out}; wait until it ends, or stop it"
            )
        if _read(uri) == holder:  # nobody else took it over
            storage.remove(uri)


def _is_dead(uri: str, holder: dict[str, Any]) -> bool:
    """Whether the holder has gone without giving the lock back."""
    if holder["boot"] == _boot_id():
        return bool(_started(int(holder["pid"])) != holder["started"])
    until = time.monotonic() + STALE_S
    while time.monotonic() < until:
        time.sleep(BEAT_S / 2)
        if _read(uri) != holder:
            return False
    return True


def _beat(uri: str, mine: dict[str, Any], stop: threading.Event, away: threading.Event) -> None:
    """Write the lock again and again; ``away`` is set while that fails."""
    while not stop.wait(BEAT_S):
        mine["beat"] += 1
        try:
            storage.write_bytes(uri, _text(mine))
            away.clear()
        except storage_errors():
            away.set()  # the run's own writes will tell


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _read(uri: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = storage.read_json(uri)
    except FileNotFoundError:
        return None
    return found


def _boot_id() -> str:
    """Names the running machine: containers of one host share it, and their process ids differ."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return uuid.uuid4().hex  # no /proc: every other holder is watched for a while


def _started(pid: int) -> str:
    """When a process began, in clock ticks since boot; empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
