"""Start of a local Ray on a busy machine, and the number of workers that pays."""

from __future__ import annotations

from typing import Any

import pytest
import ray

from emotion.errors import InputError
from jobs.common import cluster


@pytest.mark.parametrize(
    "video_s, most, expected", [(0, 8, 1), (60, 8, 1), (61, 8, 2), (1e6, 8, 8), (1e6, 0, 1)]
)
def test_a_worker_is_started_for_each_minute_of_video(
    video_s: float, most: int, expected: int
) -> None:
    assert cluster.useful_workers(video_s, most) == expected


@pytest.mark.parametrize("num_slow", [1, 3])
def test_a_slow_start_is_tried_again(num_slow: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def init(**options: Any) -> None:
        calls.append(options["address"])
        if len(calls) <= num_slow:
            raise Exception("The current node timed out during startup. This could happen ...")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    if num_slow == 3:
        with (
            pytest.raises(InputError, match="did not start on this machine within 30 s, 3 times"),
            cluster.session("local"),
        ):
            pass
    else:
        with cluster.session("local"):
            pass
    assert calls == ["local"] * min(3, num_slow + 1)


def test_another_error_of_the_start_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RuntimeError, match="a bug"), cluster.session("local"):
        pass
