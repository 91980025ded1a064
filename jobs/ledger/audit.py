"""Audit of an output folder before ``_SUCCESS``: the parts hold each planned video exactly once."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.entries import Entry, read_entries, remove_entry
from jobs.ledger.parts import PLAN, part_name, part_uri
from jobs.ledger.stored_plan import planned_videos

KEYS = {
    "clips": ("clip_id",),
    "scores": ("clip_id",),
    "tracks": ("video_id", "track_id"),
}
"""Columns that name a row; tables that are not here have no such columns."""

COUNTED = {"clips": "num_clips", "scores": "num_clips"}
"""Column of ``videos`` with the number of a video's rows in a table."""

NAMED = 3
"""Number of faults that the error names."""
_SHARDS = 256  # shards whose planned ids are in memory
_THREADS = 16  # a part costs one or two round trips to S3


def audit(out: str, tables: Collection[str], folder: Path, *, plan_of: str | None = None) -> None:
    """Compare the rows of all parts with the stored plan and with the ledger.

    Every planned video must have one row in ``videos``, or one in ``rejects``. Every row of another
    table must belong to a video in ``videos``. No row may be there twice, and no part may belong to
    an unknown shard. A shard that fails is marked as not done, so that the next run does it again.

    A run that was killed may have left parts of a shard that was never done. If all videos of the
    shard have been retired since, the parts are removed.

    Args:
        out: the output folder, in which every shard was done.
        tables: names of the tables of the output, with ``videos`` and ``rejects``.
        folder: local folder for temporary files.
        plan_of: folder whose stored plan counts; None: ``out`` itself.

    Raises:
        InputError: if anything does not agree; it names the shards.
    """
    entries = {entry.shard_id: entry for entry in read_entries(out)}
    faults: list[str] = []
    names: set[str] = set()
    empty: set[str] = set()
    shards = planned_videos(plan_of or out, folder)

    def check(shard: tuple[str, list[str]]) -> list[str]:
        return shard_faults(out, entries.get(shard[0]), *shard, tables=tables)

    with ThreadPoolExecutor(_THREADS) as pool:
        while some := list(itertools.islice(shards, _SHARDS)):
            for (shard_id, ids), wrong in zip(some, pool.map(check, some), strict=True):
                names.add(shard_id)
                if not ids and shard_id not in entries:
                    empty.add(shard_id)
                faults += wrong
                if wrong and shard_id in entries:
                    remove_entry(out, shard_id)
    faults += _stray_parts(out, tables, names, empty)
    if faults:
        named = "; ".join(faults[:NAMED])
        raise InputError(
            f"--out {out} does not hold what was planned, in {len(faults):,} points: {named}. "
            "The shards concerned count as not done: run the same command again"
        )


def _stray_parts(
    out: str, tables: Iterable[str], shards: Iterable[str], empty: Iterable[str]
) -> list[str]:
    """Remove the parts of ``empty`` shards; return a fault for every part of an unknown shard."""
    known = {part_name(shard_id) for shard_id in shards}
    removed = {part_name(shard_id) for shard_id in empty}
    faults = []
    for table in tables:
        for file in storage.list_files(storage.join(out, table), suffixes=(".parquet",)):
            if file.name in removed:
                storage.remove(file.uri)
            elif file.name not in known and (table, file.name) != ("rejects", part_name(PLAN)):
                faults.append(f"{file.uri} belongs to no planned shard, remove it")
    return faults


def shard_faults(
    out: str,
    entry: Entry | None,
    shard_id: str,
    planned: Sequence[str],
    *,
    tables: Collection[str],
) -> list[str]:
    """Return what is wrong with one shard; empty if it is right.

    Args:
        out: the output folder.
        entry: the shard's entry in the ledger; None: it was not done.
        shard_id: name of the shard.
        planned: ids of the videos that the shard must hold; it may be empty.
        tables: names of the tables, with ``videos`` and ``rejects``.
    """
    name = f"shard {shard_id}"
    if entry is None:
        return [f"{name} was not done"] if planned else []
    parts: dict[str, pa.Table] = {}
    for table in tables:
        try:
            parts[table] = storage.read_part(part_uri(out, table, shard_id), _columns(table))
        except FileNotFoundError:
            return [f"{name} has no part in {table}"]
    faults = [
        f"{name} has {part.num_rows:,} rows in {table}, its entry says {entry.counts[table]:,}"
        for table, part in parts.items()
        if entry.counts.get(table, part.num_rows) != part.num_rows
    ]
    read, rejected = (parts[table]["video_id"].to_pylist() for table in ("videos", "rejects"))
    for table, ids in (("videos", read), ("rejects", rejected)):
        if len(set(ids)) != len(ids):
            faults.append(f"{name} has a video twice in {table}")
    here, wanted = {*read, *rejected}, set(planned)
    faults += [f"{name}: planned video {video_id} is missing" for video_id in sorted(wanted - here)]
    faults += [f"{name}: video {video_id} was not planned" for video_id in sorted(here - wanted)]
    for table in sorted(parts.keys() - {"videos", "rejects"}):
        faults += [f"{name}, {table}: {fault}" for fault in _row_faults(table, parts)]
    return faults


def _columns(table: str) -> list[str]:
    counts = COUNTED.values() if table == "videos" else ()
    return list(dict.fromkeys(("video_id", *KEYS.get(table, ()), *counts)))


def _row_faults(table: str, parts: Mapping[str, pa.Table]) -> list[str]:
    """Return what is wrong with the rows that belong to the videos of a shard."""
    rows, videos, faults = parts[table], parts["videos"], []
    known = pc.is_in(rows["video_id"], value_set=videos["video_id"].combine_chunks())
    if not pc.all(known, min_count=0).as_py():
        faults.append("rows of a video that is not in videos")
    if keys := KEYS.get(table):
        num_names = rows.group_by(list(keys)).aggregate([]).num_rows
        faults += ["a row is there twice"] * (num_names != rows.num_rows)
    if column := COUNTED.get(table):
        counted = {c["values"]: c["counts"] for c in pc.value_counts(rows["video_id"]).to_pylist()}
        expected = zip(videos["video_id"].to_pylist(), videos[column].to_pylist(), strict=True)
        faults += [
            f"video {video_id} has {counted.get(video_id, 0):,} rows, its {column} is {number:,}"
            for video_id, number in expected
            if counted.get(video_id, 0) != number
        ]
    return faults
