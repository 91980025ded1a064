"""Lock of an output folder: one run writes at a time, a second run is refused.

Each run that takes the lock creates the next file in ``_ledger/lock``: 00000001.json, 00000002.json
and so on. The number is the run's epoch. A file is created by a conditional write, so two runs
cannot get the same epoch, and the run with the highest epoch holds the lock. It rewrites its file
every ``BEAT_S`` seconds, and at its end marks it as ended. A new run takes over the lock of a dead
holder. If the holder ran on this machine and its process has ended, the new run takes the lock at
once. Otherwise it waits until the file was not rewritten for ``STALE_S`` seconds.

A holder that was suspended for longer than that does not know that it lost the lock. So each write
that makes work count, such as a ledger entry, first checks the ``Fence``: that no higher epoch
exists.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion import storage
from emotion.errors import EmotionError, InputError
from jobs.common.faults import storage_errors

SUCCESS = "_SUCCESS"
"""Name of the file that a job writes last; an output without it is not complete."""

BEAT_S = 5.0
"""Seconds between two writes of the lock."""
STALE_S = 60.0
"""Seconds without a write after which a holder counts as dead.

This is longer than all retries of one write take. So a live holder does not count as dead while the
storage is unreachable.
"""
SETTLE_S = 3.0
"""Seconds after which the lock is read back on a storage that ignores conditional writes."""


class LostLockError(EmotionError):
    """Another run has taken over the output of this run."""


@dataclass(frozen=True)
class Fence:
    """Proof that a run holds the lock; workers get a copy.

    Attributes:
        out: the output folder.
        epoch: number of the run's lock.
    """

    out: str
    epoch: int

    def check(self) -> None:
        """Check that no later run has taken the lock; this costs one listing.

        Raises:
            LostLockError: if one has.
        """
        newest = _newest(self.out)
        if newest > self.epoch:
            raise LostLockError(
                f"another run has taken over --out {self.out} (lock {newest}, this run has lock "
                f"{self.epoch}), because this run did not renew its lock for {STALE_S:g} s: leave "
                "the output to that run"
            )

    def confirm(self) -> None:
        """Check the lock after a write that may have replaced a file of a later run.

        If the lock was lost, ``SUCCESS`` is removed, so that the next run checks the output again.

        Raises:
            LostLockError: if a later run has taken the lock.
        """
        try:
            self.check()
        except LostLockError:
            storage.remove(storage.join(self.out, SUCCESS))
            raise


@contextlib.contextmanager
def guarded(fence: Fence | None) -> Iterator[None]:
    """Check the lock before a block that reads or writes parts, and after an error in it.

    A later run may have removed a part that the block reads. And the block may have written parts
    into the output of a later run.

    Args:
        fence: lock of the run; None for an output without a lock, which is not checked.

    Raises:
        LostLockError: if a later run has taken the lock; as ``Fence.confirm`` after an error.
    """
    if fence is not None:
        fence.check()
    try:
        yield
    except Exception:
        if fence is not None:
            fence.confirm()
        raise


@contextlib.contextmanager
def held(out: str) -> Iterator[Fence]:
    """Hold the lock of the output folder ``out`` during the block.

    Raises:
        InputError: if another live run holds the lock.
    """
    own: dict[str, Any] = {
        "run": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "boot": _boot_id(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "beat": 0,
        "ended": False,
    }
    fence = _take(own, out)
    stop, unreachable = threading.Event(), threading.Event()
    thread = threading.Thread(target=_beat, args=(fence, own, stop, unreachable), daemon=True)
    thread.start()
    try:
        yield fence
    finally:
        stop.set()
        thread.join(BEAT_S)
        # If the storage is unreachable, leave the lock: the next run takes it over. This run has
        # already waited for the storage once.
        if not (thread.is_alive() or unreachable.is_set()):
            with contextlib.suppress(*storage_errors()):
                storage.write_bytes(_uri(fence), _text(own | {"ended": True}))


def _folder(out: str) -> str:
    return storage.join(out, "_ledger", "lock")


def _uri(fence: Fence) -> str:
    return storage.join(_folder(fence.out), f"{fence.epoch:08d}.json")


def _epochs(out: str) -> list[int]:
    files = storage.list_files(_folder(out), suffixes=(".json",))
    return sorted(int(file.name.removesuffix(".json")) for file in files)


def _newest(out: str) -> int:
    """Return the highest epoch of an output; 0 if no run has locked it."""
    return max(_epochs(out), default=0)


def _take(own: dict[str, Any], out: str) -> Fence:
    """Create the next epoch when the holder of the newest one has ended or is dead."""
    while True:
        newest = Fence(out, _newest(out))
        holder = _read(_uri(newest)) if newest.epoch else None
        if holder is not None and not holder["ended"] and not _is_dead(_uri(newest), holder):
            raise InputError(
                f"another run (process {holder['pid']} on {holder['host']}) is writing into "
                f"--out {out}; wait until it ends, or stop it"
            )
        own_fence = Fence(out, newest.epoch + 1)
        if _create(_uri(own_fence), own):
            for epoch in _epochs(out):
                if epoch < newest.epoch:  # the one before stays, so that numbers go on
                    storage.remove(_uri(Fence(out, epoch)))
            return own_fence


def _create(uri: str, own: dict[str, Any]) -> bool:
    """Create the file of a lock; return True if it is this run's.

    A storage that writes the same file a second time ignores conditions. There the last of several
    writers wins, so the file is read back after ``SETTLE_S``.
    """
    created = storage.create_bytes(uri, _text(own))
    if created and not storage.is_local(uri) and storage.create_bytes(uri, _text(own)):
        time.sleep(SETTLE_S)
    holder = _read(uri)  # this run's also if it was written, and only the answer was lost
    return holder is not None and bool(holder["run"] == own["run"])


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
    fence: Fence, own: dict[str, Any], stop: threading.Event, unreachable: threading.Event
) -> None:
    """Write the lock every ``BEAT_S`` seconds until ``stop``; set ``unreachable`` on a failure."""
    while not stop.wait(BEAT_S):
        own["beat"] += 1
        try:
            storage.write_bytes(_uri(fence), _text(own))
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
    except InputError as err:
        raise InputError(f"{err}: if no job works on the output, delete this file") from err
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
