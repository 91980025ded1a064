"""Corpora in a table with columns of any name: CSV and Parquet beside empty files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion.corpora.generic import Columns
from emotion.errors import InputError
from tests.helpers.corpora import imported, rows, unused_reasons, videos, written

TABLE_NAMES = Columns("clip", "emotion", "person", "set", "part")
TABLE = (
    "clip,emotion,person,set,part,age,fold\n"
    "a/1.mp4,joy,p1,training,3,41,x\n"
    "2,Sad,p2,Dev,1,,y\n"
    "s3://other/v/3.mp4,calm,p3,test,2,7,z\n"
    "gone.mp4,Sad,p4,test,,,\n"
    "b/4.mp4,,p4,test,,,\n"
)
TABLE_VIDEOS = ("a/1.mp4", "b/2.mkv", "b/4.mp4", "b/5.mp4")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_of_any_names(kind: str, tmp_path: Path) -> None:
    uri = tmp_path / f"table.{kind}"
    if kind == "csv":
        uri.write_text("\ufeff" + TABLE)
    else:
        header, *lines = (line.split(",") for line in TABLE.splitlines())
        columns = {name: [line[k] or None for line in lines] for k, name in enumerate(header)} | {
            "age": pa.array([41, None, 7, None, None], pa.int64())
        }
        pq.write_table(pa.table(columns), uri)
    result = imported(
        "csv",
        written(tmp_path / "root", videos(*TABLE_VIDEOS)),
        table=str(uri),
        columns=TABLE_NAMES,
    )
    assert rows(result) == [
        ("a/1.mp4", "p1", "happy", "train", "3"),
        ("b/2.mkv", "p2", "sad", "val", "1"),
        ("s3://other/v/3.mp4", "p3", "calm", "test", "2"),
    ]
    assert [dict(c.extra) for c, _, _ in result.rows] == [
        {"age": "41", "source_fold": "x"},
        {"age": "", "source_fold": "y"},
        {"age": "7", "source_fold": "z"},
    ]
    assert unused_reasons(result) == {
        "gone.mp4": "missing", "b/4.mp4": "no_label", "b/5.mp4": "not_listed",
    }  # fmt: skip


def test_a_table_without_subjects_that_repeats_itself(tmp_path: Path) -> None:
    text = "uri,label\n1.mp4,joy\n1.mp4,joy\n2.mp4,joy\n2.mp4,sad\n3.mp4,sad\n"
    (tmp_path / "t.csv").write_text(text)
    files = videos("1.mp4", "2.mp4", "3.mp4")
    archive = written(tmp_path / "root", files)
    result = imported("csv", archive, table=str(tmp_path / "t.csv"), split="none")
    assert rows(result) == [("1.mp4", "1", "happy", "", None), ("3.mp4", "3", "sad", "", None)]
    assert [(u.path, u.reason) for u in result.unused] == [
        ("1.mp4", "listed_twice"), ("2.mp4", "two_labels"), ("2.mp4", "two_labels"),
    ]  # fmt: skip


def test_rows_without_a_split_among_rows_with_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("uri,label,s\n1.mp4,sad,train\n2.mp4,sad,val\n3.mp4,sad,\n")
    columns = Columns("uri", "label", "", "s", "")
    files = videos("1.mp4", "2.mp4", "3.mp4")
    result = imported(
        "csv", written(tmp_path / "r", files), table=str(tmp_path / "t.csv"), columns=columns
    )
    assert [r[3] for r in rows(result)] == ["train", "val", ""]


HEAD = "clip,emotion,person,set,part\n"


@pytest.mark.parametrize(
    "table, message",
    [
        (None, "--table .*table.csv does not exist"),
        ("clip,emotion\n", "lacks column person, set, part; it"),
        (HEAD, "looked for nothing, it has no rows, found"),
        (HEAD + "gone.mp4,joy,p,,\n", "looked for gone.mp4, found 2 .mp4"),
        (HEAD + ",joy,p,,\n", "row 2: clip is empty"),
        (HEAD + "a.mp4,joy,,,\n", "row 2: person is empty"),
        (HEAD + "a.mp4,joy,p,night,\n", "row 2: split 'night' is not"),
        ("PAR1 and then nothing", "neither UTF-8 CSV nor Parquet"),
        (HEAD + "a.mp4,joy,p,train,\nb.mp4,joy,p,test,\n",
         "subject p is in split .* it must be in one split: use --split subject"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(table: str | None, message: str, tmp_path: Path) -> None:
    files = videos("a.mp4", "b.mp4") | ({} if table is None else {"table.csv": table})
    uri = str(tmp_path / "table.csv")
    with pytest.raises(InputError, match=message) as err:
        imported("csv", written(tmp_path, files), table=uri, columns=TABLE_NAMES)
    assert "\n" not in str(err.value)
