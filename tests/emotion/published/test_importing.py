"""Imports of small networks: values worked out by hand, and every option."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.models.registry import build_model, parameter_groups, set_frozen
from emotion.models.steps import logits_and_steps
from emotion.models.transforms import to_input
from emotion.package.model_package import ModelPackage, load_package, save_package
from emotion.package.onnx_export import export_onnx
from emotion.package.trust import Trust
from emotion.predict.predictor import Predictor
from emotion.published.importing import import_onnx
from emotion.published.recipe import ImportRecipe
from tests.helpers.onnx_files import exported, node, onnx_bytes, pooled_colours

SPEC = ExtractionSpec(
    detector="dlib", detector_sha256="0" * 64, crop_px=16, clip_len=3, clip_stride=3,
    min_clip_faces=1,
)  # fmt: skip
LABELS = ("sad", "happy", "contempt")
WEIGHT = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 3]])
BIAS = np.array([0.0, 0.1, -0.5])
RED, GREEN, GREY = (255, 0, 0), (0, 255, 0), (51, 51, 51)


def imported(data: bytes, **options: Any) -> ModelPackage:
    return import_onnx(data, ImportRecipe(**({"labels": LABELS} | options)), spec=SPEC).package


def clip(*colours: tuple[int, int, int]) -> torch.Tensor:
    """Return one clip with a frame of each colour, as the input of a model."""
    frames = [np.full((16, 16, 3), colour, np.uint8) for colour in colours]
    return to_input(torch.from_numpy(np.stack(frames)[None]))


def logits(package: ModelPackage, *colours: tuple[int, int, int]) -> list[float]:
    with torch.inference_mode():
        row: list[float] = package.build()(clip(*colours))[0].tolist()
    return row


def test_logits_are_those_of_the_colours_in_our_order() -> None:
    """Order: happy, sad (ours), contempt. Grey of 51 is 0.2."""
    package = imported(pooled_colours(WEIGHT, BIAS))
    assert package.labels == ("happy", "sad", "contempt")
    assert logits(package, RED, RED, RED) == pytest.approx([0.1, 1.0, -0.5], abs=1e-5)
    assert logits(package, GREY, GREY, GREY) == pytest.approx([0.5, 0.2, 0.1], abs=1e-5)


def test_a_clip_is_the_mean_of_its_frames_and_a_step_is_a_frame() -> None:
    package = imported(pooled_colours(WEIGHT, BIAS))
    with torch.inference_mode():
        whole, steps = logits_and_steps(package.build(), clip(RED, GREEN, GREEN))
    assert whole[0].tolist() == pytest.approx([0.1 + 4 / 3, 1 / 3, -0.5], abs=1e-5)
    assert steps[0, 0].tolist() == pytest.approx([0.1, 1.0, -0.5], abs=1e-5)
    assert steps[0, 2].tolist() == pytest.approx([2.1, 0.0, -0.5], abs=1e-5)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"colour": "rgb"}, [0.1, 1.0, -0.5]),
        ({"colour": "bgr"}, [0.1, 0.0, 2.5]),
        ({"pixel_max": 255.0}, [0.1, 255.0, -0.5]),
        ({"mean": (0.5,), "std": (0.5,)}, [-1.9, 1.0, -3.5]),
        ({"mean": (0.5, 0.0, 0.25), "std": (1.0, 2.0, 0.5)}, [0.1, 0.5, -2.0]),
        ({"colour": "bgr", "mean": (0.5, 0.0, 0.25)}, [0.1, -0.5, 1.75]),
        ({"pixel_max": 255.0, "mean": (127.5,), "std": (127.5,)}, [-1.9, 1.0, -3.5]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_colours_and_norms(options: dict[str, Any], expected: list[float]) -> None:
    """A red frame, by hand: sad reads the first channel, happy the second, contempt the third."""
    package = imported(pooled_colours(WEIGHT, BIAS), **options)
    assert logits(package, RED, RED, RED) == pytest.approx(expected, abs=2e-4)


def test_grey_is_the_luma() -> None:
    package = imported(
        pooled_colours(np.array([[1.0], [2.0], [3.0]]), np.zeros(3)), pixel_max=255.0
    )
    assert logits(package, RED, RED, RED) == pytest.approx(
        [2 * 0.299 * 255, 0.299 * 255, 3 * 0.299 * 255], rel=1e-5
    )


def test_channels_last() -> None:
    package = imported(pooled_colours(WEIGHT, BIAS, layout="nhwc"))
    assert logits(package, RED, RED, RED) == pytest.approx([0.1, 1.0, -0.5], abs=1e-5)


def test_the_frame_moves_the_picture() -> None:
    """A network that reads its top row only: in a frame with low eyes it is the crop's top row."""
    weight = np.zeros((3, 3 * 16 * 16), np.float32)
    weight[1, :16] = 1 / 16  # happy: the mean red of row 0
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w", "y", transB=1)]
    data = onnx_bytes(nodes, {"w": weight}, shape=["N", 3, 16, 16])
    frame = np.zeros((16, 16, 3), np.uint8)
    frame[4] = 255
    clips = to_input(torch.from_numpy(np.stack([frame] * 3)[None]))
    expected = {0.35: 0.0, 0.35 - 4 / 16: 1.0, 0.35 - 4.5 / 16: 0.5}
    for height, happy in expected.items():
        package = imported(data, eye_height=height)
        with torch.inference_mode():
            assert float(package.build()(clips)[0, 0]) == pytest.approx(happy, abs=1e-5)


