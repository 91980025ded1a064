"""Packages that somebody made to deceive: one line, bounded memory."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch

from emotion.errors import PackageError
from emotion.package.files import MAX_TEXT_BYTES
from emotion.package.model_package import load_package, save_package, weights_bytes
from tests.helpers.small_package import a_package


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
    ],
)
def test_files_that_were_made_to_deceive_are_one_line(
    tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    save_package(str(tmp_path), a_package())
    damage(tmp_path)
    with pytest.raises(PackageError, match=says) as caught:
        load_package(str(tmp_path))
    assert "\n" not in str(caught.value)
