"""The lock of an output folder: one run at a time; the second one is refused.

The lock is an object in the ledger. Its holder writes it again every ``BEAT_S``. The lock of a dead
holder is taken over: at once if the holder was a process of this machine that has ended, else after
the lock was not written for ``STALE_S``.
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
"""Seconds between two writes of the lock."""
STALE_S = 60.0
"""Seconds without a write after which a holder counts as dead.

Longer than one write may be retried, so that a live holder is not declared dead while the storage
is down.
"""


@contextlib.contextmanager
def held(out: str) -> Iterator[None]:
    """Hold the lock of ``out`` during the block.

    Raises:
        InputError: if another run holds it.
    """
    uri = storage.join(out, "_ledger", "lock.json")
    own: dict[str, Any] = {
        "run": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "boot": _boot_id(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "beat": 0,
    }
    _take(uri, own, out)
    stop, unreachable = threading.Event(), threading.Event()
    thread = threading.Thread(target=_beat, args=(uri, own, stop, unreachable), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(BEAT_S)
        # While the storage is unreachable the lock stays, and the next run takes it over: the run
        # has waited for the storage already.
        if not (thread.is_alive() or unreachable.is_set()):
            with contextlib.suppress(*storage_errors()):
                storage.remove(uri)


def _take(uri: str, own: dict[str, Any], out: str) -> None:
    while not storage.create_bytes(uri, _text(own)):
        holder = _read(uri)
        if holder is None:
            continue  # its holder has removed it since
        if holder["run"] == own["run"]:
            return  # the storage wrote it, but its answer was lost
        if not _is_dead(uri, holder):
            raise InputError(
                f"another run (process {holder['pid']} on {holder['host']}) is writing into "
                f"--out {out}; wait until it ends, or stop it"
            )
        if _read(uri) == holder:  # no other run took it over
            storage.remove(uri)


def _is_dead(uri: str, holder: dict[str, Any]) -> bool:
    """Return True if the holder ended without removing the lock; may wait for ``STALE_S``."""
    if holder["boot"] == _boot_id():
        return bool(_started(int(holder["pid"])) != holder["started"])
    until = time.monotonic() + STALE_S
    while time.monotonic() < until:
        time.sleep(BEAT_S / 2)
        if _read(uri) != holder:
            return False
    return True


def _beat(
    uri: str, own: dict[str, Any], stop: threading.Event, unreachable: threading.Event
) -> None:
    """Write the lock every ``BEAT_S`` until ``stop``; ``unreachable`` is set while that fails."""
    while not stop.wait(BEAT_S):
        own["beat"] += 1
        try:
            storage.write_bytes(uri, _text(own))
            unreachable.clear()
        except storage_errors():
            unreachable.set()  # the run's own writes fail too, and report it


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _read(uri: str) -> dict[str, Any] | None:
    try:
        holder: dict[str, Any] = storage.read_json(uri)
    except FileNotFoundError:
        return None
    return holder


def _boot_id() -> str:
    """Return a name of the running machine and of its namespace of process ids.

    Containers of one host share the boot id, but not their process ids.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return uuid.uuid4().hex  # without /proc every other holder is watched for STALE_S


def _started(pid: int) -> str:
    """Return the start of a process in clock ticks since boot; empty if it does not run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
