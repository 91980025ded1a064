"""An output folder that several runs fill: its spec, plan, ledger and marker.

A shard is done when its ledger entry is there; the entry is written after the shard's parts, and
``_SUCCESS`` after everything. Whatever is killed, the same command again ends in the same files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from jobs._plan import Row, cut_shards
from schemas.tables import MANIFEST, rows_table, with_columns

SUCCESS = "_SUCCESS"


@dataclass(frozen=True)
class Shard:
    """The unit of work and of resume: some videos by name."""

    shard_id: str
    videos: tuple[Row, ...]


def claim(out: str, *, spec: ExtractionSpec, config: dict[str, Any]) -> None:
    """Take ``out`` for this run: fresh, or begun earlier with the same spec and config.

    Raises:
        InputError: if it cannot be written, holds something else, or was made differently.
    """
    spec_uri, config_uri = storage.join(out, "spec.json"), storage.join(out, "config.json")
    if storage.exists(spec_uri):
        _check_same(out, spec, storage.read_json(spec_uri))
        before = storage.read_json(config_uri) if storage.exists(config_uri) else {}
        changed = [k for k in config if k in before and before[k] != config[k]]
        if changed:
            what = ", ".join(f"{k} {before[k]!r}, now {config[k]!r}" for k in changed)
            raise InputError(f"--out {out} was made with {what}; name a new --out")
    elif storage.is_folder(out) and storage.list_files(out):
        raise InputError(f"--out {out} holds files that no such job made; name a new --out")
    storage.check_writable(out)
    storage.write_json(config_uri, config)
    storage.write_json(spec_uri, spec.to_json())


def _check_same(out: str, spec: ExtractionSpec, stored: dict[str, Any]) -> None:
    before = ExtractionSpec.from_json(stored)
    if before.digest != spec.digest:
        raise InputError(
            f"--out {out} was made with another extraction spec "
            f"({before.difference(spec)}); name a new --out or the same options"
        )


def extend_plan(
    out: str, rows: Sequence[Row], extra_columns: Sequence[str], *, max_videos: int, max_mb: int
) -> list[Shard]:
    """The shards of ``out``: those planned by earlier runs, and new ones for new videos.

    A plan is kept in ``_ledger/plan-N.parquet``, so that a later run cuts the same shards.

    Raises:
        InputError: if a video planned earlier is gone, changed, or labelled differently now, or
            ``max_videos`` is below 1.
    """
    if max_videos < 1:
        raise InputError(f"--shard-videos is {max_videos}, it must be 1 or more")
    schema = with_columns(MANIFEST, extra_columns)
    planned = read_plan(out)
    known = {str(row["video_id"]): row for shard in planned for row in shard.videos}
    current = {str(row["video_id"]): row for row in rows}
    for video_id, row in known.items():
        if current.get(video_id) != row:
            raise InputError(
                f"--out {out} holds {row['uri']} as it was; it has since been changed, removed or "
                "labelled differently; name a new --out"
            )
    fresh = [row for row in rows if str(row["video_id"]) not in known]
    if fresh:
        number = len(storage.list_files(storage.join(out, "_ledger"), suffixes=(".parquet",)))
        prefix = f"{number:04d}"
        cut = cut_shards(fresh, prefix=prefix, max_videos=max_videos, max_bytes=max_mb * 2**20)
        table = rows_table([r | {"shard_id": name} for name, group in cut for r in group], schema)
        storage.write_table(storage.join(out, "_ledger", f"plan-{prefix}.parquet"), table)
        planned += [Shard(name, tuple(group)) for name, group in cut]
    return planned


def read_plan(out: str) -> list[Shard]:
    """Shards planned by earlier runs, in order of name; none if there was none."""
    shards: dict[str, list[Row]] = {}
    ledger = storage.join(out, "_ledger")
    if storage.list_files(ledger, suffixes=(".parquet",)):
        table: pa.Table = storage.read_tables(ledger)
        for row in table.to_pylist():
            shards.setdefault(row.pop("shard_id"), []).append(row)
    return [Shard(name, tuple(rows)) for name, rows in sorted(shards.items())]


def write_entry(out: str, shard_id: str, entry: dict[str, Any]) -> None:
    """Mark a shard as done; to be called after its parts are written."""
    storage.write_json(storage.join(out, "_ledger", f"{shard_id}.json"), entry)


def done_shards(out: str) -> set[str]:
    """Names of the shards whose ledger entry is there."""
    entries = storage.list_files(storage.join(out, "_ledger"), suffixes=(".json",))
    return {e.uri.rsplit("/", 1)[-1].removesuffix(".json") for e in entries}


def read_entries(out: str) -> list[dict[str, Any]]:
    """Every ledger entry, in order of shard name."""
    entries = storage.list_files(storage.join(out, "_ledger"), suffixes=(".json",))
    return [storage.read_json(e.uri) for e in entries]


def add_counts(entries: Sequence[dict[str, Any]], key: str) -> dict[str, int]:
    """Sum the ``key`` counters of ledger entries.

    >>> add_counts([{"n": {"a": 1}}, {"n": {"a": 2, "b": 1}}], "n")
    {'a': 3, 'b': 1}
    """
    total: dict[str, int] = {}
    for entry in entries:
        for name, count in entry.get(key, {}).items():
            total[name] = total.get(name, 0) + int(count)
    return total
