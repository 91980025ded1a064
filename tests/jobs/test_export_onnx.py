"""jobs.export_onnx: its files, its refusals, and files of another package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotion import storage
from emotion.errors import InputError, PackageError
from emotion.package.model_package import (
    load_package,
    pack_tar,
    save_package,
)
from emotion.package.onnx_export import (
    OPSET,
)
from emotion.package.onnx_file import OnnxModel, load_onnx
from emotion.predict.predictor import Predictor
from jobs.export_onnx import main
from tests.emotion.package.test_onnx import some_clips
from tests.helpers.small_package import a_package

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a package with its ONNX model by jobs.export_onnx."""
    folder = tmp_path_factory.mktemp("exported") / "package"
    save_package(str(folder), replace(a_package(), temperature=1.7))
    assert main(["--package", str(folder)]) == 0
    return folder


def test_the_verb_adds_two_files_and_changes_none(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p.name: p.read_bytes() for p in exported.iterdir()}
    assert set(before) == {
        "weights.safetensors",
        "card.md",
        "model.json",
        "model.onnx",
        "onnx.json",
    }
    assert main(["--package", str(exported)]) == 0  # again
    assert {p.name: p.read_bytes() for p in exported.iterdir()} == before
    package = load_package(str(exported))
    assert package == replace(a_package(), temperature=1.7)
    facts = json.loads(before["onnx.json"])
    assert facts.pop("max_difference") <= 1e-4
    assert facts == {
        "model_id": package.model_id,
        "sha256": hashlib.sha256(before["model.onnx"]).hexdigest(),
        "opset": 17,
    }
    assert package.model_id in capsys.readouterr().out


def test_copies_and_archives_carry_it(exported: Path, store: str, tmp_path: Path) -> None:
    """A folder or bucket, a packed .tar.gz, and one that jobs.export_onnx wrote from it."""
    copy, packed = storage.join(store, "copy"), storage.join(store, "model.tar.gz")
    bare, again = tmp_path / "bare", storage.join(store, "again.tar.gz")
    save_package(str(bare), load_package(str(exported)))
    assert main(["--package", str(bare), "--out", copy]) == 0
    assert not (bare / "model.onnx").exists()
    pack_tar(copy, packed)
    assert main(["--package", packed, "--out", again]) == 0
    expected = Predictor.load(str(exported), device="cpu").probs(some_clips(2))
    for uri in (copy, packed, again):
        probs = Predictor.load(uri, engine="onnx").probs(some_clips(2))
        np.testing.assert_allclose(probs, expected, atol=1e-4)
    assert storage.read_bytes(packed) == storage.read_bytes(again)


def test_a_package_without_it_packs_as_before(tmp_path: Path) -> None:
    save_package(str(tmp_path / "package"), a_package())
    pack_tar(str(tmp_path / "package"), str(tmp_path / "model.tar.gz"))
    uri = str(tmp_path / "model.tar.gz")
    assert load_package(uri) == a_package()
    with pytest.raises(PackageError, match=r"has no model.onnx.*run jobs.export_onnx"):
        Predictor.load(uri, engine="onnx")


def changed_by_a_byte(folder: Path) -> None:
    data = bytearray((folder / "model.onnx").read_bytes())
    data[-1] ^= 1
    (folder / "model.onnx").write_bytes(bytes(data))


def trained_again(folder: Path) -> None:
    save_package(str(folder), replace(a_package(), training={"seed": 2}))


def without_facts(folder: Path) -> None:
    (folder / "onnx.json").unlink()


def without_model(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def not_json(folder: Path) -> None:
    (folder / "onnx.json").write_text("onnx")


def no_opset(folder: Path) -> None:
    facts = json.loads((folder / "onnx.json").read_text())
    (folder / "onnx.json").write_text(json.dumps(facts | {"opset": None}))


def test_the_verb_again_puts_it_right(exported: Path, tmp_path: Path) -> None:
    save_package(str(tmp_path), load_package(str(exported)))
    (tmp_path / "model.onnx").write_bytes(b"of another time")
    assert main(["--package", str(tmp_path)]) == 0
    assert load_onnx(str(tmp_path), load_package(str(tmp_path)).model_id).opset == OPSET


@pytest.mark.parametrize(
    "damage, says",
    [
        (changed_by_a_byte, "model.onnx has SHA-256 .* it was changed"),
        (trained_again, "model.onnx is of model .* trained again"),
        (without_facts, "has no onnx.json beside"),
        (without_model, "has no model.onnx beside"),
        (not_json, "onnx.json is not JSON"),
        (no_opset, "lacks opset"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_does_not_belong_is_refused(
    damage: Callable[[Path], None], says: str, exported: Path, tmp_path: Path
) -> None:
    """Engine onnx and the archive refuse it; engine torch still runs."""
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damage(tmp_path)
    for read in (
        lambda uri: Predictor.load(uri, engine="onnx"),
        lambda uri: pack_tar(uri, str(tmp_path / "model.tar.gz")),
    ):
        with pytest.raises(PackageError, match=says) as caught:
            read(str(tmp_path))
        assert "\n" not in str(caught.value)
    assert Predictor.load(str(tmp_path), device="cpu").probs(some_clips(1)).shape == (1, 3)


def test_the_engine_runs_on_no_gpu() -> None:
    package = a_package()
    with pytest.raises(InputError, match="engine onnx runs on the CPU, device is 'cuda:1'"):
        Predictor(package, device="cuda:1", onnx=OnnxModel(b"", package.model_id, OPSET, 0.0))


def test_where_the_verb_refuses_to_write(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, archive = tmp_path / "other", tmp_path / "model.tar.gz"
    save_package(str(other), a_package())
    pack_tar(str(exported), str(archive))
    for argv, says in (
        (["--package", str(archive)], "is an archive, to which nothing can be added"),
        (["--package", str(exported), "--out", str(other)], "is another model's package"),
        (["--package", str(exported), "--out", str(tmp_path)], "has no model.json"),
        (["--package", str(tmp_path / "gone")], "gone does not exist"),
    ):
        assert main(argv) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and says in line
