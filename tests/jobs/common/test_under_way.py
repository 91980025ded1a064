"""States of the items of workers: in files of processes, and with an actor on Ray."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.common import under_way
from jobs.common.processes import ProcessRunner
from jobs.common.under_way import ItemState, read_from, write_to
from jobs.common.workers import Runner
from tests.helpers.faults import wait_for
from tests.helpers.odd_workers import Reader


@pytest.fixture(autouse=True)
def no_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_way, "_write", None)


def test_an_item_of_two_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_way, "INTERVAL_S", 0.0)
    write_to(str(tmp_path))
    state = ItemState()
    assert read_from(str(tmp_path)) == (0.0, 0.0, 0.0)
    state.frame(0.0)
    state.face()
    state.frame(2.5)
    assert read_from(str(tmp_path)) == (2.5, 2, 1)
    state.next_video()
    state.frame(1.0, faces=3)
    assert read_from(str(tmp_path)) == (3.5, 3, 4)
    state.end()
    assert read_from(str(tmp_path)) == (0.0, 0.0, 0.0)


def test_a_state_is_written_once_in_a_while(tmp_path: Path) -> None:
    write_to(str(tmp_path))
    state = ItemState()
    for k in range(50):
        state.frame(float(k))
    assert read_from(str(tmp_path)) == (0.0, 1, 0)


def test_a_process_that_died_does_not_count(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_leave, args=(str(tmp_path),))
    process.start()
    process.join()
    assert len(list(tmp_path.iterdir())) == 1
    assert read_from(str(tmp_path)) == (0.0, 0.0, 0.0)


def _leave(folder: str) -> None:
    write_to(folder)
    ItemState().frame(9.0)
    os._exit(1)


def test_without_a_driver_that_asks_nothing_is_written() -> None:
    state = ItemState()
    state.frame(1.0)
    state.end()


def check_readers(runner: Runner, tmp_path: Path, number: int) -> None:
    """Each reader stops after its first frame until a file appears."""
    go_on = tmp_path / "go_on"
    items = [{"go_on": str(go_on), "video_s": 2.0 + k} for k in range(number)]
    expected = (sum(2.0 + k for k in range(number)), number, 4 * number)
    assert runner.under_way() == (0.0, 0.0, 0.0)
    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(lambda: list(runner.map(Reader, (), items, video_s=300.0)))
        wait_for(lambda: runner.under_way() == expected, timeout_s=60)
        go_on.touch()
        assert [row["done"] for row in rows.result()] == [True] * number
    assert runner.under_way() == (0.0, 0.0, 0.0)


@pytest.mark.large
def test_processes_say_how_far_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProcessRunner, "cpus", 2)
    check_readers(ProcessRunner(), tmp_path, 2)


def test_actors_say_how_far_they_are(tmp_path: Path, local_ray: None) -> None:
    from jobs.common.cluster import RayRunner

    # Ray Data may give two items to the actor that starts first.
    check_readers(RayRunner(), tmp_path, 1)
