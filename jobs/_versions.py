"""Versions of what made an output, for its ``_SUCCESS``."""

from __future__ import annotations

import platform
from importlib.metadata import version

_NAMES = ("video-emotion", "ray", "av", "opencv-python-headless", "pyarrow", "torch")


def versions() -> dict[str, str]:
    """Python and the packages that decide the result."""
    return {"python": platform.python_version()} | {name: version(name) for name in _NAMES}
