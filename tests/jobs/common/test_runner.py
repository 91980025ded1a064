"""Choice between processes of this machine and Ray."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from emotion.errors import InputError
from jobs.common.processes import ProcessRunner
from jobs.common.runner import PROCESSES_UP_TO_S, choose_runner, open_runner
from jobs.common.workers import RunnerName

HOUR = PROCESSES_UP_TO_S


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))


@pytest.mark.parametrize(
    "name, address, video_s, gpu, expected",
    [
        ("auto", None, 0.0, False, "processes"),
        ("auto", None, HOUR, False, "processes"),
        ("auto", None, HOUR + 1, False, "ray"),
        ("auto", None, 10.0, True, "ray"),
        ("auto", "local", 10.0, False, "ray"),
        ("auto", "10.0.0.1:6379", 10.0, False, "ray"),
        ("ray", None, 10.0, False, "ray"),
        ("processes", None, 9 * HOUR, True, "processes"),
    ],
)
def test_choice(
    name: RunnerName, address: str | None, video_s: float, gpu: bool, expected: str
) -> None:
    assert choose_runner(name, address, video_s=video_s, gpu=gpu) == expected


def test_a_cluster_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert choose_runner("auto", None, video_s=1.0) == "ray"
    assert choose_runner("processes", None, video_s=1.0) == "processes"


def test_a_connected_ray_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: True))
    assert choose_runner("auto", None, video_s=1.0) == "ray"


def test_processes_on_a_cluster_are_refused() -> None:
    with pytest.raises(InputError, match="--address auto is given; leave out one of them"):
        choose_runner("processes", "auto", video_s=1.0)


def test_processes_are_opened_without_ray() -> None:
    with open_runner("auto", None, video_s=1.0) as runner:
        assert isinstance(runner, ProcessRunner)
        assert runner.resources == {"CPU": float(runner.cpus)}
