"""A plan in parts: the same videos and rejects as in one piece, while the archive is listed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.storage import FileInfo, Unreadable
from jobs.ledger import plan_parts as making
from jobs.ledger.entries import finished_shards
from jobs.ledger.listing import stream_videos
from jobs.ledger.lock import Fence
from jobs.ledger.plan import LabelTable, Plan
from jobs.ledger.plan_parts import plan_labelled, plan_parts
from jobs.ledger.shards import ShardRef, refs_of
from jobs.ledger.stored_plan import PROBED, Change, planned_shards, stored_shards
from schemas.tables import MANIFEST, rows_table
from tests.helpers import interleaving
from tests.helpers.tiny_shards import a_plan

TABLE = """uri,subject_id,label,mood
a/1.mp4,s1,happy,x
a/2.mp4,s1,sad,x
b.mp4,s2,angry,x
c.mp4,s2,sad,y
e.mp4,s3,happy,y
odd.name,s3,happy,y
gone.mp4,s4,sad,y
e.mp4,s3,happy,y
"""
"""One label that is not in the set, one file that is not there, one that is named twice, and one
file without a known suffix."""
FILES = ("a/1.mp4", "a/2.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4", "odd.name")
LABELS = ("happy", "sad")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "FIRST_PART", 2)
    monkeypatch.setattr(making, "NEXT_PART", 1)


def archive(store: str) -> str:
    root = f"{store}/videos"
    for name in FILES:
        storage.write_bytes(f"{root}/{name}", name.encode())
    storage.write_bytes(f"{root}/labels.csv", TABLE.encode())
    return root


def parts(root: str, folder: Path, *, whole: bool = False) -> Iterator[Plan]:
    folder.mkdir()
    table = LabelTable(f"{root}/labels.csv", LABELS, seed=0)
    return plan_parts(root, folder, table=table, whole=whole)


def rows(path: Path) -> list[dict[str, object]]:
    table: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return table


def test_the_parts_hold_what_the_whole_plan_holds(
    s3: str, tmp_path: Path, small_parts: None
) -> None:
    root = archive(s3)
    made = list(parts(root, tmp_path / "parts"))
    uris = [[row["uri"] for row in rows(plan.manifest)] for plan in made]
    # b.mp4 has no known label, d.mp4 has no label, and e.mp4 has two rows.
    assert uris == [["a/1.mp4", "a/2.mp4"], ["c.mp4"], ["odd.name"]]
    assert [(plan.is_whole, plan.is_last) for plan in made] == [
        (False, False),
        (False, False),
        (False, True),
    ]
    assert [plan.reasons for plan in made[:2]] == [{}, {}]
    (tmp_path / "whole").mkdir()
    whole = plan_labelled(root, f"{root}/labels.csv", LABELS, seed=0, folder=tmp_path / "whole")
    assert (whole.is_whole, whole.is_last) == (True, True)
    assert [row for plan in made for row in rows(plan.manifest)] == rows(whole.manifest)
    assert rows(made[-1].rejects) == rows(whole.rejects)
    assert made[-1].reasons == {
        "duplicate_uri": 2,
        "missing": 1,
        "unknown_label": 1,
        "unlabelled": 1,
    }


def test_an_archive_of_exactly_one_part_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = archive(str(tmp_path))
    monkeypatch.setattr(making, "FIRST_PART", 6)  # the files with a known suffix
    [plan] = parts(root, tmp_path / "parts")
    assert plan.is_whole
    assert plan.num_videos == 4


def test_parts_without_videos_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = archive(str(tmp_path))
    storage.write_bytes(f"{root}/labels.csv", b"uri,subject_id,label\nd.mp4,s,sad\n")
    monkeypatch.setattr(making, "FIRST_PART", 1)
    monkeypatch.setattr(making, "NEXT_PART", 1)
    made = list(parts(root, tmp_path / "parts"))
    assert [(plan.num_videos, plan.is_last) for plan in made] == [(1, False), (0, True)]
    assert made[-1].reasons == {"unlabelled": 5}


def durations(fresh: Path, out: Path) -> None:
    names = pq.read_table(fresh)["video_id"].to_pylist()
    probed: list[dict[str, object]] = [
        {"video_id": name, "duration_s": 1.0, "seekable": True} for name in names
    ]
    pq.write_table(rows_table(probed, PROBED), out)


def shards(
    root: str, out: str, folder: Path, *, whole: bool = False
) -> Iterator[tuple[list[list[str]], Change]]:
    """Yield the uris of the shards of each wave, and its change."""
    waves = planned_shards(
        parts(root, folder, whole=whole), Fence(out, 0), durations=durations, shard_s=1.0,
        chunk_s=None, folder=folder,
    )  # fmt: skip
    for refs, change in waves:
        yield [[str(row["uri"]) for row in ref.rows()] for ref in refs], change


def test_a_plan_in_parts_is_stored_in_files_that_later_runs_keep(
    s3: str, tmp_path: Path, small_parts: None
) -> None:
    root, out = archive(s3), f"{s3}/out"
    in_parts = list(shards(root, out, tmp_path / "1"))
    assert in_parts == [
        ([["a/1.mp4"], ["a/2.mp4"]], Change(2, 0)),
        ([["c.mp4"]], Change(1, 0)),
        ([["odd.name"]], Change(1, 0)),
    ]
    all_shards = [shard for some, _ in in_parts for shard in some]
    assert list(shards(root, out, tmp_path / "2", whole=True)) == [(all_shards, Change(0, 0))]


def test_a_run_that_ended_after_the_first_part_is_taken_up(
    s3: str, tmp_path: Path, small_parts: None
) -> None:
    root, out = archive(s3), f"{s3}/out"
    next(shards(root, out, tmp_path / "1"))
    again = list(shards(root, out, tmp_path / "2", whole=True))
    assert again == [([["a/1.mp4"], ["a/2.mp4"], ["c.mp4"], ["odd.name"]], Change(2, 0))]
    storage.write_json(f"{out}/config.json", {})
    (tmp_path / "3").mkdir()
    [refs] = stored_shards(out, tmp_path / "3")
    assert [ref.shard_id for ref in refs] == [
        "0000-000000",
        "0000-000001",
        "0001-000000",
        "0001-000001",
    ]


def test_parts_are_refused_where_another_run_has_planned_meanwhile(
    s3: str, tmp_path: Path, small_parts: None
) -> None:
    root, out = archive(s3), f"{s3}/out"
    in_parts = shards(root, out, tmp_path / "1")
    list(shards(root, out, tmp_path / "2", whole=True))
    before = storage.list_files(out)
    with pytest.raises(InputError, match="another run has planned .*/out since this run began"):
        next(in_parts)
    assert storage.list_files(out) == before


def test_the_first_shard_is_done_before_the_last_page_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_parts: None
) -> None:
    made, out = interleaving.Archive(tmp_path / "videos", random.Random(1)), tmp_path / "out"
    interleaving.stub_build(monkeypatch, random.Random(1), in_thread=True)
    seen: list[bool] = []

    def slow(root: str) -> Iterator[FileInfo | Unreadable]:
        *pages, last = stream_videos(root)
        yield from pages
        until = time.monotonic() + 60
        while not finished_shards(str(out)) and time.monotonic() < until:
            time.sleep(0.01)
        seen.append(bool(finished_shards(str(out))))
        yield last

    monkeypatch.setattr(making, "stream_videos", slow)
    assert interleaving.drive(made, out, shard_minutes=0.01) == 0
    assert seen == [True]
    assert interleaving.is_complete(out)


def test_no_video_at_all_is_an_error(tmp_path: Path, small_parts: None) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        next(plan_parts(str(tmp_path / "none"), tmp_path, table=None, whole=False))


def a_large_plan() -> pa.Table:
    """Return two shards of 1,000 videos, with names and versions as on S3."""
    rng = random.Random(0)
    planned = [
        row
        | {
            "uri": f"season-{k // 100}/episode-{k:05d} (final).mp4",
            "etag": f"{rng.randrange(2**128):032x}",
            "video_id": f"{rng.randrange(2**64):016x}",
            "size_bytes": rng.randrange(10**9),
            "duration_s": 3.5,
            "num_chunks": 1,
        }
        for k in range(2000)
        for row in a_plan("a" if k < 1000 else "b", "")
    ]
    return rows_table(planned, MANIFEST)


def test_the_rows_of_a_full_shard_travel_in_less_than_64_kib() -> None:
    table = a_large_plan()
    gone = table["video_id"][1500].as_py()
    refs = refs_of(table, {"b": [gone]})
    assert [(r.shard_id, r.num_rows, len(r.rows()), r.video_s) for r in refs] == [
        ("a", 1000, 1000, 3500.0),
        ("b", 1000, 999, 3496.5),
    ]
    for ref in refs:
        item = ref.to_item("shard")
        assert len(item["videos"]) < 64 * 1024
        back = ShardRef.from_item(item)
        assert (back.rows(), back.retired) == (ref.rows(), ref.retired)
        assert gone not in back.video_ids()
        sent = ForkingPickler.dumps(ref)  # as between processes
        assert len(sent) < 65 * 1024
        assert ForkingPickler.loads(sent).rows() == ref.rows()


def test_a_plan_without_rows_has_no_shards() -> None:
    assert refs_of(MANIFEST.empty_table(), {}) == []
