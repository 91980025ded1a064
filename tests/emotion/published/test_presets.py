"""Presets: graphs of the same kind as the published files, and face-api's real weights."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from emotion.errors import InputError
from emotion.extract.detect import spec_for
from emotion.models.transforms import to_input
from emotion.package.model_package import ModelPackage
from emotion.published.face_api import face_api_onnx, read_manifest, read_weights
from emotion.published.importing import import_onnx
from emotion.published.presets import PRESETS
from tests.helpers.onnx_files import exported, node, onnx_bytes

MANIFEST = "models/expression/face_expression_model-weights_manifest.json"
WEIGHTS = "models/expression/face_expression_model.bin"
SPEC = spec_for("dlib")


def grey_clip(value: int) -> torch.Tensor:
    return to_input(torch.full((1, 1, 112, 112, 3), value, dtype=torch.uint8))


@pytest.mark.large
def test_hsemotion_is_an_efficientnet_with_imagenet_norms() -> None:
    """torchvision's EfficientNet-B0 has the operators of the published file: SiLU, SE, Gemm."""
    from torchvision.models import efficientnet_b0

    torch.manual_seed(0)
    network = efficientnet_b0(num_classes=8).eval()
    imported = import_onnx(
        exported(network, (3, 224, 224)), PRESETS["hsemotion-enet-b0"].recipe, spec=SPEC
    )
    assert imported.difference is not None
    assert imported.difference < 1e-5
    package = imported.package
    assert package.labels == (
        "neutral", "happy", "sad", "angry", "surprise", "fear", "disgust", "contempt",
    )  # fmt: skip
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    picture = ((100 / 255 - mean) / std).view(1, 3, 1, 1).expand(1, 3, 224, 224)
    with torch.inference_mode():
        expected = network(picture)[0, [5, 4, 6, 0, 7, 3, 2, 1]]
        result = package.build()(grey_clip(100))[0]
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-4)


def ferplus_like() -> tuple[bytes, nn.Sequential]:
    """Return a small VGG as CNTK exports it: grey 0 to 255, SAME_UPPER, MatMul and Add.

    Also return the same network in torch, without its first two operators.
    """
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
    linear = nn.Linear(16 * 16 * 16, 8)
    network = nn.Sequential(
        first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), linear
    )
    same = {"auto_pad": "SAME_UPPER", "kernel_shape": [3, 3]}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "VALID"}
    nodes = [
        node("Sub", "x middle", "a"), node("Div", "a range", "b"),
        node("Conv", "b w1", "c", **same), node("Add", "c b1", "d"), node("Relu", "d", "e"),
        node("MaxPool", "e", "f", **pool),
        node("Conv", "f w2", "g", **same), node("Add", "g b2", "h"), node("Relu", "h", "i"),
        node("MaxPool", "i", "j", **pool), node("Dropout", "j", "k", ratio=0.25),
        node("Reshape", "k shape", "l"), node("MatMul", "l w3", "m"), node("Add", "m b3", "y"),
    ]  # fmt: skip
    arrays = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    constants = {
        "middle": np.float32(127.5), "range": np.float32(127.5),
        "w1": arrays["0.weight"], "b1": arrays["0.bias"].reshape(8, 1, 1),
        "w2": arrays["3.weight"], "b2": arrays["3.bias"].reshape(16, 1, 1),
        "shape": np.array([1, 4096], np.int64),
        "w3": np.ascontiguousarray(arrays["7.weight"].T), "b3": arrays["7.bias"],
    }  # fmt: skip
    return onnx_bytes(nodes, constants, shape=[1, 1, 64, 64], opset=8), network


