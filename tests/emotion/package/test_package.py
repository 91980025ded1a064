"""Packages: reading returns what was written; a changed byte is refused."""

import dataclasses
import hashlib
import io
import json
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from emotion import storage
from emotion.errors import PackageError
from emotion.extract.spec import ExtractionSpec
from emotion.models.registry import build_model
from emotion.package.files import MAX_TEXT_BYTES
from emotion.package.model_package import (
    ModelPackage,
    load_package,
    pack_tar,
    package_versions,
    save_package,
    weights_bytes,
)

SPEC = ExtractionSpec(
    detector="dlib",
    detector_sha256="0" * 64,
    crop_px=32,
    clip_len=4,
    clip_stride=4,
    min_clip_faces=2,
)
LABELS = ("calm", "tense", "other")
ARGS = {"width": 4, "input_px": 16}


def a_package(labels: tuple[str, ...] = LABELS) -> ModelPackage:
    torch.manual_seed(0)
    model = build_model("r3d_lite", 3, ARGS)
    return ModelPackage(
        name="r3d_lite",
        args=ARGS,
        labels=labels,
        spec=SPEC,
        weights=weights_bytes(model.state_dict()),
        training={"epochs": 2, "seed": 0},
        metrics={"uar": 0.5},
        versions=package_versions(),
    )


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


def rehash(folder: Path, **changes: object) -> None:
    """Edit the facts as somebody would who knows how the model_id is made."""
    path = folder / "model.json"
    facts = json.loads(path.read_text()) | changes
    facts.pop("model_id")
    text = json.dumps(facts, sort_keys=True)
    model_id = hashlib.sha256(text.encode()).hexdigest()[:16]
    path.write_text(json.dumps(facts | {"model_id": model_id}))


def not_finite(folder: Path) -> None:
    tensors = safetensors.torch.load((folder / "weights.safetensors").read_bytes())
    tensors["head.bias"][1] = float("nan")
    data = weights_bytes(tensors)
    (folder / "weights.safetensors").write_bytes(data)
    rehash(folder, weights_sha256=hashlib.sha256(data).hexdigest())


def long_facts(folder: Path) -> None:
    (folder / "model.json").write_text(" " * (MAX_TEXT_BYTES + 1))


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"labels": 7}, "labels is 7, must be a list"),
        ({"labels": [1, 2, 3]}, "labels must be different names"),
        ({"labels": ["a", "a", "b"]}, "labels must be different names"),
        ({"args": ["width"]}, "must be a dict"),
        ({"args": {"width": [4]}}, "argument width is .*, must be a plain value"),
        ({"args": {"width": 10**9}}, "argument width is 1000000000, must be at most 100,000"),
        ({"args": {"width": 99_999}}, "r3d_lite with 3 labels needs"),
        ({"args": {"width": -4}}, "cannot be built"),
        ({"args": {"depth": 4}}, "cannot be built"),
        ({"architecture": "cnn_gru", "args": {"layers": 50_000}}, "must be 1 to 32"),
        ({"architecture": "cnn_gru", "args": {"heads": 0}}, "must be at least 1"),
        ({"architecture": None}, "architecture is None, must be a str"),
        ({"labels": [f"l{n}" for n in range(100_000)]}, "with 100000 labels needs"),
        ({"temperature": "warm"}, "temperature is 'warm', must be a number"),
        ({"temperature": float("inf")}, "must be a number above 0"),
        ({"temperature": float("nan")}, "must be a number above 0"),
        ({"extraction": {"digest": "x"}}, "extraction spec"),
        ({"extraction": []}, "must be a dict"),
        ({"trust": {}}, "trust is not as this release writes it"),
        ({"training": 3}, "training is 3, must be a dict"),
        ({"weights_sha256": 1}, "weights_sha256 is 1, must be a str"),
    ],
    ids=str,
)
def test_facts_that_were_made_to_deceive_are_one_line(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    save_package(str(tmp_path), a_package())
    rehash(tmp_path, **changes)
    with pytest.raises(PackageError, match=says) as caught:
        load_package(str(tmp_path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["weights.safetensors", "other.bin"])
def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path: Path, name: str) -> None:
    """300 MB of zeros are packed in 0.3 MB."""
    path, size = tmp_path / "model.tar.gz", 300 * 2**20
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = size
        tar.addfile(entry, Zeros(size))
    tracemalloc.start()
    try:
        with pytest.raises(PackageError, match="unpacks to 300 MB, more than 256 MB"):
            load_package(str(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 * 2**20


class Zeros(io.RawIOBase):
    """File of zeros that is not in memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        count = self._left if size < 0 else min(size, self._left)
        self._left -= count
        return bytes(count)


@pytest.mark.parametrize(
    "damage, says",
    [
        (not_finite, "head.bias has values that are not finite"),
        (long_facts, "model.json has 16 MB, at most 16 are allowed"),
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
