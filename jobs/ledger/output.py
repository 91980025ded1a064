"""Files at the top of an output folder: ``config.json``, ``spec.json`` and ``_SUCCESS``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.versions import check_schema_version
from jobs.ledger.lock import SUCCESS as SUCCESS
from jobs.ledger.lock import Fence
from schemas.codebook import Kind, readme
from schemas.tables import SCHEMA_VERSION


def settings_of(config: Any, may_change: Collection[str]) -> dict[str, Any]:
    """Return the options of a job that must stay the same when it is resumed, by name.

    An option counts as one of them unless it is named, so that a new option is never forgotten.

    Args:
        config: options of the job, a dataclass.
        may_change: names of the options that do not change a row, or are stored elsewhere.
    """
    unknown = sorted(set(may_change) - {field.name for field in fields(config)})
    if unknown:
        raise ValueError(f"{type(config).__name__} has no option {', '.join(unknown)}")
    return {k: v for k, v in asdict(config).items() if k not in may_change}


def claim(
    out: str,
    settings: Mapping[str, Any],
    *,
    job: str,
    may_change: Collection[str] = (),
    spec: ExtractionSpec | None = None,
) -> None:
    """Check that a run may write into ``out``, and store the settings of the run there.

    ``out`` must be new or empty, or made by the same job with the same settings. The settings, the
    job and ``SCHEMA_VERSION`` are stored in ``out/config.json``, the spec in ``out/spec.json``.

    Args:
        out: the output folder; ``--out`` of the job.
        settings: settings of the run by name; JSON must be able to hold every value.
        job: module of the job, such as "jobs.train".
        may_change: names of the settings that may differ from those of the earlier run. A setting
            that the earlier run did not store may differ too.
        spec: extraction spec of a job that makes or scores clips; None writes no spec.json.

    Raises:
        InputError: if ``out`` cannot be written, holds other files, or was made with another job,
            setting, spec or schema version.
    """
    config_uri = storage.join(out, "config.json")
    facts = {"job": job, "schema_version": SCHEMA_VERSION}
    now = json.loads(storage.json_bytes({**settings, **facts}))
    if storage.exists(config_uri):
        before = storage.read_json(config_uri)
        check_schema_version(before, out, flag="out", remedy="name a new --out")
        _check_same(out, before, now, may_change)
        if spec is not None and (stored := read_spec(out)).digest != spec.digest:
            raise _made_with(out, f"another extraction spec ({stored.difference(spec)})")
    elif _holds_files(out):
        raise InputError(f"--out {out} holds files but no config.json; name a new or empty --out")
    storage.check_writable(out)
    if spec is not None:
        storage.write_json(storage.join(out, "spec.json"), spec.to_json())
    storage.write_json(config_uri, now)


def _holds_files(out: str) -> bool:
    """Return True if a folder holds more than the spec.json of a claim that was interrupted."""
    if not storage.is_folder(out):
        return False
    spec = storage.join(out, "spec.json")
    return any(storage.absolute(f.uri) != storage.absolute(spec) for f in storage.list_files(out))


def _check_same(
    out: str, before: Mapping[str, Any], now: Mapping[str, Any], may_change: Collection[str]
) -> None:
    changed = [k for k in now if k in before and k not in may_change and before[k] != now[k]]
    if "job" in changed:
        changed = ["job"]  # settings of two different jobs cannot be compared
    if changed:
        raise _made_with(out, ", ".join(f"{k} {before[k]!r}, now {now[k]!r}" for k in changed))


def _made_with(out: str, settings: str) -> InputError:
    return InputError(
        f"--out {out} was made with {settings}; name a new --out, or give the same options again"
    )


def read_spec(out: str) -> ExtractionSpec:
    """Read the extraction spec of a dataset or a score set.

    Raises:
        InputError: if ``out`` has no spec.json.
    """
    uri = storage.join(out, "spec.json")
    if not storage.exists(uri):
        raise InputError(f"{out} has no spec.json; name a folder that jobs.build_dataset made")
    return ExtractionSpec.from_json(storage.read_json(uri))


def write_readme(out: str, kind: Kind, tables: Mapping[str, pa.Schema]) -> None:
    """Write README.txt, which explains every column of the tables in ``out``."""
    storage.write_bytes(storage.join(out, "README.txt"), readme(kind, tables).encode())


def mark_complete(fence: Fence, facts: Mapping[str, Any]) -> None:
    """Write ``_SUCCESS``, the last file of a run.

    Args:
        fence: lock of the run.
        facts: content of the file; JSON must be able to hold every value.

    Raises:
        LostLockError: if another run has taken over the output.
    """
    fence.confirm()
    storage.write_json(storage.join(fence.out, SUCCESS), facts)
    fence.confirm()
