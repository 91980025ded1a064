"""Readers of a dataset or a score set refuse one whose tables have an earlier version's columns."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion import storage
from schemas.tables import SCHEMA_VERSION
from tests.helpers.tiny_dataset import SPEC


@pytest.fixture
def earlier(tmp_path: Path) -> str:
    """A complete output of schema 1: its config.json has no schema_version."""
    uri = str(tmp_path / "earlier")
    storage.write_json(f"{uri}/spec.json", SPEC.to_json())
    config = {"labels": ["happy"], "videos_root": "/v", "model_id": "m"}
    storage.write_json(f"{uri}/config.json", config)
    storage.write_json(f"{uri}/_SUCCESS", {})
    return uri


READERS = pytest.mark.parametrize(
    "verb, flag, more",
    [
        ("train", "dataset", ["--out", "{}/out"]),
        ("export", "scores", ["--out", "{}/out", "--formats", "csv"]),
        ("drift", "scores", []),
        ("validate_dataset", "dataset", []),
        ("evaluate", "scores", ["--out", "{}/out", "--labels", "{}/labels.csv"]),
        ("score", "from-dataset", ["--out", "{}/out", "--package", "{}/package"]),
    ],
)


Reads = Callable[[str], list[str]]
"""Function that gives an output to a reader, and returns the lines of its refusal."""


@pytest.fixture
def reads(
    verb: str,
    flag: str,
    more: list[str],
    package: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Reads:
    def refused(uri: str) -> list[str]:
        (tmp_path / "package").symlink_to(package)
        job = importlib.import_module(f"jobs.{verb}")
        assert job.main([f"--{flag}", uri, *(word.format(tmp_path) for word in more)]) == 2
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err.splitlines()

    return refused


@READERS
def test_an_earlier_version_is_refused(
    verb: str, flag: str, more: list[str], earlier: str, reads: Reads
) -> None:
    assert reads(earlier) == [
        f"error: --{flag} {earlier} was made by an earlier version (schema 1, now 4); "
        "build it again"
    ]


@READERS
def test_the_output_of_another_job_is_named(
    verb: str, flag: str, more: list[str], earlier: str, reads: Reads
) -> None:
    config = storage.read_json(f"{earlier}/config.json")
    facts = {"job": "jobs.crossval", "schema_version": SCHEMA_VERSION}
    storage.write_json(f"{earlier}/config.json", config | facts)
    wanted = "jobs.score" if flag == "scores" else "jobs.build_dataset"
    assert reads(earlier) == [
        f"error: --{flag} {earlier} was made by jobs.crossval; name a folder that {wanted} made"
    ]
