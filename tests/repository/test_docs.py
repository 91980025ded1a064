"""Documents: links, anchors, pages without a link, commands, named files, the drawn picture."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from tests.repository.test_imports import ORDER

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"python -m ((?:jobs|benchmarks)\.[a-z]\w*|serve(?:\.\w+)?)(?!\w)(.*)")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    outside = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[Path, str]]:
    """Return the file and the anchor of each link of a page that stays in the repository."""
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    parts = [target.partition("#") for target in targets]
    return [(((page.parent / path) if path else page).resolve(), name) for path, _, name in parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    dead = [
        f"{target}#{name}"
        for target, name in links(page)
        if not target.exists() or (name and name not in anchors(target))
    ]
    assert dead == []


def test_every_page_is_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = {target for target, _ in links(page) if target.suffix == ".md"}
        waiting += sorted(targets - reached - set(waiting))
    assert len(PAGES) > 10
    assert set(PAGES) - reached == set()
    linked = {target for page in PAGES for target, _ in links(page)}
    files = {path for path in DOCS.iterdir() if path.suffix in (".md", ".png", ".svg")}
    assert files - linked - {DOCS / "README.md"} == set()


def test_an_anchor_is_githubs(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("# Where is X decided?\n\n## videos: a row\n\n```\n# none\n```\n### a.json\n")
    assert anchors(page) == {"where-is-x-decided", "videos-a-row", "ajson"}


def test_the_answer_key_names_files() -> None:
    section = (DOCS / "design.md").read_text().split("## Where is X decided?")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    paths = [re.findall(r"`([\w/.]+)`", row.split("|")[2]) for row in rows]
    assert len(rows) >= 30
    assert [row for row, named in zip(rows, paths, strict=True) if not named] == []
    assert [path for named in paths for path in named if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("top", ORDER)
def test_the_order_of_rooms_is_the_one_that_is_checked(top: str) -> None:
    text = (DOCS / "design.md").read_text().split(f"\n    {top}/ ")[1].split("\n\n")[0]
    layers = [line.split()[1:] for line in text.splitlines()]
    rooms = [sorted(names) for names in layers if names[:2] != ["the", "verbs,"]]
    assert rooms == [sorted(names) for names in ORDER[top]]


def test_named_files_and_rooms_exist() -> None:
    """Check each path in backticks or after pytest that begins with a folder of the project.

    The last part may be a placeholder: ``jobs/NAME.py``, ``tests/x``.
    """
    tops = "benchmarks|docs|emotion|jobs|schemas|scripts|serve|tests"
    path = re.compile(rf"(?<![\w/.:])((?:{tops})/[\w/.]*\w)(?![\w*])")
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # it names folders of earlier versions
            continue
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        spans = re.findall(r"`([^`\n]+)`", text) + re.findall(r"pytest (.+)", text)
        named = {name for span in spans for name in path.findall(span)}
        named = {name for name in named if not re.search(r"/[A-Z]+(\.py)?$|/x$", name)}
        assert [name for name in sorted(named) if not (ROOT / name).exists()] == [], page.name


@functools.cache
def commands() -> tuple[tuple[str, str], ...]:
    """Return module and arguments of every command of the project in every document."""
    texts = [page.read_text().replace("\\\n", " ") for page in PAGES]
    every = {(m[1], m[2].split("`")[0].strip()) for t in texts for m in COMMAND.finditer(t)}
    return tuple(sorted(every))


def test_the_documents_have_the_commands() -> None:
    verbs = {f"jobs.{path.stem}" for path in (ROOT / "jobs").glob("*.py")} - {"jobs.__init__"}
    assert verbs - {"jobs.predict"} <= {module for module, _ in commands()} | {"jobs.demo"}
    assert "serve" in {module for module, _ in commands()}


@functools.cache
def shown_help(module: str, verb: str) -> str:
    """Return the help of a verb, or of one of its own verbs."""
    main = importlib.import_module("serve.__main__" if module == "serve" else module).main
    with contextlib.redirect_stdout(io.StringIO()) as text, pytest.raises(SystemExit) as end:
        main([*([verb] if verb else []), "--help"])
    assert end.value.code == 0
    return text.getvalue()


@pytest.mark.parametrize("module, arguments", commands())
def test_commands_have_these_flags(module: str, arguments: str) -> None:
    words = shlex.split(arguments, comments=True)
    flags = [word.split("=")[0] for word in words if word.startswith("--")]
    if module.startswith("benchmarks."):
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert [flag for flag in flags if flag[2:].replace("-", "_") not in source] == []
        return
    verb = words[0] if words and not words[0].startswith("-") else ""
    help_text = shown_help(module, verb)
    assert [flag for flag in flags if not re.search(rf"{flag}(?![\w-])", help_text)] == []


def test_the_picture_is_drawn_from_its_source(tmp_path: Path) -> None:
    for folder, names in {
        "scripts": ["draw_architecture.py"],
        "docs": ["architecture.txt"],
    }.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text((ROOT / folder / name).read_text())
    script = tmp_path / "scripts/draw_architecture.py"
    subprocess.run([sys.executable, "-m", "doctest", str(script)], check=True, timeout=60)
    subprocess.run([sys.executable, str(script)], check=True, timeout=60)
    drawn = (tmp_path / "docs/architecture.svg").read_text()
    assert drawn == (DOCS / "architecture.svg").read_text()
    assert drawn.count("<rect") > 15
    assert "prefers-color-scheme: dark" in drawn


def test_the_picture_names_rooms_that_exist() -> None:
    text = re.sub(r"^#.*$", "", (DOCS / "architecture.txt").read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"\b(?:emotion|jobs|serve|schemas)/[\w/.]*\w", text))
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
