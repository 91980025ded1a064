"""The lock of an output folder: one run writes; a run that lost the lock can commit nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from emotion import storage
from emotion.errors import InputError
from jobs.ledger import lock
from jobs.ledger.entries import Entry, read_entries, write_entry
from jobs.ledger.lock import Fence, LostLockError
from jobs.ledger.output import SUCCESS, mark_complete

pytestmark = pytest.mark.large

HOLD = """
import os, sys, time
from jobs.ledger import lock
from jobs.ledger.entries import Entry, write_entry

if sys.argv[2] == "elsewhere":
    lock._boot_id = lambda: f"machine {os.getpid()}"
lock.BEAT_S, lock.STALE_S = 0.2, 3.0
with lock.held(sys.argv[1]) as fence:
    print(fence.epoch, flush=True)
    for number in range(600):
        try:
            write_entry(fence.out, Entry(f"{number:06d}", {}, {}, retired=0), fence)
        except lock.LostLockError as err:
            print(err, flush=True)
            break
        time.sleep(0.1)
"""
"""Program that holds the lock of a folder and commits shards until it has lost the lock."""


@contextmanager
def holder(out: str, where: str) -> Iterator[subprocess.Popen[str]]:
    """Start a run of this machine ("here") or of another one ("elsewhere"); kill it at the end."""
    command = [sys.executable, "-c", HOLD, out, where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def locks(out: str) -> list[dict[str, Any]]:
    files = storage.list_files(f"{out}/_ledger/lock", suffixes=(".json",))
    return [storage.read_json(file.uri) for file in files]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let holders of other machines count as dead after three seconds."""
    monkeypatch.setattr(lock, "BEAT_S", 0.2)
    monkeypatch.setattr(lock, "STALE_S", 3.0)


def test_the_second_run_is_refused_and_the_third_is_not(store: str) -> None:
    with (
        lock.held(store) as first,
        pytest.raises(InputError, match=f"process {os.getpid()} on .* is writing into"),
        lock.held(store),
    ):
        pass
    with lock.held(store) as third:
        third.check()
    assert (first.epoch, third.epoch) == (1, 2)


def test_one_of_many_runs_gets_the_lock(store: str) -> None:
    def run(_: int) -> int:
        with suppress(InputError), lock.held(store) as fence:
            started.append(fence.epoch)
            while len(refused) < 7:
                fence.check()
            return 1
        refused.append(1)
        return 0

    started: list[int] = []
    refused: list[int] = []
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(run, range(8))) == 1
    assert started == [1]


def test_only_the_last_two_locks_are_kept(store: str) -> None:
    for epoch in range(1, 6):
        with lock.held(store) as fence:
            assert fence.epoch == epoch
    assert [entry["ended"] for entry in locks(store)] == [True, True]


def test_the_lock_of_a_killed_run_is_taken_over_at_once(store: str) -> None:
    with holder(store, "here") as process:
        assert line_of(process) == "1"
        with pytest.raises(InputError, match=f"process {process.pid}"), lock.held(store):
            pass
        process.kill()
        process.wait()
    with lock.held(store) as fence:
        assert fence.epoch == 2


def test_a_living_run_of_another_machine_is_watched(store: str, impatient: None) -> None:
    with holder(store, "elsewhere") as process:
        assert line_of(process) == "1"
        with pytest.raises(InputError, match="is writing into"), lock.held(store):
            pass


@pytest.mark.parametrize("runs", [2, 3])
def test_a_run_that_was_suspended_too_long_commits_nothing(
    store: str, runs: int, impatient: None
) -> None:
    """Each run but the last is suspended while it holds the lock; then all of them wake up."""
    with ExitStack() as stack:
        suspended = []
        for epoch in range(1, runs):
            process = stack.enter_context(holder(store, "elsewhere"))
            assert line_of(process) == str(epoch)
            process.send_signal(signal.SIGSTOP)
            suspended.append(process)
        last = stack.enter_context(lock.held(store))
        assert last.epoch == runs
        done = {entry.shard_id for entry in read_entries(store)}
        for epoch, process in enumerate(suspended, start=1):
            process.send_signal(signal.SIGCONT)
            taken = f"(lock {runs}, this run has lock {epoch})"
            assert line_of(process).startswith(f"another run has taken over --out {store} {taken}")
            assert process.wait(30) == 0
        # an entry that was being written counts no more: its shard is done again
        assert {entry.shard_id for entry in read_entries(store)} <= done
        mark_complete(last, {})
    assert storage.exists(f"{store}/{SUCCESS}")


def test_a_lost_lock_stops_entries_and_success(store: str) -> None:
    with lock.held(store) as old:
        storage.write_bytes(f"{store}/_ledger/lock/00000002.json", b"{}")
        with pytest.raises(LostLockError, match="lock 2, this run has lock 1"):
            write_entry(store, Entry("a", {}, {}, retired=0), old)
        with pytest.raises(LostLockError):
            mark_complete(old, {})
    assert list(read_entries(store)) == []
    assert not storage.exists(f"{store}/{SUCCESS}")


def test_a_lock_whose_answer_was_lost_is_held(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client did not get the answer of its write, wrote again, and was refused."""
    create = storage.create_bytes

    def lost(uri: str, data: bytes) -> bool:
        create(uri, data)
        return False

    monkeypatch.setattr(storage, "create_bytes", lost)
    with lock.held(str(tmp_path)) as fence:
        fence.check()
    assert fence == Fence(str(tmp_path), 1)


@pytest.mark.s3
def test_a_server_that_ignores_conditions_is_read_back(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run overwrites the lock within ``SETTLE_S``: it holds it, and this run is refused."""
    other: dict[str, Any] = {
        "run": "o", "host": "other", "boot": lock._boot_id(), "pid": os.getpid(),
        "started": lock._started(os.getpid()), "beat": 0, "ended": False,
    }  # fmt: skip
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        storage.write_json(f"{s3}/out/_ledger/lock/00000001.json", other)

    def ignoring(uri: str, data: bytes) -> bool:
        storage.write_bytes(uri, data)
        return True

    monkeypatch.setattr(storage, "create_bytes", ignoring)
    monkeypatch.setattr("jobs.ledger.lock.time.sleep", sleep)
    with pytest.raises(InputError, match=r"on other\) is writing into"), lock.held(f"{s3}/out"):
        pass
    assert slept == [lock.SETTLE_S]


def test_a_part_that_a_later_run_removed_is_a_lost_lock(store: str) -> None:
    with lock.held(store) as fence:
        with pytest.raises(FileNotFoundError), lock.guarded(fence):
            storage.stat(f"{store}/videos/part-a.parquet")
        storage.write_bytes(lock._uri(Fence(store, fence.epoch + 1)), b"{}")
        with pytest.raises(LostLockError), lock.guarded(fence):
            raise AssertionError("the block must not begin")
    entered = []
    with ExitStack() as stack:
        fence = stack.enter_context(lock.held(f"{store}/2"))
        with pytest.raises(LostLockError), lock.guarded(fence):
            entered.append(True)
            storage.write_bytes(lock._uri(Fence(fence.out, fence.epoch + 1)), b"{}")
            storage.write_bytes(f"{fence.out}/{SUCCESS}", b"")  # the later run has ended
            raise FileNotFoundError
        assert entered
        assert not storage.exists(f"{fence.out}/{SUCCESS}")  # the next run checks the output
    with lock.guarded(None):
        pass
