"""The audit: an output that does not hold exactly what was planned is never called complete."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.audit import NAMED, audit, check_shard
from jobs.ledger.entries import Entry, read_entries, remove_entry, write_entry
from jobs.ledger.parts import PLAN, part_uri, shard_versions
from jobs.ledger.stored_plan import RETIRED, stored_shards
from schemas.tables import MANIFEST, rows_table
from tests.helpers.tiny_shards import (
    COLUMNS,
    TABLES,
    Tables,
    a_plan,
    a_ref,
    counts_of,
    merged,
    of_video,
    write_shard,
)

Damage = Callable[[Tables], object]


def right_shard() -> Tables:
    """Return shard b: two videos with clips, one reject, and one video of which a part is kept."""
    return merged(
        of_video("v3", clips=2), of_video("v4", clips=0), of_video("v6", clips=1),
        rejects=("v5", "v6"),
    )  # fmt: skip


@pytest.fixture
def out(tmp_path: Path) -> str:
    """Write an output whose books balance: shard a lost a video to retirement, c all of its own."""
    out = str(tmp_path / "out")
    storage.write_json(f"{out}/config.json", {"columns": []})
    plan = [*a_plan("a", "v1", "v2"), *a_plan("b", "v3", "v4", "v5", "v6"), *a_plan("c", "v7")]
    storage.write_table(f"{out}/_ledger/plan-0000.parquet", rows_table(plan, MANIFEST))
    gone: list[dict[str, Any]] = [
        {"shard_id": "a", "video_id": "v2"},
        {"shard_id": "c", "video_id": "v7"},
    ]
    storage.write_table(f"{out}/_ledger/retired-0001.parquet", rows_table(gone, RETIRED))
    first = merged(of_video("v1", clips=3))
    write_shard(out, "a", first, counts=counts_of(first))
    write_shard(out, "b", right_shard(), counts=counts_of(right_shard()))
    planned_by_hand: list[dict[str, Any]] = [{"video_id": None, "reason": "missing"}] * 2
    rejects = rows_table(planned_by_hand, COLUMNS["rejects"])
    storage.write_table(part_uri(out, "rejects", PLAN), rejects)
    return out


def done(out: str) -> list[str]:
    return [entry.shard_id for entry in read_entries(out)]


def folder_in(tmp_path: Path) -> Path:
    folder = tmp_path / "plan"
    folder.mkdir()
    return folder


def test_every_shard_has_the_ids_that_it_must_hold(out: str, tmp_path: Path) -> None:
    [refs] = stored_shards(out, folder_in(tmp_path))
    assert [(ref.shard_id, ref.video_ids()) for ref in refs] == [
        ("a", ["v1"]),
        ("b", ["v3", "v4", "v5", "v6"]),
        ("c", []),
    ]


def test_an_output_that_holds_the_plan_passes(out: str, tmp_path: Path) -> None:
    audit(out, TABLES, folder_in(tmp_path))
    assert done(out) == ["a", "b"]


DAMAGES: dict[str, tuple[Damage, str]] = {
    "lost": (lambda t: t["rejects"].pop(0), "shard b: planned video v5 is missing"),
    "never planned": (
        lambda t: t["videos"].extend(of_video("v9", clips=0)["videos"]),
        "shard b: video v9 was not planned",
    ),
    "retired row of another shard": (
        lambda t: t["rejects"].append({"video_id": "v2", "reason": "corrupt"}),
        "shard b: video v2 was not planned",
    ),
    "video twice": (
        lambda t: t["videos"].extend(of_video("v4", clips=0)["videos"]),
        "shard b has a video twice in videos",
    ),
    "reject twice": (
        lambda t: t["rejects"].append({"video_id": "v5", "reason": "corrupt"}),
        "shard b has a video twice in rejects",
    ),
    "clip twice": (
        lambda t: t["clips"].append({"video_id": "v3", "clip_id": "v3/0"}),
        "shard b, clips: a row is there twice",
    ),
    "clip lost": (lambda t: t["clips"].pop(0), "video v3 has 1 rows, its num_clips is 2"),
    "clip of a reject": (
        lambda t: t["clips"].append({"video_id": "v5", "clip_id": "v5/0"}),
        "shard b, clips: rows of a video that is not in videos",
    ),
    "track twice": (
        lambda t: t["tracks"].append({"video_id": "v3", "track_id": 0}),
        "shard b, tracks: a row is there twice",
    ),
}


@pytest.mark.parametrize("damage, says", DAMAGES.values(), ids=DAMAGES)
def test_a_shard_with_other_rows_is_named_and_done_again(
    out: str, tmp_path: Path, damage: Damage, says: str
) -> None:
    tables = right_shard()
    damage(tables)
    write_shard(out, "b", tables, counts=counts_of(tables))
    with pytest.raises(InputError, match=re.escape(says)):
        audit(out, TABLES, folder_in(tmp_path))
    assert done(out) == ["a"]


def test_rows_that_the_entry_does_not_count_are_named(out: str, tmp_path: Path) -> None:
    write_shard(out, "b", right_shard(), counts=counts_of(right_shard()) | {"clips": 4})
    with pytest.raises(InputError, match="shard b has 3 rows in clips, its entry says 4"):
        audit(out, TABLES, folder_in(tmp_path))
    assert done(out) == ["a"]


def test_missing_and_stray_parts_are_named(out: str, tmp_path: Path) -> None:
    storage.remove(part_uri(out, "tracks", "b"))
    remove_entry(out, "a")
    storage.write_table(part_uri(out, "clips", "z"), rows_table([], COLUMNS["clips"]))
    with pytest.raises(InputError, match="in 3 points") as caught:
        audit(out, TABLES, folder_in(tmp_path))
    for words in (
        "shard a was not done",
        "shard b has no part in tracks",
        "clips/part-z.parquet belongs to no planned shard, remove it",
        "run the same command again",
    ):
        assert words in str(caught.value)
    assert done(out) == []


def test_parts_of_a_shard_whose_videos_are_all_gone_are_removed(out: str, tmp_path: Path) -> None:
    """A run was killed while it wrote shard c; its only video was retired afterwards."""
    storage.write_table(
        part_uri(out, "videos", "c"),
        rows_table(of_video("v7", clips=0)["videos"], COLUMNS["videos"]),
    )
    audit(out, TABLES, folder_in(tmp_path))
    assert [f.uri[-9:-8] for f in storage.list_files(f"{out}/videos")] == ["a", "b"]


def test_a_video_that_two_shards_hold_is_named(out: str, tmp_path: Path) -> None:
    again = rows_table(a_plan("d", "v4"), MANIFEST)
    storage.write_table(f"{out}/_ledger/plan-0002.parquet", again)
    rows = of_video("v4", clips=0)
    write_shard(out, "d", rows, counts=counts_of(rows))
    with pytest.raises(InputError, match="video v4 is planned twice"):
        audit(out, TABLES, folder_in(tmp_path))


def test_the_error_names_a_few_of_many_faults(out: str, tmp_path: Path) -> None:
    tables = merged()
    write_shard(out, "b", tables, counts=counts_of(tables))
    with pytest.raises(InputError, match="in 4 points") as caught:
        audit(out, TABLES, folder_in(tmp_path))
    assert str(caught.value).count("is missing") == NAMED


def test_the_plan_of_a_dataset_counts_for_its_scores(out: str, tmp_path: Path) -> None:
    scores = str(tmp_path / "scores")
    write_shard(scores, "a", merged(of_video("v1", clips=3)), counts={})
    with pytest.raises(InputError, match="shard b was not done"):
        audit(scores, TABLES, folder_in(tmp_path), plan_of=out)


def test_rows_are_read_again_only_where_a_part_has_another_version(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for entry in list(read_entries(out)):
        versions = shard_versions(out, TABLES, entry.shard_id)
        retired = {"a": 1}.get(entry.shard_id, 0)
        write_entry(out, replace(entry, parts=versions, retired=retired), None)
    read: list[str] = []
    real = storage.read_part

    def counted(uri: str, *more: Any, **named: Any) -> Any:
        read.append(uri.removeprefix(out))
        return real(uri, *more, **named)

    monkeypatch.setattr(storage, "read_part", counted)
    folder = folder_in(tmp_path)
    assert [entry.shard_id for entry in audit(out, TABLES, folder)] == ["a", "b"]
    assert read == []
    # Another run, which was suspended, writes a part of b with one row too few.
    rows = rows_table(right_shard()["clips"][1:], COLUMNS["clips"])
    storage.write_table(part_uri(out, "clips", "b"), rows)
    with pytest.raises(InputError, match="shard b has 2 rows in clips, its entry says 3"):
        audit(out, TABLES, folder)
    assert {uri.split("-")[-1] for uri in read} == {"b.parquet"}
    assert done(out) == ["a"]


def test_rows_are_read_again_after_a_video_was_retired(out: str, tmp_path: Path) -> None:
    """The entry says nothing of the retired video, so its versions prove nothing."""
    entry = next(read_entries(out))
    versions = shard_versions(out, TABLES, "a")
    write_entry(out, replace(entry, parts=versions), None)
    tables = merged(of_video("v1", clips=3), of_video("v2", clips=0))
    write_shard(out, "a", tables, counts=counts_of(tables))
    entry = next(read_entries(out))
    versions = shard_versions(out, TABLES, "a")
    write_entry(out, replace(entry, parts=versions), None)
    with pytest.raises(InputError, match="shard a: video v2 was not planned"):
        audit(out, TABLES, folder_in(tmp_path))


@pytest.mark.parametrize("damage, says", DAMAGES.values(), ids=DAMAGES)
def test_a_shard_with_other_rows_is_not_stored(tmp_path: Path, damage: Damage, says: str) -> None:
    ref = a_ref("b", "v2", "v3", "v4", "v5", "v6", retired=("v2",))
    right, wrong = right_shard(), right_shard()
    damage(wrong)
    for name, tables in (("right", right), ("wrong", wrong)):
        write_shard(str(tmp_path / name), "b", tables, counts={})
    entry = Entry("b", counts_of(right), {}, retired=1)
    check_shard(tmp_path / "right", ref, entry, tables=TABLES)
    entry = Entry("b", counts_of(wrong), {}, retired=1)
    with pytest.raises(InputError, match=re.escape(says)):
        check_shard(tmp_path / "wrong", ref, entry, tables=TABLES)
