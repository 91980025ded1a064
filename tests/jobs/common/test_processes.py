"""Workers of a job in processes of this machine: results, deaths, bugs, and their end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from emotion.errors import EmotionError
from jobs.common.processes import MOST_ATTEMPTS, ProcessRunner
from jobs.common.workers import Item
from tests.helpers.faults import wait_for
from tests.helpers.odd_workers import Buggy, Deadly, Late, Squares, Stillborn
from tests.helpers.paths import ROOT


def items(number: int) -> list[Item]:
    return [{"value": k, "shard_id": f"s{k}"} for k in range(number)]


def test_every_item_is_done_once_by_one_process_per_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_DRIVER", "yes")  # later than the fork server may have started
    runner = ProcessRunner()
    rows = list(runner.map(Squares, ("anna",), items(12), video_s=0.0))
    assert sorted(row["square"] for row in rows) == [k * k for k in range(12)]
    assert {(r["name"], r["threads"], r["from_driver"]) for r in rows} == {("anna", "1", "yes")}
    pids = {row["pid"] for row in rows}
    assert len(pids) == min(12, runner.cpus)
    assert os.getpid() not in pids
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))


@pytest.mark.parametrize("times", [1, MOST_ATTEMPTS - 1])
def test_an_item_that_ends_its_process_is_given_to_another(tmp_path: Path, times: int) -> None:
    rows = ProcessRunner().map(Deadly, (str(tmp_path), times), items(6), video_s=0.0)
    assert Counter(row["value"] for row in rows) == dict.fromkeys(range(6), 1)
    assert len(list(tmp_path.iterdir())) == times + 1


def test_an_item_that_ends_every_process_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmotionError, match=r"shard s3 ended its worker 4 times.* exit code 7"):
        list(ProcessRunner().map(Deadly, (str(tmp_path), 99), items(6), video_s=0.0))
    assert len(list(tmp_path.iterdir())) == MOST_ATTEMPTS


def test_processes_that_never_start_are_one_line() -> None:
    with pytest.raises(EmotionError, match="end before they do any work"):
        list(ProcessRunner().map(Stillborn, (), items(3), video_s=0.0))


@pytest.mark.parametrize("times", [1, MOST_ATTEMPTS - 1])
def test_a_process_that_ends_between_items_is_replaced(tmp_path: Path, times: int) -> None:
    rows = list(ProcessRunner().map(Late, (str(tmp_path), times), items(1), video_s=0.0))
    assert rows == [{"value": 0}]


def test_a_bug_is_raised() -> None:
    with pytest.raises(KeyError):
        list(ProcessRunner().map(Buggy, (), items(4), video_s=0.0))


def test_processes_end_when_the_caller_stops_early(tmp_path: Path) -> None:
    rows = ProcessRunner().map(Squares, ("ben",), items(50), video_s=0.0)
    pid = next(rows)["pid"]
    rows.close()  # type: ignore[attr-defined]
    wait_for(lambda: not psutil.pid_exists(pid))


SCRIPT = """
import sys
from jobs.common.processes import ProcessRunner
from tests.helpers.odd_workers import {worker}
for row in ProcessRunner().map({worker}, (sys.argv[1],), [{{"value": 3}}] * 2, video_s=0.0):
    print(row["square"])
"""


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """A process would run the main script again: from a file for ever, from a pipe not at all."""
    code = SCRIPT.format(worker="Squares")
    (tmp_path / "script.py").write_text(code)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    for command, text in (([str(tmp_path / "script.py"), "a"], ""), (["-", "a"], code)):
        done = subprocess.run(
            [sys.executable, *command], input=text, env=env, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, "9\n9\n"), done.stderr


def test_workers_end_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT.format(worker="Slow"), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as driver:
        pids = wait_for(lambda: [int(path.name) for path in tmp_path.iterdir()])
        assert psutil.pid_exists(pids[0])
        driver.kill()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))
