"""Who may import whom, and what works where the big packages are not installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

CLOUD = {"ray", "boto3", "botocore", "s3fs", "great_expectations", "fastapi", "starlette"}
FORBIDDEN = {
    "schemas": {"emotion", "jobs", "serve", "sagemaker", "av", "dlib", *CLOUD},
    "emotion": {"jobs", "serve", "sagemaker", *CLOUD},
    "emotion/models": {"av", "dlib"},
    "emotion/train": {"av", "dlib"},
    "emotion/package": {"av", "dlib"},
    "emotion/evaluate": {"av", "dlib", "torch"},
    "jobs": {"serve"},
    "serve": {"jobs"},
}
BLOCKER = """
import sys
from importlib.abc import MetaPathFinder

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""
WALK = """
import importlib, pkgutil
count = 0
for package in PACKAGES:
    parent = importlib.import_module(package)
    for found in pkgutil.walk_packages(parent.__path__, package + "."):
        importlib.import_module(found.name)
        count += 1
print(count)
"""


def imported(tree: ast.Module) -> set[str]:
    """Return every module that a file imports anywhere, as written."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def broken_rules(name: str, source: str) -> list[str]:
    """What one file, named relative to the root, imports and must not."""
    names = imported(ast.parse(source))
    tops = {n.split(".")[0] for n in names}
    wrong = []
    for folder, forbidden in FORBIDDEN.items():
        if name.startswith(f"{folder}/"):
            wrong += sorted(tops & forbidden)
    return wrong


def test_every_file_keeps_the_rule() -> None:
    files = [p for folder in ("schemas", "emotion", "jobs", "serve") for p in _files(folder)]
    broken = {
        name: wrong
        for name, source in ((str(p.relative_to(ROOT)), p.read_text()) for p in files)
        if (wrong := broken_rules(name, source))
    }
    assert len(files) > 40
    assert broken == {}


def _files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    "name, source, wrong",
    [
        ("jobs/a.py", "from ray import serve", []),
        ("jobs/a.py", "from serve.app import app", ["serve"]),
        ("serve/a.py", "def f():\n    import jobs.common.cluster", ["jobs"]),
        ("emotion/a.py", "import ray.data", ["ray"]),
        ("emotion/train/a.py", "import av", ["av"]),
        ("emotion/extract/a.py", "import av", []),
        ("schemas/a.py", "from emotion import labels", ["emotion"]),
    ],
)
def test_the_rule_sees(name: str, source: str, wrong: list[str]) -> None:
    assert broken_rules(name, source) == wrong


def run_without(blocked: set[str], code: str) -> str:
    """The last line that ``code`` prints in a Python where ``blocked`` cannot be imported."""
    program = f"BLOCKED = {sorted(blocked)!r}\n{BLOCKER}\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def test_emotion_needs_no_ray_no_aws_no_web() -> None:
    walk = f"PACKAGES = ['emotion']\n{WALK}"
    assert int(run_without(CLOUD | {"sagemaker", "tyro"}, walk)) > 20


def test_learning_needs_no_video_library() -> None:
    """A GPU box with torch, torchvision, OpenCV and pyarrow trains and scores stored clips."""
    packages = ["schemas", "emotion.models", "emotion.package", "emotion.train", "emotion.evaluate"]
    walk = f"PACKAGES, SKIPPED = {packages}, ['jobs.validating.expectations']\n{WALK}"
    blocked = CLOUD | {"sagemaker", "tyro", "av", "dlib", "matplotlib", "jinja2"}
    score = "import emotion.predict.predictor, emotion.labels, emotion.label_table\n"
    assert int(run_without(blocked, score + walk)) > 8
