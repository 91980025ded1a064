"""An output folder that several runs fill: its spec, ledger and marker.

A shard is done when its ledger entry is there; the entry is written after the shard's parts, and
``_SUCCESS`` after everything. Whatever is killed, the same command again ends in the same files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec

SUCCESS = "_SUCCESS"


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


def read_spec(out: str) -> ExtractionSpec:
    """The extraction spec of a dataset or a score set.

    Raises:
        InputError: if there is none.
    """
    uri = storage.join(out, "spec.json")
    if not storage.exists(uri):
        raise InputError(f"{out} has no spec.json; name a folder that jobs.build_dataset made")
    return ExtractionSpec.from_json(storage.read_json(uri))


def write_entry(out: str, shard_id: str, entry: dict[str, Any]) -> None:
    """Mark a shard as done; to be called after its parts are written."""
    storage.write_json(_entry_uri(out, shard_id), entry)


def read_entry(out: str, shard_id: str) -> dict[str, Any]:
    """One shard's ledger entry.

    Raises:
        FileNotFoundError: if the shard is not done.
    """
    entry: dict[str, Any] = storage.read_json(_entry_uri(out, shard_id))
    return entry


def remove_entry(out: str, shard_id: str) -> None:
    """Mark a shard as not done; to be called before its parts are changed."""
    storage.remove(_entry_uri(out, shard_id))


def read_entries(out: str) -> list[dict[str, Any]]:
    """The ledger entries of the finished shards, in order of name."""
    entries = storage.list_files(storage.join(out, "_ledger", "done"), suffixes=(".json",))
    return [json.loads(data) for data in storage.read_many([entry.uri for entry in entries])]


def _entry_uri(out: str, shard_id: str) -> str:
    return storage.join(out, "_ledger", "done", f"{shard_id}.json")


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
