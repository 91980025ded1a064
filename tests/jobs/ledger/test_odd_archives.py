"""Plans of archives with odd names, and of label tables with odd columns and text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from emotion import storage
from emotion.errors import InputError
from jobs.building.mismatch import describe_mismatch
from jobs.ledger.listing import stream_videos
from jobs.ledger.lock import Fence
from jobs.ledger.plan import Plan
from jobs.ledger.plan_parts import plan_archive, plan_labelled
from jobs.ledger.stored_plan import stored_shards
from tests.jobs.ledger.test_plan import extended

HEAD = "uri,subject_id,label"


def put(root: str, *names: str) -> None:
    for name in names:
        storage.write_bytes(storage.join(root, name), name.encode())


def planned(root: str, table: str | bytes, folder: Path) -> Plan:
    folder.mkdir(parents=True)
    data = table if isinstance(table, bytes) else table.encode()
    storage.write_bytes(str(folder / "labels.csv"), data)
    labels = str(folder / "labels.csv")
    return plan_labelled(root, labels, ("happy", "sad"), seed=0, folder=folder)


def rejects(plan: Plan) -> list[tuple[str, str]]:
    return [(r["uri"], r["reason"]) for r in pq.read_table(plan.rejects).to_pylist()]


def manifest(plan: Plan) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(plan.manifest).to_pylist()
    return rows


ODD = ["2024::10.mp4", "a/http:/b.mp4", "who?.mp4", "#1 50%.mp4", " lead.mp4", "[1]*.mp4", "é.mp4"]


def test_every_name_is_planned_and_read_on_every_storage(store: str, tmp_path: Path) -> None:
    root, out = f"{store}/v[1]", f"{store}/out"
    put(root, *ODD)
    table = HEAD + "\n" + "".join(f'"{storage.name_of_key(name)}",s,sad\n' for name in ODD)
    plan = planned(root, table, tmp_path / "1")
    assert rejects(plan) == []
    for run in ("1", "2"):  # the second run finds nothing new
        folder = tmp_path / run
        plan = plan if run == "1" else planned(root, table, folder)
        storage.write_json(f"{out}/config.json", {"columns": []})
        refs, change = extended(out, plan, folder)
        assert change.num_fresh == (len(ODD) if run == "1" else 0)
    (tmp_path / "3").mkdir()
    rows = [
        row for refs in stored_shards(out, tmp_path / "3") for ref in refs for row in ref.rows()
    ]
    contents = {storage.read_bytes(storage.locate(root, str(row["uri"]))) for row in rows}
    assert contents == {name.encode() for name in ODD}
    assert Fence(out, 0).out == out and refs


@pytest.mark.parametrize("key", ["http://host/a.mp4", "/etc/a.mp4", "s3://other/a.mp4", "x//a.mp4"])
def test_a_key_that_looks_like_an_address_is_a_key(s3: str, tmp_path: Path, key: str) -> None:
    put(f"{s3}/v", key)
    (row,) = manifest(plan_archive(f"{s3}/v", tmp_path))
    assert storage.read_bytes(storage.locate(f"{s3}/v", row["uri"])) == key.encode()
    table = f"{HEAD}\n{s3}/v/{key},s,sad\n"
    plan = planned(f"{s3}/v", table, tmp_path / "labelled")
    assert [r["uri"] for r in manifest(plan)] == [row["uri"]]


def test_a_slash_at_the_end_of_the_root_changes_nothing(store: str) -> None:
    put(f"{store}/v", "a.mp4", "a.mp4x/b.mp4")
    for root in (f"{store}/v", f"{store}/v/"):
        assert sorted(f.uri for f in stream_videos(root)) == ["a.mp4", "a.mp4x/b.mp4"]


def test_what_cannot_be_read_is_a_reject_once(tmp_path: Path) -> None:
    root = tmp_path / "v"
    put(str(root), "a.mp4", "b.mp4")
    os.mkfifo(root / "pipe.mp4")
    os.mkfifo(root / "pipe")
    (root / "gone.mp4").symlink_to("nowhere")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.mp4")).write_bytes(b"x")
    found = [("caf\\xe9.mp4", "bad_name"), ("gone.mp4", "missing"), ("pipe.mp4", "not_a_video")]
    (tmp_path / "p").mkdir()
    plan = plan_archive(str(root), tmp_path / "p")
    assert ([r["uri"] for r in manifest(plan)], rejects(plan)) == (["a.mp4", "b.mp4"], found)
    table = f"{HEAD}\na.mp4,s,sad\npipe.mp4,s,sad\npipe,s,sad\ngone.mp4,s,sad\n"
    plan = planned(str(root), table, tmp_path / "labelled")
    assert [r["uri"] for r in manifest(plan)] == ["a.mp4"]
    # A label row for each, and yet one reject for each.
    assert rejects(plan) == sorted([*found, ("b.mp4", "unlabelled"), ("pipe", "not_a_video")])


@pytest.mark.parametrize("other", ["./a.mp4", "{root}/a.mp4", "file://{root}/a.mp4", "x//../a.mp4"])
@pytest.mark.parametrize("label", ["sad", "happy"])
def test_two_spellings_of_a_file(tmp_path: Path, other: str, label: str) -> None:
    root = tmp_path / "v"
    put(str(root), "a.mp4", "x/b.mp4")
    spelled = other.format(root=root)
    table = f"{HEAD}\na.mp4,s,sad\n{spelled},s,{label}\nx/b.mp4,s,sad\n"
    plan = planned(str(root), table, tmp_path / "plan")
    reasons = {reason for uri, reason in rejects(plan)}
    if ".." in other and label == "sad":  # reported by validation, as equal bytes are
        assert (plan.num_videos, reasons) == (3, set())
    else:
        assert (plan.num_videos, reasons) == (1, {"duplicate_uri"})


@pytest.mark.parametrize("hard", [False, True])
def test_a_link_with_another_label_is_refused(tmp_path: Path, hard: bool) -> None:
    root = tmp_path / "v"
    put(str(root), "a.mp4", "b.mp4", "c.mp4")
    for name, target in (("link.mp4", "a.mp4"), ("same.mp4", "b.mp4")):
        if hard:
            os.link(root / target, root / name)
        else:
            (root / name).symlink_to(target)
    table = f"{HEAD}\na.mp4,s,sad\nlink.mp4,s,happy\nb.mp4,s,sad\nsame.mp4,s,sad\nc.mp4,s,sad\n"
    plan = planned(str(root), table, tmp_path / "plan")
    assert [r["uri"] for r in manifest(plan)] == ["b.mp4", "c.mp4", "same.mp4"]
    assert [(r["uri"], r["detail"]) for r in pq.read_table(plan.rejects).to_pylist()] == [
        ("a.mp4", "the same file as link.mp4, which has another label"),
        ("link.mp4", "the same file as a.mp4, which has another label"),
    ]


COLUMNS = {
    "etag": "label_etag", "Num_Faces": "label_Num_Faces", "SEEKABLE": "label_SEEKABLE",
    "file_row_number": "label_file_row_number", "filename": "label_filename",
    "times": "label_times", "differ": "label_differ", "num_segments": "num_segments",
    "select": "select", 'a"b': 'a"b', "a;b": "a;b", "größe": "größe", "rowid": "rowid",
    "": "column_4", "place": "place",
}  # fmt: skip


@pytest.mark.parametrize("column, kept", COLUMNS.items())
def test_a_column_may_have_any_name(tmp_path: Path, column: str, kept: str) -> None:
    root, out = str(tmp_path / "v"), str(tmp_path / "out")
    put(root, "a.mp4", "b.mp4")
    name = column.replace('"', '""')
    table = f'{HEAD},"{name}"\na.mp4,s,sad,one\nb.mp4,s,sad,two\n'
    plan = planned(root, table, tmp_path / "plan")
    assert plan.extra_columns == (kept,)
    assert [row[kept] for row in manifest(plan)] == ["one", "two"]
    storage.write_json(f"{out}/config.json", {"columns": [kept]})
    (ref,), _ = extended(out, plan, tmp_path / "plan")
    assert [(row["uri"], row[kept]) for row in ref.rows()] == [
        ("a.mp4", "one"),
        ("b.mp4", "two"),
    ]


@pytest.mark.parametrize(
    "columns, message",
    [
        ("Skin,skin", "'Skin' and 'skin'"),
        ("codec,label_codec", "'codec' and 'label_codec'"),
        (",".join(f"c{n}" for n in range(10_000)), "10,000 additional columns, at most 1,000"),
        ('"a\nb"', "cannot be printed"),
    ],
    ids=["case", "prefix", "many", "line break"],
)
def test_columns_that_cannot_be_kept_are_named(tmp_path: Path, columns: str, message: str) -> None:
    put(str(tmp_path / "v"), "a.mp4")
    with pytest.raises(InputError, match=message):
        planned(str(tmp_path / "v"), f"{HEAD},{columns}\na.mp4,s,sad\n", tmp_path / "plan")


@pytest.mark.parametrize(
    "table",
    [
        f"\ufeff{HEAD}\r\na.mp4,s,sad\r\n\r\n",
        f"{HEAD}\ra.mp4,s,sad\r",
        '"uri","subject_id","label","note"\n"a.mp4","s","sad","he said ""hi""\n, twice"\n',
        f"{HEAD},\na.mp4,s,sad,,,\n",
    ],
    ids=["BOM, CRLF, empty line", "CR", "quotes", "trailing commas"],
)
def test_tables_of_other_programs_are_read(tmp_path: Path, table: str) -> None:
    put(str(tmp_path / "v"), "a.mp4")
    plan = planned(str(tmp_path / "v"), table, tmp_path / "plan")
    assert [(r["uri"], r["label"]) for r in manifest(plan)] == [("a.mp4", "sad")]


@pytest.mark.parametrize(
    "table, message",
    [
        (f'{HEAD}\nb.mp4,s,sad\na.mp4,s,"sad\nc.mp4,s,sad\n', "line 3: .*quotation mark"),
        (f'{HEAD}\na.mp4,s,"sad"x\n', "line 2: .*quotation mark"),
        (f"{HEAD}\na.mp4,s,sad,too,many\n", "line 2: 5 fields, the header has 3"),
        ("uri;subject_id;label\na.mp4;s;sad\n", "divided by ';'"),
        ("uri\tsubject_id\tlabel\na.mp4\ts\tsad\n", "divided by"),
        (f"{HEAD}\na.mp4,s,sad\n".encode("utf-16"), "not UTF-8 text.*save it as CSV UTF-8"),
        (f"{HEAD}\ncaf\xe9.mp4,s,sad\n".encode("latin-1"), "not UTF-8 text"),
    ],
    ids=["open quote", "after a quote", "many fields", "semicolons", "tabs", "UTF-16", "Latin-1"],
)
def test_a_table_that_cannot_be_read_is_one_line(
    tmp_path: Path, table: str | bytes, message: str
) -> None:
    put(str(tmp_path / "v"), "a.mp4")
    with pytest.raises(InputError, match=message):
        planned(str(tmp_path / "v"), table, tmp_path / "plan")


@pytest.mark.parametrize(
    "stored, named, advice",
    [
        ("s1/a.mp4", "videos/s1/a.mp4", "take 'videos/' away"),
        ("s1/a.mp4", "a.mp4", "put 's1/' before"),
        ("s1/a.mp4", "/old/s1/a.mp4", "take '/old/' away from the uris"),
        ("s1/a.mp4", "s2/a.mp4", "replace 's2/' by 's1/'"),
        ("s1/a.mp4", "b.mp4", "the table names 'b.mp4', the archive holds 's1/a.mp4'"),
    ],
)
def test_names_that_do_not_match_are_compared(
    tmp_path: Path, stored: str, named: str, advice: str
) -> None:
    put(str(tmp_path / "v"), stored)
    plan = planned(str(tmp_path / "v"), f"{HEAD}\n{named},s,sad\n", tmp_path / "plan")
    assert plan.num_videos == 0
    assert advice in describe_mismatch(plan)
