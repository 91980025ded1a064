"""A folder with modules of the user's own does not hide those of this project from workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotion.import_root import IMPORT_ROOT, import_environment
from tests.helpers.paths import ROOT


def test_a_new_python_imports_the_checkout_and_not_the_current_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert IMPORT_ROOT == ROOT
    monkeypatch.setenv("PYTHONPATH", "/mine")
    assert import_environment() == {"PYTHONSAFEPATH": "1", "PYTHONPATH": f"{ROOT}:/mine"}
    monkeypatch.delenv("PYTHONPATH")
    assert import_environment()["PYTHONPATH"] == str(ROOT)


@pytest.mark.large
@pytest.mark.parametrize("runner", ["processes", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_build_in_a_folder_with_such_files(corpus: Path, tmp_path: Path, runner: str) -> None:
    for name in ("jobs", "serve", "schemas", "emotion", "pandas"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the user's own {name}')")
    command = [
        sys.executable, "-P", "-m", "jobs.common.console", "build-dataset",
        "--videos", str(corpus), "--labels", str(corpus / "labels.csv"), "--out", "dataset",
        "--runner", runner, "--detector", "dlib",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # as if it were installed
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    assert (tmp_path / "dataset/report.html").is_file()
    assert "own" not in run.stdout + run.stderr