@pytest.mark.parametrize(
    "end, options", [("Softmax", {}), ("Softmax", {"outputs": "probabilities"})]
)
def test_a_softmax_at_the_end_is_left_out(end: str, options: dict[str, Any]) -> None:
    package = imported(pooled_colours(WEIGHT, BIAS, end=end), **options)
    assert logits(package, RED, RED, RED) == pytest.approx([0.1, 1.0, -0.5], abs=1e-5)


def test_other_probabilities_become_their_logarithms() -> None:
    """Shares of three positive numbers; red: 1.1, .1, .1 of 1.3, plus the floor 0.1."""
    nodes = [
        node("ReduceMean", "x", "m", axes=[2, 3], keepdims=0),
        node("Add", "m tenth", "t"),
        node("MatMul", "t ones", "sum"),
        node("Div", "t sum", "y"),
    ]
    constants = {"tenth": np.float32(0.1), "ones": np.ones((3, 3), np.float32)}
    data = onnx_bytes(nodes, constants, shape=["N", 3, 6, 6])
    package = imported(data, outputs="probabilities")
    shares = np.array([0.1, 1.1, 0.1]) / 1.3
    assert np.exp(logits(package, RED, RED, RED)) == pytest.approx(shares, abs=1e-6)
    with pytest.raises(InputError, match="0 to 1 with sum 1; give --outputs probabilities"):
        imported(data)


def softmax(values: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(value / temperature) for value in values]
    return [power / sum(powers) for power in powers]


def red_probs(package: ModelPackage) -> list[float]:
    clips = np.full((1, 3, 16, 16, 3), RED, np.uint8)
    row: list[float] = Predictor(package, device="cpu").probs(clips)[0].tolist()
    return row


def test_calibrated_probabilities_of_merged_labels_are_added() -> None:
    """Logits of a red frame: sad 1, happy 0.1, contempt -0.5; divided by 2 before the softmax."""
    package = imported(pooled_colours(WEIGHT, BIAS), changes={"contempt": "sad"}, temperature=2.0)
    sad, happy, contempt = softmax([1.0, 0.1, -0.5], 2.0)
    assert package.labels == ("happy", "sad")
    assert red_probs(package) == pytest.approx([happy, sad + contempt], abs=1e-6)


def test_the_others_share_the_probability_of_a_label_left_out() -> None:
    package = imported(pooled_colours(WEIGHT, BIAS), changes={"contempt": ""}, temperature=2.0)
    sad, happy, _ = softmax([1.0, 0.1, -0.5], 2.0)
    assert package.temperature == 2.0
    assert red_probs(package) == pytest.approx([happy / (happy + sad), sad / (happy + sad)], 1e-5)


