"""Versions of what made a package, a dataset or a score set."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform


def versions(*names: str) -> dict[str, str]:
    """Python's version and those of the named packages; ``source`` for one that is not installed.

    A job that was submitted with ``--working-dir`` runs this project from its source tree.

    >>> versions("no-such-package")["no-such-package"]
    'source'
    """
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "source"
    return found


def installed(*names: str) -> dict[str, str]:
    """Versions of those of the named packages that are installed.

    >>> installed("no-such-package")
    {}
    """
    found = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def pipeline_versions() -> dict[str, str]:
    """Of what decides the rows of a dataset or a score set."""
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
