"""Datasets and flags that jobs.train refuses, and its messages."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emotion.package.model_package import load_package
from schemas.tables import CLIPS, rows_table
from tests.helpers.drawn_dataset import run, write_dataset
from tests.helpers.small_package import SPEC

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("drawn") / "dataset")


def without_marker(root: Path) -> None:
    (root / "_SUCCESS").unlink()


def without_report(root: Path) -> None:
    (root / "validation/report.json").unlink()


def failed_report(root: Path) -> None:
    report = {"success": False, "spec_digest": SPEC.digest}
    (root / "validation/report.json").write_text(json.dumps(report))


def report_of_another_spec(root: Path) -> None:
    report = {"success": True, "spec_digest": "0123"}
    (root / "validation/report.json").write_text(json.dumps(report))


def keep_rows(root: Path, column: str, unwanted: set[str]) -> None:
    for path in (root / "clips").iterdir():
        rows = [row for row in pq.read_table(path).to_pylist() if row[column] not in unwanted]
        pq.write_table(rows_table(rows, CLIPS), path)


def without_val(root: Path) -> None:
    keep_rows(root, "split", {"val"})


def with_one_label(root: Path) -> None:
    keep_rows(root, "label", {"lower", "both"})


def without_both_in_val(root: Path) -> None:
    for path in (root / "clips").iterdir():
        rows = pq.read_table(path).to_pylist()
        kept = [row for row in rows if (row["split"], row["label"]) != ("val", "both")]
        pq.write_table(rows_table(kept, CLIPS), path)


def test_a_label_missing_from_val_is_said(
    dataset: Path, tmp_path: Path, local_ray: None, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "dataset"
    shutil.copytree(dataset, copy)
    without_both_in_val(copy)
    assert run(copy, tmp_path / "run", "--epochs", "1") == 0
    assert "warning: val has no clip of both" in capfd.readouterr().out
    assert load_package(str(tmp_path / "run/package")).training["val_counts"] == {
        "upper": 3,
        "lower": 3,
        "both": 0,
    }


@pytest.mark.parametrize(
    "damage, says",
    [
        (without_marker, "is not a complete dataset .* jobs.build_dataset"),
        (without_report, "was never validated: run `python -m jobs.validate_dataset"),
        (failed_report, "failed its validation"),
        (report_of_another_spec, "was validated with spec 0123"),
        (without_val, "has no clip in the val split"),
        (with_one_label, "has clips of upper only"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refuses_a_dataset(
    dataset: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    says: str,
) -> None:
    copy = tmp_path / "dataset"
    shutil.copytree(dataset, copy)
    damage(copy)
    assert run(copy, tmp_path / "run") == 2
    assert re.search(f"^error: .*{says}", capfd.readouterr().err)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--model", "resnet"], "model 'resnet' is unknown"),
        (["--labels", "lower,upper,both"], "--labels lower,upper,both differ"),
        (["--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["--batch-size", "1"], "--batch-size must be at least 2, got 1"),
        (["--lr", "0"], "--lr must be above 0, got 0.0"),
        (["--model-args", "depth=3"], "model r3d_lite has no argument 'depth'; it has: input_px"),
        (
            ["--model-args", "width=wide"],
            "width of model r3d_lite is 'wide'; it must be of type int",
        ),
        (["--augment", "blur"], "--augment 'blur' must be NAME=VALUE"),
        (["--augment", "noise=1"], "--augment knows no 'noise'; it knows blur, brightness"),
        (
            ["--balance", "sampling", "--cache-gb", "0"],
            "--balance sampling needs the decoded clips",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refuses_flags(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: list[str], says: str
) -> None:
    assert run(dataset, tmp_path / "run", *flags) == 2
    assert says in capfd.readouterr().err


def test_refuses_a_folder_of_something_else(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert run(dataset, tmp_path) == 2
    assert "holds files but no config.json" in capfd.readouterr().err
