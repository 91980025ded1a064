"""Versions of the software that makes a package, a dataset or a score set."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

from emotion.errors import InputError
from schemas.tables import SCHEMA_VERSION


def versions(*names: str) -> dict[str, str]:
    """Return Python's version and those of the named packages; ``source`` if not installed.

    A job that was submitted with ``--working-dir`` runs this project from its source tree.

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
    """Return the versions of those of the named packages that are installed.

    >>> installed("no-such-package")
    {}
    """
    by_name = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            by_name[name] = importlib.metadata.version(name)
    return by_name


def pipeline_versions() -> dict[str, str]:
    """Return the versions of the packages that decide the rows of a dataset or a score set."""
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
    """Refuse an output whose tables have the columns of another version.

    Args:
        config: its config.json; one without ``schema_version`` is of version 1.
        uri: its address.
        flag: name of the option that gave the address, such as "dataset".
        remedy: what the user can do, the end of the message.

    Raises:
        InputError: if it was made with another ``SCHEMA_VERSION``.
    """
    stored = config.get("schema_version", 1)
    if stored != SCHEMA_VERSION:
        age = "an earlier" if isinstance(stored, int) and stored < SCHEMA_VERSION else "another"
        raise InputError(
            f"--{flag} {uri} was made by {age} version (schema {stored}, now {SCHEMA_VERSION}); "
            f"{remedy}"
        )


def git_commit() -> str | None:
    """Return the commit of the checkout of this code, with ``-dirty`` if files differ from it.

    None if the code is not in a git checkout.
    """
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty"]
    command.append("--exclude=*")  # never by a tag's name
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):  # git is missing, or refuses the owner
        return None
    return done.stdout.strip()
