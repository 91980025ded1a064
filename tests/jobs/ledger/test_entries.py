"""The ledger: an entry per finished shard, the same when it is read back."""

from __future__ import annotations

import pytest

from emotion import storage
from jobs.ledger.entries import (
    Entry,
    SlowVideo,
    read_entries,
    read_entry,
    remove_entry,
    write_entry,
)

BUILT = Entry(
    "0000-000001",
    {"clips": 3, "rejects": 1},
    {"corrupt": 1},
    retired=0,
    video_s=9.0,
    wall_s=2.0,
    parts={"clips": "10 v1"},
)
SCORED = Entry(
    shard_id="0000-000000",
    counts={"scores": 3},
    rejects={},
    retired=1,
    video_s=9.0,
    wall_s=2.0,
    frames=72,
    slowest=(SlowVideo("a.mp4", wall_s=2.0, duration_s=9.0),),
)


def test_entries_are_read_back_in_order_of_shard(store: str) -> None:
    assert list(read_entries(store)) == []
    for entry in (BUILT, SCORED):
        write_entry(store, entry, None)
    assert list(read_entries(store)) == [SCORED, BUILT]
    assert read_entry(store, BUILT.shard_id) == BUILT


def test_a_removed_entry_marks_a_shard_as_not_done(store: str) -> None:
    write_entry(store, BUILT, None)
    remove_entry(store, BUILT.shard_id)
    assert list(read_entries(store)) == []
    with pytest.raises(FileNotFoundError):
        read_entry(store, BUILT.shard_id)


def test_the_keys_of_an_entry_are_fixed(store: str) -> None:
    write_entry(store, BUILT, None)
    stored = storage.read_json(f"{store}/_ledger/done/0000-000001.json")
    assert stored == {
        "shard_id": "0000-000001",
        "counts": {"clips": 3, "rejects": 1},
        "rejects": {"corrupt": 1},
        "retired": 0,
        "video_s": 9.0,
        "wall_s": 2.0,
        "frames": 0,
        "faceless_frames": 0,
        "slowest": [],
        "parts": {"clips": "10 v1"},
    }
