"""The plan: listing and labels joined, cut into shards, and compared with earlier runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.storage import FileInfo
from jobs.ledger.listing import stream_videos
from jobs.ledger.lock import Fence, LostLockError
from jobs.ledger.plan import Plan
from jobs.ledger.plan_parts import plan_archive, plan_labelled
from jobs.ledger.shards import ShardRef, cut_shards
from jobs.ledger.stored_plan import PROBED, Change, planned_shards, stored_shards
from schemas.tables import MANIFEST, rows_table

LABELS = ("happy", "sad")


def put(root: str, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        storage.write_bytes(storage.join(root, name), data)


def planned(root: str, table: str, folder: Path) -> Plan:
    folder.mkdir(parents=True)
    put(root, {"labels.csv": table.encode()})
    return plan_labelled(root, f"{root}/labels.csv", LABELS, seed=0, folder=folder)


def manifest(plan: Plan) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(plan.manifest).to_pylist()
    return rows


def test_the_listing_is_the_same_on_every_storage(store: str) -> None:
    root = f"{store}/videos"
    put(root, {"b/2.MKV": b"22", "a.mp4": b"1", ".x/c.mp4": b"", "b/.d.mp4": b"", "t.txt": b""})
    files = [f for f in stream_videos(root) if isinstance(f, FileInfo)]
    listed = sorted((f.uri, f.size_bytes) for f in files)
    assert listed == [("a.mp4", 1), ("b/2.MKV", 2)]
    versions = {f.uri: f.version for f in files}
    assert versions["a.mp4"] == storage.stat(f"{root}/a.mp4").version


@pytest.mark.parametrize("files, message", [({}, "is not a folder"), ({"a.txt": b""}, "no file")])
def test_an_empty_archive_is_one_line(store: str, files: dict[str, bytes], message: str) -> None:
    put(f"{store}/none", files)
    with pytest.raises(InputError, match=message):
        list(stream_videos(f"{store}/none"))


def test_rows_without_a_video_become_rejects_with_a_reason(store: str, tmp_path: Path) -> None:
    root = f"{store}/videos"
    names = ("a.mp4", "b.mp4", "twice.mp4", "odd.mp4", "nameless.mp4", "it's.mp4", "clip.flv")
    put(root, dict.fromkeys(names, b"x"))
    table = (
        "uri,subject_id,label,fps\na.mp4,s,happy,25\nb.mp4,s,sad,\ntwice.mp4,s,sad,\n"
        "twice.mp4,s,happy,\nodd.mp4,s,bored,\ngone.mp4,s,sad,\nit's.mp4,s,sad,\nclip.flv,s,sad,\n"
    )
    plan = planned(root, table, tmp_path / "plan")
    assert [r["uri"] for r in manifest(plan)] == ["a.mp4", "b.mp4", "clip.flv", "it's.mp4"]
    assert [r["label_fps"] for r in manifest(plan)] == ["25", "", "", ""]
    assert plan.num_videos == 4
    assert plan.size_bytes == 4
    rejects = pq.read_table(plan.rejects).to_pylist()
    assert [(r["uri"], r["reason"], r["detail"]) for r in rejects] == [
        ("gone.mp4", "missing", f"not at {root}/gone.mp4"),
        ("nameless.mp4", "unlabelled", "no row in the label table"),
        ("odd.mp4", "unknown_label", "'bored' is not one of happy, sad"),
        ("twice.mp4", "duplicate_uri", "the label table names it 2 times"),
        ("twice.mp4", "duplicate_uri", "the label table names it 2 times"),
    ]


def test_an_absolute_address_elsewhere_is_found(tmp_path: Path) -> None:
    put(str(tmp_path / "videos"), {"a.mp4": b"x"})
    put(str(tmp_path / "other"), {"b.mp4": b"yy"})
    other = tmp_path / "other/b.mp4"
    table = f"uri,subject_id,label\na.mp4,s,happy\n{other},s,sad\n"
    plan = planned(str(tmp_path / "videos"), table, tmp_path / "plan")
    assert [(r["uri"], r["size_bytes"]) for r in manifest(plan)] == [(str(other), 2), ("a.mp4", 1)]


@pytest.mark.parametrize(
    "splits, message", [(("train", "val"), "into splits train and val"), (("", "val"), "none")]
)
def test_a_subject_in_two_splits_is_refused(
    tmp_path: Path, splits: Sequence[str], message: str
) -> None:
    put(str(tmp_path / "videos"), {"a.mp4": b"x", "b.mp4": b"x"})
    table = f"uri,subject_id,label,split\na.mp4,s,sad,{splits[0]}\nb.mp4,s,sad,{splits[1]}\n"
    with pytest.raises(InputError, match=message):
        planned(str(tmp_path / "videos"), table, tmp_path / "plan")


def test_an_archive_without_labels(tmp_path: Path) -> None:
    put(str(tmp_path / "videos"), {"b.mp4": b"x", "a.mp4": b"x"})
    plan = plan_archive(str(tmp_path / "videos"), tmp_path)
    assert [(r["uri"], r["label"]) for r in manifest(plan)] == [("a.mp4", None), ("b.mp4", None)]
    assert plan.reasons == {}


# Shards


@pytest.mark.parametrize(
    "seconds, expected",
    [
        ([], []),
        ([4.0, 6.0, 1.0], [("p-000000", 1), ("p-000000", 1), ("p-000001", 1)]),
        ([11.0, 1.0], [("p-000000", 1), ("p-000001", 1)]),
        ([1.0, 31.0, 1.0], [("p-000000", 1), ("p-000001", 4), ("p-000002", 1)]),
        ([12.0], [("p-000000", 1)]),  # exactly 1.5 chunks is not a long video
        ([0.0] * 1001, [("p-000000", 1)] * 1000 + [("p-000001", 1)]),
    ],
    ids=["none", "by time", "one is too long", "chunks", "not long enough", "by number"],
)
def test_cutting(seconds: list[float], expected: list[tuple[str, int]]) -> None:
    rows: list[dict[str, object]] = [{"duration_s": s, "seekable": True} for s in seconds]
    cut = cut_shards(iter(rows), prefix="p", shard_s=10.0, chunk_s=8.0)
    assert [(r["shard_id"], r["num_chunks"]) for r in cut] == expected


def test_a_video_is_not_cut_where_thousands_of_others_wait() -> None:
    """With 2,000 pieces of 20 s of work, a video of up to 20 s is read in one piece."""
    rows: list[dict[str, object]] = [{"duration_s": s, "seekable": True} for s in (20.0, 20.5)]
    cut = cut_shards(iter(rows), prefix="p", shard_s=10.0, chunk_s=8.0, total_s=40_000.0)
    assert [r["num_chunks"] for r in cut] == [1, 3]


def test_a_video_without_seeking_is_not_cut() -> None:
    rows: list[dict[str, object]] = [{"duration_s": 99.0, "seekable": False}]
    assert next(cut_shards(iter(rows), prefix="p", shard_s=10, chunk_s=8))["num_chunks"] == 1


def one_second_each(fresh: Path, out: Path) -> None:
    names = pq.read_table(fresh)["video_id"]
    rows = [{"video_id": n.as_py(), "duration_s": 1.0, "seekable": True} for n in names]
    pq.write_table(pa.Table.from_pylist(rows, schema=PROBED), out)


def extended(out: str, plan: Plan, folder: Path) -> tuple[list[ShardRef], Change]:
    fence = Fence(out, 0) if out else None
    return only_wave(planned_shards(
        iter([plan]), fence, durations=one_second_each, shard_s=2.0, chunk_s=None,
        folder=folder, max_retire=1.0,
    ))  # fmt: skip


def only_wave(waves: Iterator[tuple[list[ShardRef], Change]]) -> tuple[list[ShardRef], Change]:
    [wave] = waves
    return wave


def uris(refs: Sequence[ShardRef]) -> list[list[str]]:
    return [[str(row["uri"]) for row in ref.rows()] for ref in refs]


def test_a_plan_is_kept_and_only_the_difference_is_planned(store: str, tmp_path: Path) -> None:
    root, out = f"{store}/videos", f"{store}/out"
    put(root, {name: b"1" for name in ("a.mp4", "b.mp4", "c.mp4")})
    table = "uri,subject_id,label\na.mp4,s,sad\nb.mp4,s,sad\nc.mp4,s,sad\n"
    refs, change = extended(out, planned(root, table, tmp_path / "1"), tmp_path / "1")
    assert uris(refs) == [["a.mp4", "b.mp4"], ["c.mp4"]]
    assert change == Change(num_fresh=3, num_retired=0)
    refs, change = extended(out, planned(root, table, tmp_path / "2"), tmp_path / "2")
    assert (uris(refs), change) == ([["a.mp4", "b.mp4"], ["c.mp4"]], Change(0, 0))
    # One changed, one removed, one added, one labelled differently.
    put(root, {"a.mp4": b"22", "d.mp4": b"1"})
    storage.remove(f"{root}/b.mp4")
    table = "uri,subject_id,label\na.mp4,s,sad\nc.mp4,s,happy\nd.mp4,s,sad\n"
    refs, change = extended(out, planned(root, table, tmp_path / "3"), tmp_path / "3")
    assert uris(refs) == [[], [], ["a.mp4", "c.mp4"], ["d.mp4"]]
    assert change == Change(num_fresh=3, num_retired=3)
    assert [r.shard_id for r in refs] == [
        "0000-000000",
        "0000-000001",
        "0001-000000",
        "0001-000001",
    ]
    refs, change = extended(out, planned(root, table, tmp_path / "4"), tmp_path / "4")
    assert (uris(refs)[2:], change) == ([["a.mp4", "c.mp4"], ["d.mp4"]], Change(0, 0))


def test_a_run_that_is_late_adds_nothing_to_the_plan(tmp_path: Path) -> None:
    """It was suspended before it wrote; meanwhile another run planned the same video."""
    root, out = str(tmp_path / "videos"), str(tmp_path / "out")
    put(root, {name: b"1" for name in ("a.mp4", "b.mp4", "c.mp4")})
    head = "uri,subject_id,label\nb.mp4,s,sad\nc.mp4,s,sad\n"
    extended(out, planned(root, f"{head}a.mp4,s,sad\n", tmp_path / "1"), tmp_path / "1")
    put(root, {"d.mp4": b"1"})
    storage.remove(f"{root}/a.mp4")

    def meanwhile(fresh: Path, to: Path) -> None:
        one_second_each(fresh, to)
        other = planned(root, f"{head}d.mp4,s,happy\n", tmp_path / "3")
        assert extended(out, other, tmp_path / "3")[1] == Change(1, 0)

    late = planned_shards(
        iter([planned(root, f"{head}d.mp4,s,sad\n", tmp_path / "2")]), Fence(out, 0),
        durations=meanwhile, shard_s=2.0, chunk_s=None, folder=tmp_path / "2", max_retire=1.0,
    )  # fmt: skip
    with pytest.raises(LostLockError, match="another run has written _ledger/plan-0001.parquet"):
        list(late)
    (tmp_path / "4").mkdir()
    refs = [ref for some in stored_shards(out, tmp_path / "4") for ref in some]
    videos = [row for ref in refs for row in ref.rows() if row["video_id"] in ref.video_ids()]
    assert [(row["uri"], row["label"]) for row in videos] == [
        ("b.mp4", "sad"), ("c.mp4", "sad"), ("d.mp4", "happy")
    ]  # fmt: skip


def test_a_video_that_two_shards_hold_is_retired_from_the_later_one(tmp_path: Path) -> None:
    root, out = str(tmp_path / "videos"), str(tmp_path / "out")
    put(root, {name: b"1" for name in ("a.mp4", "b.mp4")})
    table = "uri,subject_id,label\na.mp4,s,sad\nb.mp4,s,sad\n"
    extended(out, planned(root, table, tmp_path / "1"), tmp_path / "1")
    rows = pq.read_table(f"{out}/_ledger/plan-0000.parquet").to_pylist()
    again = [row | {"shard_id": "0001-000000"} for row in rows if row["uri"] == "b.mp4"]
    storage.write_table(f"{out}/_ledger/plan-0001.parquet", rows_table(again, MANIFEST))
    refs, change = extended(out, planned(root, table, tmp_path / "2"), tmp_path / "2")
    assert (change.num_fresh, change.num_retired) == (0, 1)
    assert [len(ref.video_ids()) for ref in refs] == [2, 0]


@pytest.mark.parametrize(
    "kept, max_retire, says",
    [
        (19, 0.1, None),
        (18, 0.1, None),
        (17, 0.1, "3 of the 20 videos .* 15%, more than --max-retire 0.1"),
        (17, 0.15, None),
        (1, 0.9, "19 of the 20 videos"),
        (1, 1.0, None),
    ],
)
def test_a_plan_that_loses_much_of_the_archive_is_refused(
    tmp_path: Path, kept: int, max_retire: float, says: str | None
) -> None:
    out, root = str(tmp_path / "out"), tmp_path / "videos"
    root.mkdir()
    rows = [f"{n:02d}.mp4,s,happy\n" for n in range(20)]
    for number in range(20):
        (root / f"{number:02d}.mp4").write_bytes(b"x")

    def extend(num_rows: int) -> Change:
        folder = tmp_path / f"plan-{num_rows}"
        plan = planned(str(root), "uri,subject_id,label\n" + "".join(rows[:num_rows]), folder)
        _, change = only_wave(planned_shards(
            iter([plan]), Fence(out, 0), durations=one_second_each, shard_s=2.0, chunk_s=None,
            folder=folder, max_retire=max_retire,
        ))  # fmt: skip
        return change

    assert extend(20).num_fresh == 20
    before = storage.list_files(out)
    if says is None:
        assert extend(kept).num_retired == 20 - kept
        return
    with pytest.raises(InputError, match=says):
        extend(kept)
    assert storage.list_files(out) == before


def test_a_dry_run_keeps_nothing(tmp_path: Path) -> None:
    root = str(tmp_path / "videos")
    put(root, {"a.mp4": b"1"})
    plan = planned(root, "uri,subject_id,label\na.mp4,s,sad\n", tmp_path / "plan")
    before = sorted(str(p) for p in tmp_path.iterdir())
    refs, _ = extended("", plan, tmp_path / "plan")
    assert [ref.num_rows for ref in refs] == [1]
    assert sorted(str(p) for p in tmp_path.iterdir()) == before


def test_every_row_group_of_a_long_plan_can_be_read(tmp_path: Path) -> None:
    files = [FileInfo(f"{k:05d}.mp4", 1, "v") for k in range(9000)]
    (tmp_path / "videos").mkdir()
    for file in files:
        (tmp_path / "videos" / file.uri).write_bytes(b"1")
    lines = "".join(f"{file.uri},s,sad\n" for file in files)
    table = f"uri,subject_id,label\n{lines}"
    waves = planned_shards(
        iter([planned(str(tmp_path / "videos"), table, tmp_path / "plan")]),
        Fence(str(tmp_path / "out"), 0),
        durations=one_second_each,
        shard_s=1700.0,
        chunk_s=None,
        folder=tmp_path / "plan",
    )
    refs, _ = only_wave(waves)
    planned_uris = [uri for shard in uris(refs) for uri in shard]
    assert planned_uris == [file.uri for file in files]
    assert {ref.num_rows for ref in refs} == {1000}
