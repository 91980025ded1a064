"""``make setup``: installs once, and again after a change of the pins or a failed install."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large

# A script in place of Python: it makes a "virtualenv" with itself in it, and logs pip's arguments.
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


def test_a_newer_file_with_the_same_pins_installs_nothing(checkout: Path) -> None:
    """Touch a file, as in a fresh clone that shares a virtualenv: the content decides."""
    setup(checkout)
    os.utime(checkout / "pyproject.toml", (2**31, 2**31))
    setup(checkout)
    assert len(installs(checkout)) == 1


@pytest.mark.parametrize("failure", ["PIP_FAILS", "CHECK_FAILS"])
def test_a_failed_install_is_done_again(checkout: Path, failure: str) -> None:
    assert setup(checkout, **{failure: "1"}).returncode != 0
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


def test_a_missing_python_is_an_error(checkout: Path) -> None:
    done = setup(checkout, UNFIT="1")
    assert done.returncode != 0
    assert "no Python 3.11, 3.12 or 3.13 that can make a virtualenv" in done.stderr
    assert not (checkout / "venv").exists()
