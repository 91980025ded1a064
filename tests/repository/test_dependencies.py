"""Imports against pyproject.toml: every package that a file imports is declared there."""

from __future__ import annotations

import ast
import functools
import sys
import tomllib
from importlib.metadata import files

import pytest
from packaging.requirements import Requirement

from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large

PRODUCT = ("schemas", "emotion", "jobs", "serve")
OWN = {*PRODUCT, "tests", "benchmarks"}
DEV = "dev"
REQUIRED = "dependencies"


def outside_imports(source: str) -> dict[str, bool]:
    """Return the packages that a file imports; True for those imported in functions only.

    The standard library and this project are left out.
    """
    tree = ast.parse(source)
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    lazy_by_name: dict[str, bool] = {}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in OWN:
                lazy_by_name[top] = lazy_by_name.get(top, True) and id(node) in lazy
    return lazy_by_name


@functools.cache
def groups_by_import() -> dict[str, frozenset[str]]:
    """Return the groups of pyproject.toml that declare a package, by the name it is imported by."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups: dict[str, list[str]] = {
        REQUIRED: project["dependencies"],
        **project["optional-dependencies"],
    }
    by_import: dict[str, set[str]] = {}
    for group, texts in groups.items():
        for text in texts:
            for file in files(Requirement(text).name) or []:
                by_import.setdefault(file.parts[0].split(".")[0], set()).add(group)
    return {name: frozenset(named) for name, named in by_import.items()}


def undeclared(folder: str, source: str) -> list[str]:
    """Return the imports of a file in ``folder`` that its groups do not declare.

    The product may import what ``dependencies`` declares, and in functions what an extra other
    than ``dev`` declares. Tests and benchmarks may import everything that is declared.
    """
    wrong = []
    for name, lazy in outside_imports(source).items():
        groups = groups_by_import().get(name, frozenset())
        if folder in PRODUCT:
            groups = groups & {REQUIRED} if not lazy else groups - {DEV}
        if not groups:
            wrong.append(name)
    return sorted(wrong)


def test_every_import_is_declared() -> None:
    paths = [path for folder in sorted(OWN) for path in sorted((ROOT / folder).rglob("*.py"))]
    wrong: dict[str, list[str]] = {}
    for path in paths:
        name = path.relative_to(ROOT)
        if names := undeclared(name.parts[0], path.read_text()):
            wrong[str(name)] = names
    assert len(paths) > 200
    assert wrong == {}


@pytest.mark.parametrize(
    "folder, source, wrong",
    [
        ("emotion", "", []),
        ("emotion", "import os\nimport emotion.errors", []),
        ("emotion", "import cv2\nfrom jinja2 import Template", []),
        ("jobs", "import mlflow", ["mlflow"]),
        ("jobs", "def f():\n    from mlflow.entities import Metric", []),
        ("jobs", "def f():\n    import mlflow\nimport mlflow", ["mlflow"]),
        ("serve", "def f():\n    import pytest", ["pytest"]),
        ("tests", "import pytest\nimport yaml", []),
        ("benchmarks", "import sagemaker.session", ["sagemaker"]),
    ],
    ids=[
        "nothing", "own and standard", "another name", "an extra", "an extra in a function",
        "in a function and at the top", "dev in the product", "dev in tests", "not declared",
    ],
)  # fmt: skip
def test_an_undeclared_import_is_named(folder: str, source: str, wrong: list[str]) -> None:
    assert undeclared(folder, source) == wrong


def test_the_import_name_need_not_be_the_package_name() -> None:
    tops = ("cv2", "dlib", "parselmouth", "sklearn", "yaml")
    assert [groups_by_import()[name] for name in tops] == [
        {REQUIRED}, {REQUIRED}, {DEV}, {DEV}, {REQUIRED},
    ]  # fmt: skip


def test_the_checked_folders_are_all_packages() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == OWN
