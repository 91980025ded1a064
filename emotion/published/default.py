"""The model that answers where no package is named; this module imports no torch at the top."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotion import storage, weights
from emotion.errors import InputError, PackageError
from emotion.extract.spec import ExtractionSpec
from emotion.package.trust import Trust
from emotion.published.facts import MINI_XCEPTION_TRUST, MOBILEFACENET_TRUST, TEMPERATURES
from emotion.weights import DownloadError, WeightsFile

if TYPE_CHECKING:
    from emotion.package.model_package import ModelPackage

PACKAGE_VARIABLE = "VIDEO_EMOTION_PACKAGE"
"""Environment variable that names the package which is used where no package is named."""

IMPORT_VERSION = 1
"""Version of the imports: a release that makes another package of the same file increases it."""

RETRY_S = 3600.0
"""Seconds for which no download is tried after a failed one."""


@dataclass(frozen=True)
class Published:
    """A published network that can be imported.

    Attributes:
        name: name of its backbone.
        file: its file.
        trust: facts and figures of its package.
    """

    name: str
    file: WeightsFile
    trust: Trust

    def convert(self, data: bytes, spec: ExtractionSpec) -> ModelPackage:
        """Return the package of the file's bytes; see ``import_mobilefacenet``."""
        if self.name == "mobilefacenet":  # imported here: onnx and h5py are for the first run only
            from emotion.published.mobilefacenet import import_mobilefacenet

            return import_mobilefacenet(data, spec=spec)
        from emotion.published.mini_xception import import_mini_xception

        return import_mini_xception(data, spec=spec)


MOBILEFACENET = Published("mobilefacenet", weights.MOBILEFACENET, MOBILEFACENET_TRUST)
MINI_XCEPTION = Published("mini_xception", weights.MINI_XCEPTION, MINI_XCEPTION_TRUST)


def find_default_package(yunet: str | None = None) -> str:
    """Return the address of the package that is used where no package is named.

    It is the first of these:

    1. the package that the environment variable ``VIDEO_EMOTION_PACKAGE`` names;
    2. MobileFaceNet, imported earlier;
    3. MobileFaceNet, imported from its file: on this machine, else from a checked download;
    4. mini-XCEPTION, from the file that ``make setup`` put into the virtualenv.

    An import is kept in ``emotion.weights.cache_folder()``. If this cannot be written, it is kept
    in a temporary folder until the process ends. With ``VIDEO_EMOTION_OFFLINE=1`` nothing is
    downloaded. After a failed download the next one is tried in ``RETRY_S``.

    Args:
        yunet: address of the YuNet file; see ``emotion.weights.load_yunet``.

    Raises:
        InputError: if there is no file of either network, or a named file is not the right one.
        PackageError: if the variable names no valid package.
    """
    named = os.environ.get(PACKAGE_VARIABLE)
    if named:
        return _checked(storage.absolute(named))
    here = _spec(yunet)
    if address := _cached(MOBILEFACENET, here):
        return storage.absolute(address)
    failure = "its last download failed"
    if weights.find_weights(MOBILEFACENET.file) or _may_download():
        try:
            data = weights.load_weights(MOBILEFACENET.file)
        except DownloadError as err:
            failure = str(err)
            _note_failure()
        else:
            return _imported(MOBILEFACENET, data, _spec(yunet, download=_may_download()))
    return _cached(MINI_XCEPTION, here) or _fallback(here, failure)


def _checked(address: str) -> str:
    """Return the address that the environment variable holds, if a package is there."""
    from emotion.package.model_package import load_package

    try:
        load_package(address)
    except PackageError as err:
        raise PackageError(f"{PACKAGE_VARIABLE} is {address}: {err}") from err
    return storage.absolute(address)


def _fallback(spec: ExtractionSpec, failure: str) -> str:
    try:
        data = weights.load_mini_xception()
    except InputError as err:
        raise InputError(
            f"there is no model for real faces: MobileFaceNet ({failure}); mini-XCEPTION ({err}); "
            f"or name a package with --package or {PACKAGE_VARIABLE}"
        ) from err
    return _imported(MINI_XCEPTION, data, spec)


def _spec(yunet: str | None = None, *, download: bool = False) -> ExtractionSpec:
    """Return the default spec for YuNet if its file is on this machine, else for dlib.

    Args:
        yunet: address of the file, if one is named.
        download: True tries to download YuNet's file if it is not on this machine.
    """
    from emotion.extract.detect import spec_for  # imports dlib, which ``emotion.train`` lacks

    if weights.find_weights(weights.YUNET, yunet):
        return spec_for("yunet")
    if download:
        with contextlib.suppress(DownloadError):
            weights.load_yunet()
            return spec_for("yunet")
    return spec_for("dlib")


def _marker() -> Path:
    """Return the path of an empty file whose time is that of the last failed download."""
    return weights.cache_folder() / "download_failed"


def _may_download() -> bool:
    try:
        age_s = time.time() - _marker().stat().st_mtime
    except OSError:
        return not weights.is_offline()
    return not weights.is_offline() and not 0 <= age_s < RETRY_S


def _note_failure() -> None:
    if not weights.is_offline():
        with contextlib.suppress(OSError, InputError):
            storage.write_bytes(str(_marker()), b"")


def _folder(published: Published, spec: ExtractionSpec) -> Path:
    """Return the folder of an import; everything that decides its content is in its name."""
    from emotion.package.model_package import FORMAT

    facts = {
        "file": published.file.sha256,
        "spec": spec.digest,
        "format": FORMAT,
        "import": IMPORT_VERSION,
        "temperature": TEMPERATURES[published.name],
        "trust": published.trust.to_json(),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return weights.cache_folder() / "packages" / f"{published.name}-{digest}"


def _cached(published: Published, spec: ExtractionSpec) -> str | None:
    """Return the folder of an earlier import, or None if there is none or it was changed."""
    folder = _folder(published, spec)
    return str(folder) if _is_whole(folder) else None


def _is_whole(folder: Path) -> bool:
    """Return True if a folder is an unchanged package."""
    from emotion.package.model_package import load_package

    try:
        load_package(str(folder))
    except PackageError:
        return False
    return True


def _imported(published: Published, data: bytes, spec: ExtractionSpec) -> str:
    """Import a file and keep the package; return its address."""
    if address := _cached(published, spec):
        return storage.absolute(address)
    package = published.convert(data, spec)
    folder = _folder(published, spec)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=folder.parent) as name:
            _move_in(package, folder, Path(name))
    except OSError:
        return _kept_until_exit(package)
    return str(folder)


def _move_in(package: ModelPackage, folder: Path, workplace: Path) -> None:
    """Write a package beside ``folder`` and rename it, so that no reader sees a part of it.

    A folder that another process made meanwhile stays; a broken one is replaced.
    """
    from emotion.package.model_package import save_package

    new = workplace / "package"
    save_package(str(new), package)
    if folder.exists():
        if _is_whole(folder):
            return
        folder.rename(workplace / "broken")
    try:
        new.rename(folder)
    except OSError:
        if not folder.exists():
            raise


_temporary: dict[str, str] = {}
"""Folders of this process by model_id."""


def _kept_until_exit(package: ModelPackage) -> str:
    from emotion.package.model_package import save_package

    if package.model_id not in _temporary:
        folder = tempfile.mkdtemp(prefix="video-emotion-package-")
        atexit.register(functools.partial(shutil.rmtree, folder, ignore_errors=True))
        save_package(folder, package)
        _temporary[package.model_id] = folder
    return _temporary[package.model_id]
