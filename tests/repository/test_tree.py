"""Rules for the whole tree: no strays, pinned dependencies, documents that match the code."""

from __future__ import annotations

import ast
import functools
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from emotion.errors import REASONS
from emotion.export.tables import csv_schemas
from emotion.labels import LABELS
from schemas.codebook import LABEL_TABLE
from schemas.scores import score_tables
from schemas.tables import DATASETS
from tests.helpers.paths import ROOT

PACKAGES = ("schemas", "emotion", "jobs", "serve")
TEXT = (".md", ".py", ".toml", ".txt", ".sh", ".yaml", ".yml", ".html", ".css", ".js", "")
STRAYS = {
    "a package registry": r"index-url|find-links|pypi\.org|pythonhosted|/simple/",
    "a folder of one machine": r"(?<![\w./{}-])/(work|root|Users)/\w",
}


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Return the files that git tracks or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return tuple(p for name in listed.stdout.splitlines() if (p := ROOT / name).is_file())


def modules() -> list[Path]:
    return [p for p in tracked() if p.suffix == ".py"]


@pytest.mark.parametrize("stray", STRAYS)
def test_no_file_names(stray: str) -> None:
    texts = [p for p in tracked() if p.suffix in TEXT and p != Path(__file__).resolve()]
    strays = {str(p.relative_to(ROOT)): m for p in texts if (m := _search(STRAYS[stray], p))}
    assert len(texts) > 50
    assert strays == {}


def _search(pattern: str, path: Path) -> str | None:
    match = re.search(pattern, path.read_text(encoding="utf-8"))
    return match[0] if match else None


def test_no_file_is_large() -> None:
    large = {str(p.relative_to(ROOT)) for p in tracked() if p.stat().st_size > 300_000}
    assert large == set()


def test_modules_are_short() -> None:
    lines = {str(p.relative_to(ROOT)): p.read_text().count("\n") for p in modules()}
    assert {name: count for name, count in lines.items() if count > 300} == {}


def test_modules_have_a_docstring() -> None:
    parts = [p for p in modules() if p.relative_to(ROOT).parts[0] in PACKAGES]
    silent = [p for p in parts if not ast.get_docstring(ast.parse(p.read_text()))]
    assert len(parts) > 50
    assert silent == []


HEADLESS = ("What", "Whether", "Where", "Who", "That", "How", "When")


def docstrings(tree: ast.Module) -> list[str]:
    """Return the docstrings of a module, its classes and functions, and of its names."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, owners)]
    alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    texts += [c.value for c in alone if isinstance(c, ast.Constant) and isinstance(c.value, str)]
    return [text.strip() for text in texts if text]


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    """The first word says what a thing does or is: no question word without its question."""
    headless = [
        f"{p.relative_to(ROOT)}: {text.splitlines()[0]}"
        for p in modules()
        for text in docstrings(ast.parse(p.read_text()))
        if text.split()[:1] and text.split()[0] in HEADLESS
    ]
    assert headless == []


@functools.cache
def dependencies() -> tuple[Requirement, ...]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return tuple(Requirement(text) for group in groups for text in group)


def test_constraints_pin_every_dependency_within_its_range() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    for dependency in dependencies():
        version = pinned.get(canonicalize_name(dependency.name))
        assert version is not None, f"constraints.txt lacks {dependency.name}"
        assert dependency.specifier.contains(version), f"{dependency} but {version}"


def test_design_gives_a_reason_for_every_dependency() -> None:
    table = (ROOT / "docs" / "design.md").read_text().split("## Dependencies")[1]
    named = " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| "))
    names = set(re.findall(r"[\w-]+", named))
    assert {d.name for d in dependencies()} - names == set()


def test_the_codebook_has_every_column() -> None:
    script = runpy.run_path(str(ROOT / "scripts/write_codebook.py"))
    assert script["PAGE"].read_text() == script["page"](), "run scripts.write_codebook"
    tables = {"dataset": DATASETS, "scores": csv_schemas(LABELS) | score_tables(LABELS)}
    unknown = [
        f"{kind} {table} {field.name}"
        for kind, schemas in tables.items()
        for table, schema in schemas.items()
        for field in schema
        if field.metadata[b"description"].decode() == LABEL_TABLE.meaning
    ]
    assert unknown == []


def test_documents_name_every_reason() -> None:
    datasets = (ROOT / "docs" / "datasets.md").read_text()
    missing = [name for name in REASONS if not re.search(rf"(?<!\w){name}(?!\w)", datasets)]
    assert missing == []


def test_readme_shows_every_top_level_folder() -> None:
    tree = (ROOT / "README.md").read_text().split("## The tree")[1].split("## ")[0]
    folders = {p.relative_to(ROOT).parts[0] for p in tracked() if p.parent != ROOT}
    assert {f for f in folders if not f.startswith(".") and f"{f}/" not in tree} == set()
