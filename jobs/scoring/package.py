"""The package of a scoring run: the named one, or a copy of the default one in the score set."""

from __future__ import annotations

import os

from emotion import storage
from emotion.package.files import FACTS
from emotion.package.model_package import load_package, save_package
from emotion.package.onnx_file import find_onnx
from emotion.published.default import PACKAGE_VARIABLE, find_default_package
from jobs.common.command import Addresses
from jobs.scoring.options import Config

FOLDER = "package"
"""Folder of a score set with the copy of the default package."""


def source_address(config: Config) -> Addresses:
    """Return the address of the package, or of several, that a run reads first.

    It is ``--package``, else the copy in the score set of an earlier run, else the default package.
    The environment variable ``VIDEO_EMOTION_PACKAGE`` comes before the copy.

    Raises:
        InputError: if there is no default package.
    """
    if config.package:
        return config.package
    copy = _copy_address(config)
    if not os.environ.get(PACKAGE_VARIABLE) and storage.exists(storage.join(copy, FACTS)):
        return copy
    return find_default_package()


def workers_address(config: Config, source: Addresses) -> Addresses:
    """Return the address from which all workers read the package.

    It is that of a package that the user named, else the copy in the score set, because workers on
    other machines cannot read the cache of this one.
    """
    named = config.package or os.environ.get(PACKAGE_VARIABLE)
    return source if named else _copy_address(config)


def keep_copy(source: Addresses, target: Addresses) -> None:
    """Copy a package to ``target``, with its ONNX model; do nothing if that is ``source``."""
    if source != target and isinstance(source, str) and isinstance(target, str):
        package = load_package(source)
        save_package(target, package, find_onnx(source, package.model_id))


def _copy_address(config: Config) -> str:
    return storage.join(config.out, FOLDER)
