"""docs/analyze.ipynb: it is stored without outputs, and its cells run in order.

The cells run in this process, and the value of the last expression of a cell is shown as a notebook
shows it. A kernel would run the same code: the cells hold plain Python without magics, and Jupyter
would add some twenty packages to the development set.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib import pyplot

from tests.helpers.pages import Page
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.large

NOTEBOOK = json.loads((ROOT / "docs/analyze.ipynb").read_text())
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; return the value of its last expression, or None as for ``x;``."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) and not source.endswith(";") else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_it_is_stored_without_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    cells = NOTEBOOK["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    stored = [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
    assert stored == []


def test_the_cells_run(package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDEO_EMOTION_PACKAGE", str(package))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    matplotlib.use("Agg")
    names: dict[str, Any] = {}
    shown = [run_cell(source, names) for source in CODE]
    pyplot.close("all")
    page = Page(shown[1]._repr_html_())
    assert "person 1" in page.words
    assert page.addresses[0].startswith("data:image/png")
    assert [value is not None for value in shown] == [False, True, True, True, False, True, True]
    assert list(shown[3]["person"]) == ["person 1"]
    assert shown[5][0] == "WEBVTT"
    assert len(shown[6]) == 5
    assert list(tmp_path.rglob("clip.vtt"))
