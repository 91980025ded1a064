"""The model that answers where no package is named."""

from __future__ import annotations

import os

from emotion.errors import InputError
from emotion.package.model_package import ModelPackage

PACKAGE_VARIABLE = "VIDEO_EMOTION_PACKAGE"
"""Environment variable that names the package which is used where no package is named."""


def find_default_package() -> str:
    """Return the address of the package that is used where no package is named.

    Raises:
        InputError: if no package can be found or made.
    """
    address = os.environ.get(PACKAGE_VARIABLE)
    if not address:
        raise InputError(f"no package is named; name one with --package or {PACKAGE_VARIABLE}")
    return address


def describe_model(package: ModelPackage) -> str:
    """Return one line that says which model answers and how good it is."""
    title = package.trust.source.get("title") or f"{package.name} {package.model_id}"
    return f"model: {title}; {package.trust.domain} faces"
