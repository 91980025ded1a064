"""Packages: reading returns what was written; a changed byte is refused."""

import dataclasses
import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emotion import storage
from emotion.errors import PackageError
from emotion.package.model_package import (
    load_package,
    pack_tar,
    save_package,
    weights_bytes,
)
from tests.helpers.small_package import LABELS, a_package


def test_comes_back_the_same(store: str) -> None:
    package = a_package()
    save_package(store, package)
    loaded = load_package(store)
    assert loaded == package
    assert loaded.model_id == package.model_id
    clips = torch.rand(2, 3, 4, 32, 32)
    model, again = package.build(), loaded.build()
    assert not model.training
    with torch.inference_mode():
        assert torch.equal(model(clips), again(clips))


def test_model_id_follows_weights_and_facts() -> None:
    package = a_package()
    other = dataclasses.replace(package, metrics={"uar": 0.6})
    state = {k: v + 1 for k, v in package.build().state_dict().items()}
    heavier = dataclasses.replace(package, weights=weights_bytes(state))
    ids = {package.model_id, other.model_id, heavier.model_id}
    assert len(ids) == 3
    assert a_package().model_id == package.model_id


def test_card_names_what_is_forbidden(tmp_path: Path) -> None:
    save_package(str(tmp_path), a_package())
    card = (tmp_path / "card.md").read_text()
    for word in ("workplace", "schools", "2024/1689", "calm, tense, other", "| 0.500 |"):
        assert word in card


def test_archive_reads_like_the_folder(tmp_path: Path, store: str) -> None:
    folder, archive = str(tmp_path / "package"), storage.join(store, "model.tar.gz")
    save_package(folder, a_package())
    pack_tar(folder, archive)
    first = storage.read_bytes(archive)
    pack_tar(folder, archive)
    assert storage.read_bytes(archive) == first
    assert load_package(archive) == a_package()


def test_archive_members_outside_are_left_alone(tmp_path: Path) -> None:
    folder, archive = tmp_path / "package", tmp_path / "model.tar.gz"
    save_package(str(folder), a_package())
    with tarfile.open(archive, "w:gz") as tar:
        evil = tarfile.TarInfo("../evil.txt")
        evil.size = 1
        tar.addfile(evil, io.BytesIO(b"x"))
        for path in folder.iterdir():
            tar.add(path, arcname=f"./{path.name}")
    assert load_package(str(archive)).labels == LABELS
    assert not (tmp_path.parent / "evil.txt").exists()


def edit(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def relabel(folder: Path) -> None:
    save_package(str(folder), a_package(labels=("calm", "tense")))


def rename_architecture(folder: Path) -> None:
    edit(folder, architecture="resnet99")


def edit_spec(folder: Path) -> None:
    spec = json.loads((folder / "model.json").read_text())["extraction"]
    edit(folder, extraction=spec | {"sample_fps": 5.0})


def edit_metrics(folder: Path) -> None:
    edit(folder, metrics={"uar": 0.99})


def edit_format(folder: Path) -> None:
    edit(folder, format=4)


def drop_fact(folder: Path) -> None:
    path = folder / "model.json"
    path.write_text('{"format": 1}')


def not_json(folder: Path) -> None:
    (folder / "model.json").write_text("model")


def other_weights(folder: Path) -> None:
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def hashed_rubbish(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"rubbish")
    edit(folder, weights_sha256=hashlib.sha256(b"rubbish").hexdigest())


def no_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


def no_facts(folder: Path) -> None:
    (folder / "model.json").unlink()


@pytest.mark.parametrize(
    "damage, says",
    [
        (relabel, r"has head.bias \(3,\), r3d_lite with 2 labels needs \(2,\)"),
        (rename_architecture, "model 'resnet99' is unknown"),
        (edit_spec, "extraction spec says digest"),
        (edit_metrics, "model.json was edited"),
        (edit_format, "format is 4, this release reads 1 to 3"),
        (drop_fact, "lacks"),
        (not_json, "is not JSON"),
        (other_weights, "not of one training run"),
        (hashed_rubbish, "not a safetensors file"),
        (no_weights, "has no weights.safetensors"),
        (no_facts, "has no model.json"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refuses(tmp_path: Path, damage: object, says: str) -> None:
    assert callable(damage)
    save_package(str(tmp_path), a_package())
    damage(tmp_path)
    with pytest.raises(PackageError, match=says) as caught:
        load_package(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not an archive"], ids=["empty", "text"])
def test_refuses_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    with pytest.raises(PackageError, match=r"not a readable .tar.gz|has no model.json"):
        load_package(str(path))


def test_refuses_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="does not exist"):
        load_package(str(tmp_path / "model.tar.gz"))


def test_a_package_of_format_1_has_no_temperature(tmp_path: Path) -> None:
    """Package of the first release: its model_id stays the same."""
    save_package(str(tmp_path), replace(a_package(), format=1))
    facts = json.loads((tmp_path / "model.json").read_text())
    assert facts["format"] == 1
    assert "temperature" not in facts
    loaded = load_package(str(tmp_path))
    assert loaded.temperature == 1.0
    assert loaded.model_id == facts["model_id"]


def test_temperature_is_kept_and_is_a_fact(tmp_path: Path) -> None:
    package = replace(a_package(), temperature=1.7)
    save_package(str(tmp_path), package)
    loaded = load_package(str(tmp_path))
    assert loaded.temperature == 1.7
    assert loaded.model_id == package.model_id != a_package().model_id


def test_a_temperature_must_be_positive(tmp_path: Path) -> None:
    save_package(str(tmp_path), replace(a_package(), temperature=0.0))
    with pytest.raises(PackageError, match=r"temperature is 0.0; it must be a number above 0"):
        load_package(str(tmp_path))
