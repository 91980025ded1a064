"""Import of mini-XCEPTION: answers of the Keras graph, and refusals."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from emotion.errors import InputError
from emotion.extract.detect import spec_for
from emotion.package.model_package import ModelPackage, load_package, save_package
from emotion.package.onnx_export import export_onnx
from emotion.published.keras_file import KerasLayer
from emotion.published.keras_graph import run_keras
from emotion.published.mini_xception import import_mini_xception

NO_ARRAYS: dict[str, Any] = {}


def layer(kind: str, name: str, inputs: tuple[str, ...], **config: Any) -> KerasLayer:
    return KerasLayer(kind, {"name": name, **config}, inputs, NO_ARRAYS)


def test_padding_same_follows_tensorflow() -> None:
    """A maximum over 3x3 with stride 2 of 4x4 numbers: no padding at the top, one at the end."""
    layers = {
        "in": layer("InputLayer", "in", ()),
        "max": layer(
            "MaxPooling2D", "max", ("in",), pool_size=[3, 3], strides=[2, 2], padding="same"
        ),
        "mean": layer("GlobalAveragePooling2D", "mean", ("max",)),
        "end": layer("Activation", "end", ("mean",), activation="softmax"),
    }
    numbers = np.arange(16.0).reshape(1, 4, 4, 1)
    assert run_keras(layers, numbers).item() == (10 + 11 + 14 + 15) / 4
    odd = np.arange(9.0).reshape(1, 3, 3, 1)  # one on both sides
    assert run_keras(layers, odd).item() == (4 + 5 + 7 + 8) / 4


def test_the_package_is_ordinary(mini_xception: ModelPackage, tmp_path: Path) -> None:
    """The import has compared it with the graph; it is stored, read and exported to ONNX."""
    save_package(str(tmp_path), mini_xception, export_onnx(mini_xception))
    assert load_package(str(tmp_path)) == mini_xception
    assert mini_xception.trust.source["licence"] == "MIT"
    assert mini_xception.trust.domain == "in the wild"


def changed(data: bytes, change: Callable[[h5py.File], None]) -> bytes:
    file = io.BytesIO(data)
    with h5py.File(file, "r+") as opened:
        change(opened)
    return file.getvalue()


def with_config(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[h5py.File], None]:
    def apply(file: h5py.File) -> None:
        config = json.loads(file.attrs["model_config"])
        change(config["config"]["layers"])
        file.attrs["model_config"] = json.dumps(config)

    return apply


def with_huge_array(file: h5py.File) -> None:
    """Add an array of 3 GB that takes no place in the file."""
    file["model_weights"]["conv2d_1"].create_dataset("kernel:0", (800_000_000,), "f4", chunks=True)


def with_sigmoid(layers: list[dict[str, Any]]) -> None:
    layers[3]["config"]["activation"] = "sigmoid"


def with_lambda(layers: list[dict[str, Any]]) -> None:
    layers[3]["class_name"] = "Lambda"


def with_shortcut(layers: list[dict[str, Any]]) -> None:
    """Let a pooling skip a convolution: every shape is right, the answers are others."""
    pooling = next(one for one in layers if one["config"]["name"] == "max_pooling2d_1")
    pooling["inbound_nodes"][0][0][0] = "batch_normalization_4"


def with_kernel(file: h5py.File) -> None:
    group = file["model_weights/conv2d_7/conv2d_7_1"]
    del group["kernel:0"]
    group["kernel:0"] = np.zeros((3, 3, 128, 6), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_huge_array, "has shape (800000000,); all arrays together may have 2,097,152 numbers"),
        (with_config(with_sigmoid), "the Keras graph has the unknown layer Activation"),
        (with_config(with_lambda), "the Keras graph has the unknown layer Lambda"),
        (with_config(with_shortcut), "is not the expected network: a logit of our copy differs by"),
        (with_kernel, "is not mini-XCEPTION"),
    ],
    ids=["3 GB", "sigmoid", "lambda", "a layer skipped", "six labels"],
)
def test_another_file_is_refused(
    hdf5_file: bytes, change: Callable[[h5py.File], None], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        import_mini_xception(changed(hdf5_file, change), spec=spec_for("dlib"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 100, 20_000, 800_000])
def test_a_cut_file_is_refused(hdf5_file: bytes, size: int) -> None:
    with pytest.raises(InputError, match="the HDF5 file is"):
        import_mini_xception(hdf5_file[:size], spec=spec_for("dlib"))


def test_other_labels_are_refused(hdf5_file: bytes) -> None:
    labels = ("angry", "contempt", "fear", "happy", "sad", "surprise", "neutral")
    with pytest.raises(InputError, match="the file's labels are angry, contempt"):
        import_mini_xception(hdf5_file, spec=spec_for("dlib"), labels=labels)
