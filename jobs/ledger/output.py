"""An output folder: the settings that it was made with, its extraction spec and its marker."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.versions import check_schema_version
from schemas.tables import SCHEMA_VERSION

SUCCESS = "_SUCCESS"
"""File that a job writes last; an output without it is not complete."""


def claim(
    out: str,
    settings: Mapping[str, Any],
    *,
    job: str,
    may_change: Collection[str] = (),
    spec: ExtractionSpec | None = None,
) -> None:
    """Take ``out`` for a run: a new folder, or one that the same job made with equal settings.

    Stores the settings, the job and ``SCHEMA_VERSION`` in ``out/config.json``, and the spec, if
    any, in ``out/spec.json``.

    Args:
        out: the output folder; ``--out`` of the job.
        settings: values by name, each one that JSON can hold.
        job: module of the job, such as "jobs.train".
        may_change: names of the settings that may differ from those of the run before; a setting
            that the run before did not store may differ too.
        spec: the extraction spec of a job that makes or scores clips.

    Raises:
        InputError: if ``out`` cannot be written, holds other files, or has other settings.
    """
    config_uri = storage.join(out, "config.json")
    facts = {"job": job, "schema_version": SCHEMA_VERSION}
    now = json.loads(storage.json_bytes({**settings, **facts}))
    if storage.exists(config_uri):
        before = storage.read_json(config_uri)
        check_schema_version(before, out, flag="out", remedy="name a new --out")
        _check_same(out, before, now, may_change)
        if spec is not None and read_spec(out).digest != spec.digest:
            raise _made_with(out, f"another extraction spec ({read_spec(out).difference(spec)})")
    elif storage.is_folder(out) and storage.list_files(out):
        raise InputError(f"--out {out} holds files of something else; name a new --out")
    storage.check_writable(out)
    if spec is not None:
        storage.write_json(storage.join(out, "spec.json"), spec.to_json())
    storage.write_json(config_uri, now)


def _check_same(
    out: str, before: Mapping[str, Any], now: Mapping[str, Any], may_change: Collection[str]
) -> None:
    changed = [k for k in now if k in before and k not in may_change and before[k] != now[k]]
    if "job" in changed:
        changed = ["job"]  # the other settings of another job say nothing more
    if changed:
        raise _made_with(out, ", ".join(f"{k} {before[k]!r}, now {now[k]!r}" for k in changed))


def _made_with(out: str, settings: str) -> InputError:
    return InputError(f"--out {out} was made with {settings}; name a new --out")


def read_spec(out: str) -> ExtractionSpec:
    """Read the extraction spec of a dataset or a score set.

    Raises:
        InputError: if there is none.
    """
    uri = storage.join(out, "spec.json")
    if not storage.exists(uri):
        raise InputError(f"{out} has no spec.json; name a folder that jobs.build_dataset made")
    return ExtractionSpec.from_json(storage.read_json(uri))
