"""Descriptions of columns: in Parquet files, in README.txt, and next to columns of a user."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.export.tables import csv_schemas
from schemas.codebook import column, described, markdown, readme
from schemas.scores import score_tables
from schemas.tables import DATASETS, conform, rows_table, with_columns


def test_a_parquet_column_says_what_it_is(tmp_path: Path) -> None:
    schema = score_tables(["calm"])["timeline"]
    row = dict.fromkeys(schema.names) | {"uri": "a.mp4", "start_s": 1.0}
    storage.write_table(str(tmp_path / "part.parquet"), rows_table([row], schema))
    stored = pq.read_schema(tmp_path / "part.parquet")
    assert stored.field("start_s").metadata[b"unit"] == b"s"
    assert stored.field("start_s").metadata[b"description"] == b"start of the row's time range"
    assert b"most probable label" in stored.field("label").metadata[b"description"]
    assert b"probability" in stored.field("prob_calm").metadata[b"description"]
    assert b"unit" not in stored.field("prob_calm").metadata


def test_a_column_means_something_else_in_another_table() -> None:
    label = column("dataset", "videos", "label")
    assert label.meaning == "label of the video, from the label table"
    assert column("dataset", "clips", "label").meaning == "label of its video"
    assert column("scores", "tracks", "label").meaning.startswith("most probable label")
    assert column("scores", "people", "face_share") != column("scores", "timeline", "face_share")


def test_columns_of_the_label_table_are_named_as_such() -> None:
    schema = with_columns(DATASETS["videos"], ["age"])
    assert schema.field("age").metadata == {b"description": b"column of the label table"}
    assert "  age (string): column of the label table" in readme("dataset", {"videos": schema})


def test_types_and_old_parts_stay_readable() -> None:
    """Tables with and without descriptions join, and conform to either schema."""
    plain = pa.schema([("uri", pa.string()), ("start_s", pa.float64())])
    schema = described(plain, "scores", "segments")
    assert schema.equals(plain)
    table = pa.table({"uri": ["a"], "start_s": [0.5]}, schema=plain)
    joined = pa.concat_tables([table, conform(table, schema)])
    assert joined.to_pylist() == [{"uri": "a", "start_s": 0.5}] * 2


def test_csv_files_are_described_too() -> None:
    schemas = csv_schemas(["calm"])
    names = schemas["segments"].names
    assert names[names.index("identity_id") + 1] == "person"
    assert "box_x1_px" in schemas["timeline"].names and "box" not in schemas["timeline"].names
    text = readme("scores", schemas)
    assert "person (string): name of the person" in text
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "| box_x1_px | float | px | left edge of the box, in CSV |" in markdown(
        "scores", schemas
    )
