"""Scoring over HTTP: the Ray Serve app, its web page, and the SageMaker container.

The names in ``__all__`` are the Python API (docs/python.md). Each name is imported at its first
use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serve.app import application
    from serve.options import Options
    from serve.web import create_web

__all__ = [
    "Options",
    "application",
    "create_web",
]

_MODULES = {
    "Options": "serve.options",
    "application": "serve.app",
    "create_web": "serve.web",
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use.

    Raises:
        AttributeError: if ``name`` is not in ``__all__``.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
