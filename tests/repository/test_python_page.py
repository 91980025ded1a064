"""docs/python.md: its tables name the public API, and its examples run."""

from __future__ import annotations

import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pyarrow as pa
import pytest
from matplotlib import pyplot

from emotion import storage
from emotion.labels import LABELS
from emotion.synth.clip import render_clip
from schemas.scores import score_tables
from schemas.tables import SCHEMA_VERSION
from tests.helpers.blocked import run_without
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large

PAGE = (ROOT / "docs" / "python.md").read_text()
LARGE = ("av", "cv2", "fastapi", "numpy", "pyarrow", "ray", "torch")


def named(package: str) -> list[str]:
    """Return the names in the page's table of one package."""
    table = PAGE.split(f"| name in `{package}` |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)`", table, re.MULTILINE)


@pytest.mark.parametrize("package", ["emotion", "serve"])
def test_the_table_has_the_public_names(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(named(package)) == sorted(module.__all__)
    assert [name for name in named(package) if not hasattr(module, name)] == []
    assert not hasattr(module, "no_such_name")


def test_the_packages_are_light() -> None:
    program = f"import sys, emotion, serve\nprint(sorted(set({LARGE!r}) & set(sys.modules)))"
    assert run_without(set(), program) == "[]"


def test_some_names_need_no_video_library_and_no_torch() -> None:
    names = (
        "evaluate_outcomes, join_labels, read_label_table, read_predictions, read_tables, spans_of"
    )
    assert run_without({"av", "torch", "ray"}, f"from emotion import {names}\nprint(1)") == "1"


@pytest.fixture
def files(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with the files that the page names."""
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN/package").symlink_to(package)
    render_clip(tmp_path / "clip.mp4", seed=5, subject=0, label="happy")
    _write_scores(str(tmp_path / "SCORES"), videos_root=str(tmp_path))
    rows = ["uri,subject_id,label,split", "a.mp4,p1,happy,test", "b.mp4,p1,sad,test"]
    rows += ["c.mp4,p2,happy,test", "d.mp4,p2,sad,test", "e.mp4,p3,sad,train"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDEO_EMOTION_PACKAGE", "RUN/package")
    matplotlib.use("Agg")
    yield tmp_path
    pyplot.close("all")


def _write_scores(uri: str, *, videos_root: str) -> None:
    """Write a score set of four videos: three right, one without a face."""
    answers = {"a.mp4": "happy", "b.mp4": "sad", "c.mp4": "happy", "d.mp4": None}
    videos = [{"uri": name, "label": label} | _probs(label) for name, label in answers.items()]
    videos[3]["reason"] = "no_face"
    segment: dict[str, Any] = {"uri": "a.mp4", "track_id": 0, "start_s": 0.0, "stop_s": 1.5}
    for table, rows in {"videos": videos, "segments": [segment | {"label": "happy"}]}.items():
        part = pa.Table.from_pylist(rows, schema=score_tables(LABELS)[table])
        storage.write_table(f"{uri}/{table}/part-0000-000000.parquet", part)
    config = {"labels": LABELS, "videos_root": videos_root, "schema_version": SCHEMA_VERSION}
    storage.write_json(f"{uri}/config.json", config)
    storage.write_json(f"{uri}/_SUCCESS", {})


def _probs(label: str | None) -> dict[str, float]:
    if label is None:
        return {}
    return {f"prob_{name}": 0.4 if name == label else 0.1 for name in LABELS}


def test_the_examples_run(files: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "python.md", None, 0)
    lines: list[str] = []
    result = doctest.DocTestRunner().run(examples, out=lines.append)
    assert result.attempted > 25
    assert result.failed == 0, "".join(lines)
