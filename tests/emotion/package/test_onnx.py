"""Models as ONNX: equal results; a model.onnx of another package is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from emotion.errors import InputError
from emotion.models.registry import MODELS, Model, ModelArg, build_model
from emotion.models.transforms import to_input
from emotion.package.model_package import (
    ModelPackage,
    weights_bytes,
)
from emotion.package.onnx_export import (
    OPSET,
    TOLERANCE,
    export_onnx,
    max_difference,
    probes,
    to_onnx,
)
from emotion.predict.predictor import Predictor
from tests.helpers.small_package import LABELS, SPEC, a_package

pytestmark = pytest.mark.large

SMALL: dict[str, dict[str, ModelArg]] = {
    "r3d_lite": {},  # its first means of a black clip were off by 1e-4
    "r3d_18": {},
    "mc3_18": {},
    "r2plus1d_18": {},
    "swin3d_t": {},
    "cnn_mean": {"backbone": "efficientnet_b0"},
    "cnn_lstm": {"backbone": "lite", "width": 8, "layers": 2, "hidden": 32},
    "cnn_gru": {"backbone": "resnet18", "input_px": 16, "frame_step": 2},
    "cnn_attention": {"backbone": "convnext_tiny"},
}
LARGE: list[tuple[str, dict[str, ModelArg]]] = [
    ("s3d", {"frames": 16}),
    ("mvit_v2_s", {}),
    ("cnn_attention", {"backbone": "resnet50"}),
]


def packaged(name: str, args: dict[str, ModelArg]) -> ModelPackage:
    """Return a package with random weights, and with norms computed from the test clips.

    Without norms a deep network gives all clips equal logits. With norms of other clips float32 is
    too coarse: efficientnet_b0 in torch differed by 0.1 from float64.
    """
    torch.manual_seed(0)
    model = build_model(name, 3, args).train()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            part.momentum = 1.0
    with torch.no_grad():
        model(torch.cat([*probes((4, 32, 32)), to_input(torch.from_numpy(some_clips(3)))]))
    weights = weights_bytes(model.state_dict())
    return ModelPackage(name, args, LABELS, SPEC, weights, {}, {}, {}, temperature=1.7)


def some_clips(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    values = np.random.default_rng(1).integers(0, 256, (count, 4, 32, 32, 3))
    return values.astype(np.uint8)


@pytest.mark.parametrize(
    "name, args",
    [
        *SMALL.items(),
        ("r3d_18", {"view": "motion", "input_px": 16, "frame_step": 2}),
        *(pytest.param(name, args, marks=pytest.mark.slow) for name, args in LARGE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_both_engines_give_the_same(name: str, args: dict[str, ModelArg]) -> None:
    package = packaged(name, args)
    exported = export_onnx(package)
    assert exported.max_difference <= TOLERANCE
    assert exported.model_id == package.model_id
    torch_probs = Predictor(package, device="cpu").probs(some_clips(3))
    onnx_probs = Predictor(package, onnx=exported).probs(some_clips(3))
    assert onnx_probs.dtype == np.float32
    np.testing.assert_allclose(onnx_probs, torch_probs, atol=1e-4)
    assert np.ptp(onnx_probs[:, 0]) > 1e-3  # the result depends on the clips


def test_every_architecture_is_compared() -> None:
    assert {*SMALL, *(name for name, _ in LARGE)} == set(MODELS)


@pytest.mark.parametrize("clip_len, px", [(1, 32), (10, 33), (5, 50)], ids=str)
def test_sizes_that_do_not_divide(clip_len: int, px: int) -> None:
    """Adaptive pooling in the shortcuts of r3d_lite averages areas that overlap."""
    model = build_model("r3d_lite", 3, {"width": 4, "input_px": 22, "frame_step": 1}).eval()
    shape = (clip_len, px, px)
    assert max_difference(model, to_onnx(model, shape, name="r3d_lite"), shape) <= TOLERANCE


def test_any_number_of_clips_and_none(tmp_path: Path) -> None:
    package = a_package()
    predictor = Predictor(package, onnx=export_onnx(package))
    assert predictor.probs(some_clips(0)).shape == (0, 3)
    assert predictor.probs(some_clips(17)).shape == (17, 3)


def test_the_file_is_plain_onnx() -> None:
    """Names, types and an open batch size for other programs; logits, not probabilities."""
    exported = export_onnx(a_package())
    graph = onnx.load_from_string(exported.model)
    assert graph.opset_import[0].version == exported.opset == OPSET
    session = onnxruntime.InferenceSession(exported.model, providers=["CPUExecutionProvider"])
    (clips,), (logits, steps) = session.get_inputs(), session.get_outputs()
    assert (clips.name, clips.type, clips.shape) == (
        "clips", "tensor(float)", ["N", 3, 4, 32, 32],
    )  # fmt: skip
    assert (logits.name, logits.type, logits.shape[0]) == ("logits", "tensor(float)", "N")
    assert (steps.name, steps.type, steps.shape[0]) == ("steps", "tensor(float)", "N")


class Branches(nn.Module):
    """Model with a branch, of which a trace keeps one: it is wrong by 1 on clips that are not 0."""

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        mean_BC = x_BCTHW.mean(dim=(2, 3, 4))
        return mean_BC if mean_BC.abs().sum() == 0 else mean_BC + 1


class NoOperator(nn.Module):
    """Model with an operator that ONNX does not have: eigenvalues."""

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        values_B2: Tensor = torch.linalg.eigvalsh(x_BCTHW[:, 0, 0, :2, :2])
        return values_B2


class Slopes(nn.Module):
    """PReLUs of clips, of pictures, and with one slope for all channels; means as logits."""

    def __init__(self) -> None:
        super().__init__()
        self.on_clips, self.on_pictures, self.one = nn.PReLU(3), nn.PReLU(3), nn.PReLU()
        for layer, slopes in (
            (self.on_clips, [0.5, -0.25, 1.5]),
            (self.on_pictures, [0.0, 2.0, 0.25]),
            (self.one, [0.125]),
        ):
            layer.weight = nn.Parameter(torch.tensor(slopes))

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        pictures_BCHW = self.on_pictures(self.on_clips(x_BCTHW)[:, :, 0])
        mean_BC: Tensor = self.one(pictures_BCHW).mean(dim=(2, 3))
        return mean_BC


def test_prelus_are_split_into_operators_that_onnxruntime_does_not_reorder() -> None:
    """Of -1: the slopes 0.5, -0.25, 1.5, then 0, none, 0.25, then 0.125 where it is negative."""
    model = Slopes().eval()
    exported = to_onnx(model, (2, 4, 4), name="slopes")
    assert max_difference(model, exported, (2, 4, 4)) <= 1e-6
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    minus_one = np.full((1, 3, 2, 4, 4), -1, np.float32)
    logits = session.run(["logits"], {"clips": minus_one})[0]
    np.testing.assert_allclose(logits, [[0, 0.25, 1.5 * 0.25 * -0.125]], rtol=1e-6)
    nodes = [node.op_type for node in onnx.load_from_string(exported).graph.node]
    assert nodes.count("PRelu") == 2  # of clips, and with one slope
    assert isinstance(model.on_pictures, nn.PReLU)  # the model itself stays


def test_a_model_that_comes_out_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "r3d_lite", Model(lambda num_classes: Branches(), ()))
    package = ModelPackage("r3d_lite", {}, LABELS, SPEC, weights_bytes({}), {}, {}, {})
    with pytest.raises(InputError, match=r"r3d_lite as ONNX differs from torch by 1 in a logit"):
        export_onnx(package)


def test_a_model_that_torch_cannot_export_is_one_line() -> None:
    with pytest.raises(
        InputError, match="model m cannot be exported to ONNX: .*eigvalsh"
    ) as caught:
        to_onnx(NoOperator(), (4, 8, 8), name="m")
    assert "\n" not in str(caught.value)
