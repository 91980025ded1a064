"""``make setup``: installs once, again when the pins change, never trusts a broken install."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

# Stands for Python: makes a "virtualenv" that holds itself, and writes down what pip is asked for.
PYTHON = """#!/bin/sh
case "$*" in
*sys.version_info*) exit "${UNFIT:-0}" ;;
--version) echo "Python 3.11.0" ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip install "*) echo "$*" >>pip.log; exit "${PIP_FAILS:-0}" ;;
"-m pip check"*) exit "${CHECK_FAILS:-0}" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("ray==1\n")
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def setup(checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    names = {"PYTHON": str(checkout / "python"), "MAKEFLAGS": ""} | env
    return subprocess.run(
        ["make", "--no-print-directory", "setup", "VENV=venv"],  # quiet also below `make test`
        cwd=checkout, env=os.environ | names, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def installs(checkout: Path) -> list[str]:
    log = checkout / "pip.log"
    return log.read_text().splitlines() if log.exists() else []


def test_the_second_run_installs_nothing(checkout: Path) -> None:
    first, second = setup(checkout), setup(checkout)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert len(installs(checkout)) == 1
    assert "--constraint constraints.txt --editable .[dev]" in installs(checkout)[0]
    assert second.stdout == ""


def test_other_pins_are_installed(checkout: Path) -> None:
    setup(checkout)
    (checkout / "constraints.txt").write_text("ray==2\n")
    assert setup(checkout).returncode == 0
    assert len(installs(checkout)) == 2


def test_a_newer_file_with_the_same_pins_is_no_reason(checkout: Path) -> None:
    """A fresh clone that shares a virtualenv has newer files."""
    setup(checkout)
    os.utime(checkout / "pyproject.toml", (2**31, 2**31))
    setup(checkout)
    assert len(installs(checkout)) == 1


@pytest.mark.parametrize("what", ["PIP_FAILS", "CHECK_FAILS"])
def test_a_failed_install_is_done_again(checkout: Path, what: str) -> None:
    assert setup(checkout, **{what: "1"}).returncode != 0
    assert not (checkout / "venv" / "video-emotion.stamp").exists()
    assert setup(checkout).returncode == 0
    assert len(installs(checkout)) == 2


def test_a_failed_upgrade_leaves_no_old_stamp(checkout: Path) -> None:
    setup(checkout)
    (checkout / "constraints.txt").write_text("ray==2\n")
    assert setup(checkout, PIP_FAILS="1").returncode != 0
    (checkout / "constraints.txt").write_text("ray==1\n")
    assert setup(checkout).returncode == 0
    assert len(installs(checkout)) == 3


def test_no_fitting_python_is_said(checkout: Path) -> None:
    done = setup(checkout, UNFIT="1")
    assert done.returncode != 0
    assert "found no Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (checkout / "venv").exists()
