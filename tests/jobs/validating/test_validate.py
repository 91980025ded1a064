from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion import storage
from jobs.validate_dataset import main
from jobs.validating.groups import read_footers
from jobs.validating.validate import validate
from schemas.tables import DATASETS
from tests.helpers.tiny_dataset import CROP, SPEC, a_video, add, clean, tables_of, write_dataset

pytestmark = pytest.mark.large


def test_a_clean_dataset_gets_a_clean_report(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(store, tables_of(clean()))
    assert main(["--dataset", store]) == 0
    report = storage.read_json(storage.join(store, "validation", "report.json"))
    assert report["success"] is True
    assert report["spec_digest"] == SPEC.digest
    assert report["counts"] == {
        "videos": 2, "frames": 6, "faces": 6, "tracks": 2, "clips": 2, "rejects": 1,
    }  # fmt: skip
    broken = [result for result in report["results"] if not result["success"]]
    assert [(r["severity"], r["examples"]) for r in broken] == [
        ("warning", ["neutral has no clip in train"]),
        ("warning", ["val has no video"]),
    ]
    page = storage.read_bytes(storage.join(store, "validation", "index.html")).decode()
    kept = len(report["results"]) - 2
    assert f"Valid, with 2 warnings: {kept} of {kept + 2} rules are kept" in page
    out = capsys.readouterr().out
    assert "dataset is valid" in out and "clips" in out and "FAILED" not in out


def test_a_failed_expectation_is_named_with_examples(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = clean()
    rows["clips"][0]["quality"] = 3.0
    for name in ("videos", "tracks", "clips"):
        rows[name][0]["label"] = "<bored>"
    write_dataset(str(tmp_path), tables_of(rows))
    assert main(["--dataset", str(tmp_path)]) == 1
    printed = capfd.readouterr()
    assert (
        "FAILED clips: quality is at least 0 and at most 1; 1 of 2 fail\n    3.0\n" in printed.out
    )
    assert "FAILED videos: label is one of neutral, happy; 1 of 2 fail\n    <bored>" in printed.out
    assert "4 rules failed" in printed.out
    assert printed.err == ""  # neither progress bars nor warnings
    report = json.loads((tmp_path / "validation" / "report.json").read_text())
    assert report["success"] is False
    page = (tmp_path / "validation" / "index.html").read_text()
    assert "&lt;bored&gt;" in page and "<bored>" not in page


def test_parts_are_joined_and_empty_parts_are_valid(tmp_path: Path) -> None:
    write_dataset(str(tmp_path), tables_of(clean()))
    more = tables_of(add({name: [] for name in DATASETS}, a_video("v3", "carl", "happy", "val")))
    for name, table in more.items():
        storage.write_table(str(tmp_path / name / "part-1.parquet"), table)
        storage.write_table(str(tmp_path / name / "part-2.parquet"), table.slice(0, 0))
    assert validate(str(tmp_path)).failed == ()
    report = json.loads((tmp_path / "validation" / "report.json").read_text())
    assert report["counts"]["clips"] == 3


def few_crops(tables: dict[str, pa.Table]) -> None:
    rows = clean()
    rows["clips"][1]["crops"] = [CROP, CROP]
    tables["clips"] = tables_of(rows)["clips"]


def no_blur(tables: dict[str, pa.Table]) -> None:
    tables["frames"] = tables["frames"].drop_columns(["blur"])


def no_faces_part(tables: dict[str, pa.Table]) -> None:
    del tables["faces"]


@pytest.mark.parametrize(
    "spoil, expected",
    [
        (few_crops, ["part-0.parquet: 2 clips hold 5 crops, not 3 each"]),
        (no_blur, ["frames/part-0.parquet: column blur is missing"]),
        (no_faces_part, ["faces/part-0.parquet is missing"]),
    ],
)
def test_a_part_with_wrong_content_is_named(
    tmp_path: Path, spoil: Callable[[dict[str, pa.Table]], None], expected: list[str]
) -> None:
    tables = tables_of(clean())
    spoil(tables)
    write_dataset(str(tmp_path), tables)
    report = validate(str(tmp_path))
    assert [example for result in report.failed for example in result.examples] == expected


def test_an_empty_dataset_fails_with_one_clear_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(str(tmp_path), {n: t.slice(0, 0) for n, t in tables_of(clean()).items()})
    assert main(["--dataset", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "FAILED videos: there is at least one video" in out


def test_a_part_whose_column_is_all_null_is_named_before_anything_is_read(tmp_path: Path) -> None:
    tables = tables_of(clean())
    write_dataset(str(tmp_path), tables)
    write_dataset(str(tmp_path), {n: t.slice(0, 0) for n, t in tables.items()}, shard_id="1")
    videos = tables["videos"]
    place = videos.column_names.index("fold")
    odd = videos.set_column(place, pa.field("fold", pa.null()), pa.nulls(2))
    storage.write_table(str(tmp_path / "videos" / "part-1.parquet"), odd)
    (failed,) = validate(str(tmp_path)).failed
    assert failed.examples == ("videos/part-1.parquet: fold is null, not string",)


def test_crops_are_counted_over_row_groups_without_reading_them(tmp_path: Path) -> None:
    clips = tables_of(clean())["clips"]
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables([clips, clips]), sink, row_group_size=1)
    storage.write_bytes(str(tmp_path / "clips" / "part-0.parquet"), sink.getvalue())
    (footer,) = read_footers(str(tmp_path), {"clips": {"part-0.parquet": 1}})
    assert (footer.num_rows, footer.num_crops) == (4, 12)


@pytest.mark.parametrize(
    "files, message",
    [
        ({}, "is not a dataset: it has no spec.json and config.json"),
        (
            {"spec.json": SPEC.to_json(), "config.json": {}},
            "declares labels None, must be a list of names",
        ),
    ],
)
def test_a_folder_without_a_dataset_gives_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, object],
    message: str,
) -> None:
    for name, value in files.items():
        storage.write_json(str(tmp_path / name), value)
    assert main(["--dataset", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_a_part_that_is_not_parquet_gives_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(str(tmp_path), tables_of(clean()))
    (tmp_path / "faces" / "part-0.parquet").write_text("oops")
    assert main(["--dataset", str(tmp_path)]) == 2
    assert "part-0.parquet is not a Parquet file" in capsys.readouterr().err
