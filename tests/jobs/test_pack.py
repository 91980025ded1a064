"""jobs.pack: the archive is the package, locally and on S3; wrong targets are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion import storage
from emotion.package.model_package import load_package, save_package
from jobs.pack import main
from tests.helpers.small_package import a_package


def test_the_archive_is_the_same_model(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = a_package()
    save_package(str(tmp_path / "package"), package)
    out = f"{store}/model.tar.gz"
    for _ in range(2):  # the second run replaces the file
        assert main(["--package", str(tmp_path / "package"), "--out", out]) == 0
    assert load_package(out).model_id == package.model_id
    assert f"packed model {package.model_id}: {out}" in capsys.readouterr().out


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "package")
    save_package(folder, a_package())
    assert main(["--package", folder, "--out", str(tmp_path / "model.zip")]) == 2
    assert "--out must end in .tar.gz or .tgz, got" in capsys.readouterr().err
    storage.write_bytes(str(tmp_path / "other.tar.gz"), b"no archive")
    assert main(["--package", folder, "--out", str(tmp_path / "other.tar.gz")]) == 2
    assert main(["--package", str(tmp_path / "gone"), "--out", str(tmp_path / "x.tgz")]) == 2
    assert (tmp_path / "other.tar.gz").read_bytes() == b"no archive"
