"""A job that is stopped: one line, the exit code of the signal, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.common.command import one_line_errors
from jobs.common.stop import STOPPING, stoppable
from tests.helpers.faults import (
    Job,
    build_arguments,
    command,
    done_shards,
    wait_for,
    write_archive,
)


@pytest.fixture(autouse=True)
def handlers_are_restored() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_block_without_an_error(number: signal.Signals) -> None:
    cleaned = False
    with stoppable() as stop:
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            cleaned = True
    assert cleaned and stop.signal == number and stop.exit_code == 128 + number


def test_an_error_that_follows_the_signal_is_not_raised() -> None:
    """DuckDB turns the interrupt into an error of its own."""
    with stoppable() as stop:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt as err:
            raise RuntimeError("Query interrupted") from err
    assert stop.exit_code == 130


def test_other_errors_are_raised() -> None:
    with pytest.raises(KeyError), stoppable() as stop:
        raise KeyError("a bug")
    assert stop.signal == 0


def test_a_stopped_verb_prints_one_line_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    @one_line_errors
    def main(argv: object = None) -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        finally:
            before_the_end.append(capfd.readouterr().err)
        return 0

    before_the_end: list[str] = []
    assert main([]) == 130
    assert before_the_end == [f"{STOPPING}\n"] and capfd.readouterr().err == ""


@contextlib.contextmanager
def building(corpus: Path, folder: Path) -> Iterator[tuple[Job, Path]]:
    """Start a build; yield it after its first shard, with the folder of its temporary files."""
    archive, out = str(write_archive(corpus, folder / "archive")), str(folder / "out")
    temporary = folder / "temporary"
    temporary.mkdir()
    given = build_arguments(archive, out, "--runner", "processes")
    with Job(["jobs.build_dataset", *given], env={"TMPDIR": str(temporary)}) as running:
        wait_for(lambda: done_shards(out) or running.process.poll() is not None)
        yield running, temporary


@pytest.mark.large
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_leaves_no_files_and_no_processes(
    corpus: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C in a terminal reaches the whole group of processes."""
    with building(corpus, tmp_path) as (running, temporary):
        os.killpg(running.process.pid, number)  # as a terminal does
        code = running.wait(30)
        wait_for(lambda: not any(map(command, running.processes())), timeout_s=10)
        log = running.log
    assert code == 128 + number, log
    assert log.splitlines().count(STOPPING) == 1 and "Traceback" not in log
    assert list(temporary.iterdir()) == []


@pytest.mark.large
def test_workers_of_a_killed_driver_remove_their_files(corpus: Path, tmp_path: Path) -> None:
    with building(corpus, tmp_path) as (running, temporary):
        assert list(temporary.glob("video-emotion-workers-*/*"))
        running.process.kill()
        wait_for(lambda: not any(map(command, running.processes())), timeout_s=10)
    assert list(temporary.glob("video-emotion-workers-*")) == []
