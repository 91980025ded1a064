"""Versions of the software that made a package, a dataset or a score set."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotion.errors import InputError
from schemas.tables import SCHEMA_VERSION


def versions(*names: str) -> dict[str, str]:
    """Return the versions of Python and of the named packages, by name.

    A package that is not installed has the version ``source``: a job that was submitted with
    ``--working-dir`` runs this project from its source tree.

    >>> versions("no-such-package")["no-such-package"]
    'source'
    """
    by_name = {"python": platform.python_version()}
    for name in names:
        try:
            by_name[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            by_name[name] = "source"
    return by_name


def installed(*names: str) -> dict[str, str]:
    """Return the versions of the named packages, by name, without packages that are not installed.

    >>> installed("no-such-package")
    {}
    """
    by_name = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            by_name[name] = importlib.metadata.version(name)
    return by_name


def pipeline_versions() -> dict[str, str]:
    """Return the versions of the packages that can change the rows of a dataset or score set."""
    names = (
        "video-emotion",
        "ray",
        "av",
        "opencv-python-headless",
        "onnxruntime",
        "pyarrow",
        "torch",
    )
    return versions(*names)


def check_schema_version(
    config: Mapping[str, object], uri: str, *, flag: str, remedy: str = "build it again"
) -> None:
    """Check that the tables of an output have the columns of this version.

    Args:
        config: content of the output's config.json; without ``schema_version`` it is version 1.
        uri: address of the output.
        flag: name of the option that gave the address, such as "dataset".
        remedy: end of the message: the action that the user can take.

    Raises:
        InputError: if the output was made with another ``SCHEMA_VERSION``.
    """
    stored = config.get("schema_version", 1)
    if stored != SCHEMA_VERSION:
        age = "an earlier" if isinstance(stored, int) and stored < SCHEMA_VERSION else "another"
        raise InputError(
            f"--{flag} {uri} was made by {age} version (schema {stored}, now {SCHEMA_VERSION}); "
            f"{remedy}"
        )


def check_job(config: Mapping[str, object], uri: str, *, flag: str, job: str) -> None:
    """Check that an output was made by the job whose outputs an option takes.

    Args:
        config: content of the output's config.json; without ``job`` it is not checked.
        uri: address of the output.
        flag: name of the option that gave the address, such as "dataset".
        job: module of the job, such as "jobs.build_dataset".

    Raises:
        InputError: if another job made the output.
    """
    made_by = config.get("job", job)
    if made_by != job:
        raise InputError(f"--{flag} {uri} was made by {made_by}; name a folder that {job} made")


def git_commit() -> str | None:
    """Return the git commit of this code: 40 hex digits, and ``-dirty`` if tracked files changed.

    None if the code is not in a git checkout, or git fails or is missing.
    """
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty"]
    command.append("--exclude=*")  # the commit, never the name of a tag
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):  # git is missing, or refuses the folder
        return None
    return done.stdout.strip()


def check_number(
    marker: Mapping[str, Any], uri: str, table: str, num_rows: int, *, flag: str, job: str
) -> None:
    """Check that no part of a table is missing, by the number of rows that ``_SUCCESS`` states.

    A view of jobs.crossval states no numbers and passes.

    Args:
        marker: content of the output's ``_SUCCESS``.
        uri: folder of the output.
        table: name of the table.
        num_rows: number of rows that were read.
        flag: flag that names the output, without dashes.
        job: job that made it.

    Raises:
        InputError: if ``_SUCCESS`` states another number.
    """
    stated = marker.get("counts", {}).get(table, num_rows)
    if stated != num_rows:
        raise InputError(
            f"--{flag} {uri} has {num_rows:,} {table}, its _SUCCESS says {stated:,}: parts are "
            f"missing; run {job} again with the same options, which makes them again"
        )
