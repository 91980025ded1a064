"""The progress of a job in a log: minutes of video, their rate, the time left, counts."""

from __future__ import annotations

import re

import pytest

from jobs.common import progress
from jobs.common.progress import Progress


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
