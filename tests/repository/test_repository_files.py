"""Files for people who work on the repository: they parse, and agree with pyproject.toml."""

from __future__ import annotations

import tomllib
from typing import Any

import yaml

from tests.helpers.paths import ROOT


def read_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_citation_has_the_version_and_the_licence_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = read_yaml("CITATION.cff")
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["title"].startswith(project["name"])


def test_the_workflow_runs_make_test_on_a_python_of_the_project() -> None:
    (job,) = read_yaml(".github/workflows/test.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]
    versions = [step["with"]["python-version"] for step in job["steps"] if "with" in step]
    assert versions == ["3.12"]


def test_the_hooks_run_the_tools_of_make_lint() -> None:
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"] for hook in repository["hooks"]]
    tools = ["ruff format", "ruff check", "mypy"]
    assert entries == [f".venv/bin/python -m {tool}" for tool in tools]


def test_issue_templates_have_a_head() -> None:
    for name in ("bug", "feature"):
        head = (ROOT / f".github/ISSUE_TEMPLATE/{name}.md").read_text().split("---")[1]
        assert {"name", "about", "labels"} == set(yaml.safe_load(head))
