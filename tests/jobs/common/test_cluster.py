"""Start of a local Ray on a busy machine, and the number of workers that pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ray

from emotion.errors import InputError
from jobs.common import cluster
from tests.helpers.ports import free_port


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


def test_the_latest_cluster_of_the_machine_may_be_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray keeps its address in a file, and would look for it for minutes after a crash."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", lambda: set())
    with (
        pytest.raises(InputError, match="no Ray cluster was started on this machine"),
        cluster.session("auto"),
    ):
        pass
    (tmp_path / "ray").mkdir()
    port = free_port()
    (tmp_path / "ray/ray_current_cluster").write_text(f"127.0.0.1:{port}")
    with (
        pytest.raises(InputError, match=f"no Ray cluster answers at .*:{port}"),
        cluster.session("auto"),
    ):
        pass