def test_ferplus_reads_grey_pixels_from_0_to_255() -> None:
    data, network = ferplus_like()
    imported = import_onnx(data, PRESETS["emotion-ferplus"].recipe, spec=SPEC)
    assert imported.difference is not None
    assert imported.difference < 1e-5
    with torch.inference_mode():
        expected = network(torch.full((1, 1, 64, 64), (100 - 127.5) / 127.5))[0]
        result = imported.package.build()(grey_clip(100))[0]
    order = [0, 1, 3, 4, 2, 6, 5, 7]
    torch.testing.assert_close(result, expected[order], atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def face_api(shared: Path) -> tuple[dict[str, NDArray[np.float32]], ModelPackage]:
    facts, names = read_manifest((shared / MANIFEST).read_bytes())
    assert names == ["face_expression_model.bin"]
    weights = read_weights(facts, (shared / WEIGHTS).read_bytes())
    imported = import_onnx(face_api_onnx(weights), PRESETS["face-api"].recipe, spec=SPEC)
    assert imported.difference is not None
    assert imported.difference < 1e-5
    return weights, imported.package


def convolve(
    x: NDArray[np.float64], filters: NDArray[np.float32], stride: int
) -> NDArray[np.float64]:
    """Return TensorFlow's convolution "same" of one (H, W, C) map, by its definition."""
    side = -(-x.shape[0] // stride)
    total = max((side - 1) * stride + len(filters) - x.shape[0], 0)
    first = total // 2
    padded = np.pad(x, ((first, total - first), (first, total - first), (0, 0)))
    out = np.zeros((side, side, filters.shape[-1]))
    for row in range(len(filters)):
        for column in range(len(filters)):
            part = padded[row:, column:][: side * stride : stride, : side * stride : stride]
            out += part[:side, :side] @ filters[row, column].astype(np.float64)
    return out


def separable(
    weights: dict[str, NDArray[np.float32]], name: str, x: NDArray[np.float64], stride: int
) -> NDArray[np.float64]:
    each = weights[f"{name}/depthwise_filter"][..., 0]
    diagonal = np.einsum("hwc,cd->hwcd", each, np.eye(each.shape[-1])).astype(np.float32)
    mixed = convolve(convolve(x, diagonal, stride), weights[f"{name}/pointwise_filter"], 1)
    return mixed + weights[f"{name}/bias"]


def face_api_logits(
    weights: dict[str, NDArray[np.float32]], picture: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the seven logits of an RGB picture, computed as the public source does."""
    out = (picture - np.array([122.782, 117.001, 104.298])) / 255
    for block in range(4):
        name = f"dense{block}"
        if block == 0:
            out1 = convolve(out, weights[f"{name}/conv0/filters"], 2)
            out1 = np.maximum(out1 + weights[f"{name}/conv0/bias"], 0)
        else:
            out1 = np.maximum(separable(weights, f"{name}/conv0", out, 2), 0)
        out2 = separable(weights, f"{name}/conv1", out1, 1)
        out3 = separable(weights, f"{name}/conv2", np.maximum(out1 + out2, 0), 1)
        out4 = separable(weights, f"{name}/conv3", np.maximum(out1 + out2 + out3, 0), 1)
        out = np.maximum(out1 + out2 + out3 + out4, 0)
    logits: NDArray[np.float64] = out.mean((0, 1)) @ weights["fc/weights"] + weights["fc/bias"]
    return logits


def test_face_api_equals_a_computation_in_numpy(
    face_api: tuple[dict[str, NDArray[np.float32]], ModelPackage], shared: Path
) -> None:
    weights, package = face_api
    image = cv2.imread(str(shared / "data/real/single_face.jpg"), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    picture = cv2.resize(image, (112, 112)).astype(np.uint8)
    backbone, temporal, head = (
        getattr(package.build(), n) for n in ("backbone", "temporal", "head")
    )
    mean = torch.tensor([122.782, 117.001, 104.298])
    x_13HW = ((torch.from_numpy(picture) - mean) / 255).permute(2, 0, 1)[None]
    with torch.inference_mode():
        result = head(temporal(backbone.of_frames(x_13HW)[:, None]))[0].numpy()
    expected = face_api_logits(weights, picture)
    assert package.labels == ("neutral", "happy", "sad", "angry", "surprise", "fear", "disgust")
    np.testing.assert_allclose(result, expected[[0, 1, 2, 3, 6, 4, 5]], atol=1e-4)
    assert (package.temperature, len(package.trust.figures)) == (4.3, 3)


def test_a_byte_is_scale_times_byte_plus_least(
    face_api: tuple[dict[str, NDArray[np.float32]], ModelPackage], shared: Path
) -> None:
    """The first byte of the file is the first filter's first weight."""
    byte = (shared / WEIGHTS).read_bytes()[0]
    expected = byte * 0.0057930146946626555 - 0.7125408074435067
    assert face_api[0]["dense0/conv0/filters"].flat[0] == pytest.approx(expected, abs=1e-7)


def test_face_api_refuses_other_files(shared: Path) -> None:
    manifest = (shared / MANIFEST).read_bytes()
    facts, _ = read_manifest(manifest)
    with pytest.raises(InputError, match="have 1,000 bytes, the manifest needs 329,468; download"):
        read_weights(facts, bytes(1000))
    with pytest.raises(InputError, match="the manifest has fc/bias None, face-api's .* has"):
        read_weights(facts[:-1], bytes(1000))
    for text in (b"<html>", b"{}", b"[1]", manifest[:500], json.dumps([{"weights": 1}]).encode()):
        with pytest.raises(InputError, match="it is no manifest of TensorFlow.js weights"):
            read_manifest(text)
