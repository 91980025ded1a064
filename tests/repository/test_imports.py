"""Import rules: which package, room and module may import which, and what runs without Ray."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.blocked import CLOUD, run_without
from tests.helpers.paths import ROOT

FORBIDDEN = {
    "schemas": {"emotion", "jobs", "serve", "sagemaker", "av", "dlib", *CLOUD},
    "emotion": {"jobs", "serve", "sagemaker", *CLOUD},
    "emotion/models": {"av", "dlib"},
    "emotion/package": {"av", "dlib"},
    "emotion/train": {"av", "dlib"},
    "emotion/evaluate": {"av", "dlib", "torch"},
    "jobs": {"serve"},
    "serve": {"jobs"},
}
"""Packages that no file of a folder may import."""

GROUND = (
    "arrays",
    "colours",
    "import_root",
    "labels",
    "nouns",
    "pooling",
    "ranges",
    "splits",
    "versions",
)
EMOTION = (
    ("errors",),
    GROUND,
    ("storage", "video", "models"),
    ("label_table", "weights", "corpora", "synth", "validate"),
    ("extract",),
    ("package",),
    ("published",),
    ("evaluate",),
    ("train",),
    ("predict",),
    ("report", "export"),
    ("analysis",),
)
JOBS = (
    ("common",),
    ("ledger",),
    ("reading",),
    ("scoring", "exporting", "training", "validating", "predicting"),
    ("building", "evaluating", "folds", "tuning"),
    ("aws",),
)
ORDER = {"emotion": EMOTION, "jobs": JOBS}
"""Rooms by layer: a room imports from layers before its own, and from itself."""

WALK = """
import importlib, pkgutil
count = 0
for package in PACKAGES:
    parent = importlib.import_module(package)
    for module in pkgutil.walk_packages(parent.__path__, package + "."):
        importlib.import_module(module.name)
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
    """Return the imports of one file, named relative to the root, that a rule forbids."""
    names = imported(ast.parse(source))
    tops = {n.split(".")[0] for n in names}
    wrong = []
    for folder, forbidden in FORBIDDEN.items():
        if name.startswith(f"{folder}/"):
            wrong += sorted(tops & forbidden)
    return wrong + broken_order(name, names)


def broken_order(name: str, names: set[str]) -> list[str]:
    """Return the rooms that a file imports although their layer is not before its own."""
    top, _, path = name.partition("/")
    if top not in ORDER or not path:
        return []
    own = path.split("/")[0].removesuffix(".py")
    layers = {room: layer for layer, rooms in enumerate(ORDER[top]) for room in rooms}
    rooms = {n.split(".")[1] for n in names if n.startswith(f"{top}.")} - {own}
    if "/" not in path and top == "jobs":  # a verb imports every room, and no verb
        return sorted(rooms - layers.keys())
    return sorted(room for room in rooms if layers.get(room, 99) >= layers.get(own, 99))


@functools.cache
def sources() -> dict[str, str]:
    """Return the text of every module of the product, by its name relative to the root."""
    folders = ("schemas", "emotion", "jobs", "serve")
    paths = sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))
    return {str(p.relative_to(ROOT)): p.read_text() for p in paths}


def test_every_file_keeps_the_rules() -> None:
    broken = {
        name: wrong for name, text in sources().items() if (wrong := broken_rules(name, text))
    }
    assert len(sources()) > 150
    assert broken == {}


@pytest.mark.parametrize(
    "name, source, wrong",
    [
        ("jobs/a.py", "from ray import serve", []),
        ("jobs/a.py", "from serve.app import app", ["serve"]),
        ("jobs/a.py", "from jobs.training.run import run", []),
        ("jobs/a.py", "from jobs import train", ["train"]),
        ("jobs/a.py", "from jobs.train import main", ["train"]),
        ("jobs/tuning/a.py", "from jobs.training import run", []),
        ("jobs/training/a.py", "from jobs.tuning import space", ["tuning"]),
        ("jobs/ledger/a.py", "def f():\n    from jobs import score", ["score"]),
        ("serve/a.py", "def f():\n    import jobs.common.cluster", ["jobs"]),
        ("emotion/a.py", "import ray.data", ["ray"]),
        ("emotion/errors.py", "from emotion import storage", ["storage"]),
        ("emotion/storage/a.py", "from emotion.errors import InputError", []),
        ("emotion/train/a.py", "import av", ["av"]),
        ("emotion/train/a.py", "from emotion.predict.video import f", ["predict"]),
        ("emotion/extract/a.py", "import av", []),
        ("schemas/a.py", "from emotion import labels", ["emotion"]),
    ],
)
def test_the_rules_see(name: str, source: str, wrong: list[str]) -> None:
    assert broken_rules(name, source) == wrong


def graph() -> dict[str, set[str]]:
    """Return the modules of the product that each module imports."""
    names = {path: path[:-3].replace("/", ".").removesuffix(".__init__") for path in sources()}
    modules = set(names.values())
    edges = {}
    for path, text in sources().items():
        targets = imported(ast.parse(text)) & modules
        edges[names[path]] = targets - {names[path]}
    return edges


def cycles(edges: dict[str, set[str]]) -> Iterator[tuple[str, ...]]:
    """Yield each path of imports that leads back to its first module.

    >>> list(cycles({"a": {"b"}, "b": {"a"}, "c": {"a"}}))
    [('a', 'b')]
    """
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if module in path:
            yield path[path.index(module) :]
        elif module not in done:
            for target in sorted(edges.get(module, ())):
                yield from visit(target, (*path, module))
            done.add(module)

    for module in sorted(edges):
        yield from visit(module, ())


def test_no_import_leads_back() -> None:
    """A package's own name is left out: importing a module imports its package too."""
    edges = {m: {t for t in ts if not m.startswith(f"{t}.")} for m, ts in graph().items()}
    assert sum(len(targets) for targets in edges.values()) > 300
    assert list(cycles(edges)) == []


def test_only_verbs_lie_directly_in_jobs() -> None:
    files = [p for p in (ROOT / "jobs").glob("*.py") if p.name != "__init__.py"]
    without = [p.name for p in files if "\ndef main(" not in p.read_text()]
    assert len(files) > 10
    assert without == []


def test_no_folder_has_more_than_25_modules() -> None:
    folders = {Path(name).parent for name in sources()}
    counts = {str(f): sum(Path(n).parent == f for n in sources()) for f in folders}
    assert {folder: count for folder, count in counts.items() if count > 25} == {}


def test_emotion_needs_no_ray_no_aws_no_web() -> None:
    walk = f"PACKAGES = ['emotion']\n{WALK}"
    assert int(run_without(CLOUD | {"sagemaker", "tyro"}, walk)) > 20


def test_learning_needs_no_video_library() -> None:
    """A GPU box with torch, torchvision, OpenCV and pyarrow trains and scores stored clips."""
    packages = ["schemas", "emotion.models", "emotion.package", "emotion.train", "emotion.evaluate"]
    walk = f"PACKAGES = {packages}\n{WALK}"
    blocked = CLOUD | {"sagemaker", "tyro", "av", "dlib", "matplotlib", "jinja2"}
    score = "import emotion.predict.predictor, emotion.labels, emotion.label_table\n"
    assert int(run_without(blocked, score + walk)) > 8
