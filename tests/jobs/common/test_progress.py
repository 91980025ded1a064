"""The progress of a job in a log: minutes of video, their rate, the time left, counts."""

from __future__ import annotations

import re

import pytest

from jobs.common import progress
from jobs.common.progress import Progress
from tests.helpers.faults import wait_for


def test_a_log_has_minutes_of_video_and_their_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_INTERVAL_S", 0.0)
    with Progress("build", total=240.0, unit="s") as bar:
        bar.step(30.0, videos=1, faces=12)
        bar.step(150.0, videos=2, faces=30)
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"build:   0%\|.*\| 0\.0 of 4\.0 min of video in 00:00, \? left, 0\.0 min of video/min",
        lines[0],
    )
    assert re.fullmatch(
        r"build:  75%\|.*\| 3\.0 of 4\.0 min of video in 00:00, 00:00 left, "
        r"[\d,.]+ min of video/min, videos=3, faces=42",
        lines[-1],
    )


def test_work_that_is_under_way_is_shown_and_nothing_becomes_smaller(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a minute is under way; its worker ends with 0.4; the next item is 1.5 minutes far."""
    monkeypatch.setattr(progress, "LOG_INTERVAL_S", 0.0)
    monkeypatch.setattr(progress, "INTERVAL_S", 0.01)
    state, log = [(30.0, 60.0, 7.0)], [""]

    def is_shown(text: str) -> bool:
        log[0] += capsys.readouterr().err
        return text in log[0]

    with Progress("build", total=240.0, unit="s", under_way=lambda: state[0]) as bar:
        wait_for(lambda: is_shown("0.5 of 4.0"))
        state[0] = (0.0, 0.0, 0.0)
        bar.step(24.0, videos=1, frames=48, faces=9)
        wait_for(lambda: is_shown("videos=1"))
        state[0] = (90.0, 10.0, 3.0)
        wait_for(lambda: is_shown("1.9 of 4.0"))
    is_shown("")
    lines = [re.sub(r".*\| ([\d.]+) of .*/min(.*)", r"\1\2", line) for line in log[0].splitlines()]
    assert list(dict.fromkeys(lines)) == [
        "0.0",
        "0.5, frames=60, faces=7",
        "0.5, videos=1, frames=60, faces=9",
        "1.9, videos=1, frames=60, faces=12",
    ]


def test_a_log_has_the_number_of_videos(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("export", total=1200, unit="video") as bar:
        bar.step(600, files=2)
        bar.step(600, files=2)
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"export: 100%\|#+\| 1200 of 1200 videos in 00:00, 00:00 left, files=4", last
    )


def test_a_log_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    """The first states and the last one; between them one line per minute."""
    with Progress("score", total=1000.0, unit="s") as bar:
        for _ in range(1000):
            bar.step(1.0)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("build", total=0.0, unit="s") as bar:
        bar.step(0.0, rejects=1)
    assert "0.0 of 0.0 min of video" in capsys.readouterr().err
