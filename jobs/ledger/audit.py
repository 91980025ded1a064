"""Audit: the parts of a shard, and of an output, hold each planned video exactly once.

Each shard is checked before its parts are stored, and the whole output before ``_SUCCESS``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.entries import Entry, finished_shards, read_these, remove_entry
from jobs.ledger.parts import PLAN, part_name, part_uri, part_versions
from jobs.ledger.shards import ShardRef
from jobs.ledger.stored_plan import planned_twice, stored_shards

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
_SHARDS = 1000  # shards whose entries are read in one call
_THREADS = 16  # a part costs one or two round trips to S3


def audit(
    out: str, tables: Collection[str], folder: Path, *, plan_of: str | None = None
) -> list[Entry]:
    """Compare the rows of all parts with the stored plan and with the ledger.

    Every planned video must have one row in ``videos``, or one in ``rejects``. Every row of another
    table must belong to a video in ``videos``. No row may be there twice, and no part may belong to
    an unknown shard. A shard that fails is marked as not done, so that the next run does it again.

    The rows of a shard were compared when it was committed (``check_shard``). So if the storage
    still lists the same versions of its parts, they are not read again.

    A run that was killed may have left parts of a shard that was never done. If all videos of the
    shard have been retired since, the parts are removed.

    Args:
        out: the output folder, in which every shard was done.
        tables: names of the tables of the output, with ``videos`` and ``rejects``.
        folder: local folder for temporary files.
        plan_of: folder whose stored plan counts; None: ``out`` itself.

    Returns:
        The ledger entries of all shards of the plan that were done.

    Raises:
        InputError: if anything does not agree; it names the shards.
    """
    finished = finished_shards(out)
    versions = {table: part_versions(out, table) for table in tables}
    faults: list[str] = []
    names: set[str] = set()
    empty: set[str] = set()
    passed: list[Entry] = []

    def check(job: tuple[ShardRef, Entry | None]) -> list[str]:
        ref, entry = job
        here = {table: versions[table].get(part_name(ref.shard_id), "") for table in tables}
        if entry is not None and entry.parts == here and entry.retired == len(ref.retired):
            return []
        return shard_faults(out, entry, ref.shard_id, ref.video_ids(), tables=tables)

    with ThreadPoolExecutor(_THREADS) as pool:
        for refs in _some_shards(plan_of or out, folder):
            known = [ref.shard_id for ref in refs if ref.shard_id in finished]
            entries = {entry.shard_id: entry for entry in read_these(out, known)}
            jobs = [(ref, entries.get(ref.shard_id)) for ref in refs]
            for (ref, entry), wrong in zip(jobs, pool.map(check, jobs), strict=True):
                names.add(ref.shard_id)
                faults += wrong
                if entry is not None:
                    passed.append(replace(entry, parts={}))
                    if wrong:
                        remove_entry(out, ref.shard_id)
                elif len(ref.retired) == ref.num_rows:
                    empty.add(ref.shard_id)
    faults += [f"video {video_id} is planned twice" for video_id in planned_twice(folder)]
    faults += _stray_parts(out, versions, names, empty)
    if faults:
        named = "; ".join(faults[:NAMED])
        raise InputError(
            f"--out {out} does not hold what was planned, in {len(faults):,} points: {named}. "
            "The shards concerned count as not done: run the same command again"
        )
    return passed


def _some_shards(out: str, folder: Path) -> Iterator[list[ShardRef]]:
    for refs in stored_shards(out, folder):
        for start in range(0, len(refs), _SHARDS):
            yield refs[start : start + _SHARDS]


def _stray_parts(
    out: str,
    versions: Mapping[str, Mapping[str, str]],
    shards: Iterable[str],
    empty: Iterable[str],
) -> list[str]:
    """Remove the parts of ``empty`` shards; return a fault for every part of an unknown shard."""
    known = {part_name(shard_id) for shard_id in shards}
    removed = {part_name(shard_id) for shard_id in empty}
    faults = []
    for table, names in versions.items():
        for name in names:
            uri = storage.join(out, table, name)
            if name in removed:
                storage.remove(uri)
            elif name not in known and (table, name) != ("rejects", part_name(PLAN)):
                faults.append(f"{uri} belongs to no planned shard, remove it")
    return faults


def check_shard(folder: Path, ref: ShardRef, entry: Entry, *, tables: Collection[str]) -> None:
    """Check the local parts of a shard before they are stored.

    Args:
        folder: local folder with the part of each table, laid out as an output.
        ref: the shard.
        entry: entry that the ledger will get.
        tables: names of the tables, with ``videos`` and ``rejects``.

    Raises:
        InputError: if the rows are not those of the plan.
    """
    faults = shard_faults(str(folder), entry, ref.shard_id, ref.video_ids(), tables=tables)
    if faults:
        raise InputError(
            f"{'; '.join(faults[:NAMED])}. Nothing of the shard was stored: run the same command "
            "again"
        )


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
