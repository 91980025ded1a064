"""Ray's own lines: left out, shown with --verbose; other lines of standard error stay."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from jobs.common.command import parse
from jobs.common.verbose import BACKEND_LEVEL, VARIABLE, is_verbose, ray_logging


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, BACKEND_LEVEL):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@dataclass(frozen=True)
class Config:
    epochs: int = 3


def test_the_flag_goes_with_every_verb() -> None:
    assert parse(Config, ["--verbose", "--epochs", "4"], verb="jobs.v", doc="") == Config(4)
    assert is_verbose()


def test_without_the_flag_ray_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    assert parse(Config, [], verb="jobs.v", doc="") == Config(3)
    with ray_logging() as options:
        os.write(2, f"[x] Set ray log level from {BACKEND_LEVEL} to 3\nerror: other\nhalf".encode())
    os.write(2, b" a line\n")
    assert options["log_to_driver"] is False
    assert os.environ[BACKEND_LEVEL] == "fatal"
    assert capfd.readouterr().err == "error: other\nhalf a line\n"


def test_a_level_that_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BACKEND_LEVEL, "debug")
    with ray_logging():
        pass
    assert os.environ[BACKEND_LEVEL] == "debug"


def test_verbose_shows_what_workers_write(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    with ray_logging() as options:
        os.write(2, f"{BACKEND_LEVEL}\n".encode())
    assert options["log_to_driver"] is True
    assert BACKEND_LEVEL not in os.environ
    assert capfd.readouterr().err == f"{BACKEND_LEVEL}\n"


def test_a_closed_standard_error_is_no_fault() -> None:
    before = os.dup(2)
    os.close(2)
    try:
        with ray_logging() as options:
            assert options["log_to_driver"] is False
    finally:
        os.dup2(before, 2)
        os.close(before)