def test_merged_labels_export_to_onnx() -> None:
    package = imported(pooled_colours(WEIGHT, BIAS), changes={"contempt": "sad"})
    clips = np.full((1, 3, 16, 16, 3), RED, np.uint8)
    onnx = Predictor(package, onnx=export_onnx(package))
    assert onnx.probs(clips)[0].tolist() == pytest.approx(red_probs(package), abs=1e-6)


class Small(nn.Module):
    """A network with convolutions and a norm, as training scripts write it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.Hardswish(),
            nn.Conv2d(6, 8, 3, padding=1), nn.PReLU(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.fc = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(self.body(x))
        return logits


@pytest.fixture(scope="module")
def small() -> ModelPackage:
    torch.manual_seed(0)
    trust = Trust(domain="in the wild", source={"licence": "MIT"})
    return imported(exported(Small(), (3, 16, 16)), temperature=1.5, trust=trust)


def test_a_package_is_saved_loaded_and_exported(small: ModelPackage, tmp_path: Any) -> None:
    save_package(str(tmp_path / "package"), small)
    loaded = load_package(str(tmp_path / "package"))
    assert loaded == small
    assert "MIT" in str(loaded.trust.source)
    assert export_onnx(loaded).max_difference < 1e-4


def test_only_the_head_learns_while_the_backbone_is_frozen(small: ModelPackage) -> None:
    args = dict(small.args) | {"hidden": 8, "heads": 1}
    model = build_model("cnn_gru", 5, args)
    backbone, new = parameter_groups(model, "cnn_gru")
    assert len(backbone) == 5  # the exporter puts the norm into the convolution
    set_frozen(model, "cnn_gru", frozen=True)
    model(torch.randn(2, 3, 3, 16, 16)).square().mean().backward()
    assert all(one.grad is None for one in backbone)
    assert all(one.grad is not None for one in new)
    set_frozen(model, "cnn_gru", frozen=False)
    model(torch.randn(2, 3, 3, 16, 16)).square().mean().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in backbone)


def test_a_network_without_a_linear_end_keeps_all_its_steps() -> None:
    nodes = [
        node("Conv", "x w", "maps"),
        node("GlobalAveragePool", "maps", "p"),
        node("Flatten", "p", "y"),
    ]
    weight = WEIGHT.astype(np.float32)[:, :, None, None]
    package = imported(onnx_bytes(nodes, {"w": weight}, shape=["N", 3, 6, 6]))
    assert logits(package, RED, GREEN, GREEN) == pytest.approx([4 / 3, 1 / 3, 0], abs=1e-5)


def test_one_of_several_outputs_is_named() -> None:
    nodes = [
        node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0),
        node("Relu", "y", "twice"),
    ]
    import onnx

    model = onnx.ModelProto.FromString(onnx_bytes(nodes, shape=["N", 3, 6, 6]))
    model.graph.output.add().CopyFrom(model.graph.output[0])
    model.graph.output[1].name = "twice"
    data = model.SerializeToString()
    with pytest.raises(InputError, match="its outputs are y, twice; name one of them with --outp"):
        imported(data)
    assert logits(imported(data, output="y"), GREEN, GREEN, GREEN)[0] == pytest.approx(1, abs=1e-5)


def test_many_frames_are_read_in_parts() -> None:
    """More frames than FRAMES_AT_ONCE give the answers of single clips."""
    package = imported(pooled_colours(WEIGHT, BIAS))
    clips = np.random.default_rng(0).integers(0, 256, (25, 3, 16, 16, 3), np.uint8)
    predictor = Predictor(package, device="cpu")
    alone = np.concatenate([predictor.probs(one[None]) for one in clips])
    np.testing.assert_allclose(predictor.probs(clips), alone, atol=1e-6)


def test_size_from_the_options() -> None:
    data = onnx_bytes(
        [node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)], shape=["N", 3, "H", "W"]
    )
    package = imported(data, input_px=20)
    assert logits(package, RED, RED, RED) == pytest.approx([0, 1, 0], abs=1e-5)
    assert replace(package, temperature=2.0).model_id != package.model_id
