"""The help of every verb starts fast: it imports none of the large packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large

LARGE = ("torch", "ray", "pandas", "matplotlib", "cv2", "duckdb", "great_expectations", "av")
VERBS = sorted(p.stem for p in (ROOT / "jobs").glob("*.py") if p.stem != "__init__")
PROGRAM = f"""
import sys
sys.argv = ["x"]
from {{module}} import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0, end.code
print(sorted(set({LARGE!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize("module", [*(f"jobs.{verb}" for verb in VERBS), "serve.__main__"])
def test_help_imports_no_large_package(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(module=module)],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "usage: python -m " in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
