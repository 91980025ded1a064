"""Revisions: retired videos leave the parts of a finished shard, also after an interruption."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from emotion import storage
from jobs.ledger.entries import SlowVideo, read_entry, write_entry
from jobs.ledger.parts import part_uri
from jobs.ledger.revise import revise_shards
from jobs.ledger.shards import ShardRef, done_shards, to_do
from tests.helpers.tiny_shards import (
    COLUMNS,
    TABLES,
    a_ref,
    counts_of,
    merged,
    of_video,
    write_shard,
)


def revised(shard_id: str) -> ShardRef:
    """Return a shard of four videos, two of which are retired."""
    return a_ref(shard_id, "v1", "v2", "v3", "v4", retired=("v1", "v4"))


def write(out: str, shard_id: str) -> None:
    tables = merged(
        of_video("v1", clips=2), of_video("v2", clips=1), of_video("v3", clips=0), rejects=("v4",)
    )
    write_shard(out, shard_id, tables, counts=counts_of(tables))
    slowest = (SlowVideo("v1.mp4", 9.0, 2.0), SlowVideo("v2.mp4", 8.0, 2.0))
    entry = replace(
        read_entry(out, shard_id), video_s=6.0, frames=48, faceless_frames=9, slowest=slowest
    )
    write_entry(out, entry, None)


def rows(out: str, shard_id: str) -> dict[str, list[dict[str, Any]]]:
    return {name: storage.read_part(part_uri(out, name, shard_id)).to_pylist() for name in TABLES}


LEFT = merged(of_video("v2", clips=1), of_video("v3", clips=0))


def test_retired_videos_leave_all_tables_of_all_shards(store: str) -> None:
    refs = [revised(name) for name in "abc"]
    for ref in refs:
        write(store, ref.shard_id)
    assert to_do(refs, done_shards(store)) == ([], refs)
    revise_shards(store, refs, COLUMNS, None)
    for ref in refs:
        assert rows(store, ref.shard_id) == LEFT
        entry = read_entry(store, ref.shard_id)
        assert (entry.counts, entry.rejects, entry.retired) == (counts_of(LEFT), {}, 2)
        assert (entry.video_s, entry.frames, entry.faceless_frames) == (4.0, 32, 6)
        assert [video.uri for video in entry.slowest] == ["v2.mp4"]
    assert to_do(refs, done_shards(store)) == ([], [])


@pytest.mark.parametrize("written", range(len(TABLES)))
def test_an_interrupted_revision_is_repeated_without_the_videos(
    store: str, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends after some parts; the next revises again, and builds nothing."""
    ref, put = revised("a"), storage.put_file
    write(store, "a")
    left = written

    def put_some(*given: Any) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        put(*given)

    monkeypatch.setattr(storage, "put_file", put_some)
    with pytest.raises(KeyboardInterrupt):
        revise_shards(store, [ref], COLUMNS, None)
    monkeypatch.undo()
    assert to_do([ref], done_shards(store)) == ([], [ref])
    revise_shards(store, [ref], COLUMNS, None)
    assert rows(store, "a") == LEFT
    assert to_do([ref], done_shards(store)) == ([], [])
