"""Run code in a Python where chosen packages cannot be imported."""

from __future__ import annotations

import subprocess
import sys

from tests.helpers.paths import ROOT

CLOUD = {"ray", "boto3", "botocore", "s3fs", "great_expectations", "fastapi", "starlette"}
_BLOCKER = """
import sys
from importlib.abc import MetaPathFinder

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run_without(blocked: set[str], code: str) -> str:
    """Return the last line that ``code`` prints where ``blocked`` packages cannot be imported."""
    program = f"BLOCKED = {sorted(blocked)!r}\n{_BLOCKER}\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]
