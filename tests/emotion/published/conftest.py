"""Files of the published networks, and packages made of them once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emotion import weights
from emotion.errors import InputError
from emotion.extract.detect import spec_for
from emotion.package.model_package import ModelPackage
from emotion.published.mini_xception import import_mini_xception
from emotion.published.mobilefacenet import import_mobilefacenet
from tests.helpers.published import mobilefacenet_onnx


@pytest.fixture(scope="session")
def onnx_file(shared: Path) -> bytes:
    """Return MobileFaceNet with the shared weights as an ONNX file with folded norms."""
    return mobilefacenet_onnx(shared)


@pytest.fixture(scope="session")
def hdf5_file() -> bytes:
    """Return mini-XCEPTION's file; skip where set-up has not put it."""
    try:
        return weights.load_mini_xception()
    except InputError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="session")
def mobilefacenet(onnx_file: bytes) -> ModelPackage:
    return import_mobilefacenet(onnx_file, spec=spec_for("yunet"))


@pytest.fixture(scope="session")
def mini_xception(hdf5_file: bytes) -> ModelPackage:
    return import_mini_xception(hdf5_file, spec=spec_for("dlib"))


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Use an empty cache folder, and no variable that names a file or a package."""
    for name in ("PACKAGE", "OFFLINE", "WEIGHTS_URL", "YUNET", "MOBILEFACENET", "MINI_XCEPTION"):
        monkeypatch.delenv(f"VIDEO_EMOTION_{name}", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "video-emotion"
