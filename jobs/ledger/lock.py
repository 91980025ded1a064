"""Lock of an output folder: one run writes at a time, a second run is refused.

The lock is the file ``_ledger/lock.json``. The run that holds it rewrites it every ``BEAT_S``
seconds. A new run takes over the lock of a dead holder. If the holder ran on this machine and its
process has ended, the new run takes the lock at once. Otherwise it waits until the lock was not
rewritten for ``STALE_S`` seconds.
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

This is longer than all retries of one write take. So a live holder does not count as dead while the
storage is unreachable.
"""


@contextlib.contextmanager
def held(out: str) -> Iterator[None]:
    """Hold the lock of the output folder ``out`` during the block.

    Raises:
        InputError: if another live run holds the lock.
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
        # If the storage is unreachable, leave the lock: the next run takes it over. This run has
        # already waited for the storage once.
        if not (thread.is_alive() or unreachable.is_set()):
            with contextlib.suppress(*storage_errors()):
                storage.remove(uri)


def _take(uri: str, own: dict[str, Any], out: str) -> None:
    while not storage.create_bytes(uri, _text(own)):
        holder = _read(uri)
        if holder is None:
            continue  # the holder has removed the lock in the meantime
        if holder["run"] == own["run"]:
            return  # the storage wrote this run's lock, but its answer was lost
        if not _is_dead(uri, holder):
            raise InputError(
                f"another run (process {holder['pid']} on {holder['host']}) is writing into "
                f"--out {out}; wait until it ends, or stop it"
            )
        if _read(uri) == holder:  # no other run has taken the lock over
            storage.remove(uri)


def _is_dead(uri: str, holder: dict[str, Any]) -> bool:
    """Return True if the holder ended without removing the lock; wait up to ``STALE_S`` seconds."""
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
    """Write the lock every ``BEAT_S`` seconds until ``stop``; set ``unreachable`` on a failure."""
    while not stop.wait(BEAT_S):
        own["beat"] += 1
        try:
            storage.write_bytes(uri, _text(own))
            unreachable.clear()
        except storage_errors():
            unreachable.set()  # not raised: the other writes of the run fail too and raise


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _read(uri: str) -> dict[str, Any] | None:
    try:
        holder: dict[str, Any] = storage.read_json(uri)
    except FileNotFoundError:
        return None
    return holder


def _boot_id() -> str:
    """Return a name for this boot of the machine and for the process-id namespace.

    Containers of one host share the boot id, but not the process ids. Without /proc the name is
    random, so that every other holder counts as one of another machine.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return uuid.uuid4().hex


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot; empty if it does not run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
