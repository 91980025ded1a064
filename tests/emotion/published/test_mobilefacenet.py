"""Import of MobileFaceNet: equal answers with folded and separate norms, and refusals."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from emotion.errors import InputError
from emotion.extract.detect import spec_for
from emotion.extract.inference import open_session
from emotion.labels import LABELS
from emotion.models.face_frame import to_frame
from emotion.models.mobilefacenet import FRAME
from emotion.package.card import model_card
from emotion.package.model_package import ModelPackage, load_package, save_package
from emotion.package.onnx_export import export_onnx
from emotion.predict.predictor import Predictor
from emotion.published.mobilefacenet import import_mobilefacenet
from tests.helpers.published import LABELS as FILE_LABELS
from tests.helpers.published import mobilefacenet_onnx

pytestmark = pytest.mark.large

Change = Callable[[onnx.ModelProto], object]


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Return two smooth clips, (2, 16, 112, 112, 3) uint8."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(2, 3, 4, 7, 7, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (16, 112, 112), mode="trilinear") * 255
    return smooth.permute(0, 2, 3, 4, 1).to(torch.uint8).numpy()


def by_onnxruntime(data: bytes, clips: np.ndarray) -> np.ndarray:
    """Return probabilities in our order: the file's logits of each frame, their mean, softmax."""
    session = open_session(data)
    answers = []
    for clip in clips:
        pictures = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 127.5 - 1
        frames = to_frame(pictures, FRAME).numpy()
        logits = np.concatenate([session.run(None, {"data": one[None]})[0] for one in frames])
        scaled = np.exp(logits.mean(axis=0) / 3.0)
        answers.append(scaled / scaled.sum())
    return np.stack(answers)[:, [FILE_LABELS.index(label) for label in LABELS]]


def test_the_package_answers_as_the_file(
    mobilefacenet: ModelPackage, onnx_file: bytes, clips: np.ndarray
) -> None:
    probs = Predictor(mobilefacenet, device="cpu").probs(clips)
    np.testing.assert_allclose(probs, by_onnxruntime(onnx_file, clips), atol=1e-5)
    assert np.ptp(probs, axis=1).min() > 0.1  # the answers are not flat


def test_separate_norms_give_equal_answers(
    mobilefacenet: ModelPackage, shared: Path, clips: np.ndarray
) -> None:
    data = mobilefacenet_onnx(shared, norms=True)
    kinds = {node.op_type for node in onnx.ModelProto.FromString(data).graph.node}
    assert "BatchNormalization" in kinds
    other = import_mobilefacenet(data, spec=spec_for("yunet"))
    probs = Predictor(mobilefacenet, device="cpu").probs(clips)
    np.testing.assert_allclose(Predictor(other, device="cpu").probs(clips), probs, atol=1e-5)


def test_the_package_is_ordinary(
    mobilefacenet: ModelPackage, clips: np.ndarray, tmp_path: Path
) -> None:
    """It is stored, read and exported to ONNX; its steps are its frames."""
    spec = dataclasses.replace(mobilefacenet.spec, clip_len=2, clip_stride=2, min_clip_faces=1)
    short, clips = dataclasses.replace(mobilefacenet, spec=spec), clips[:, :2]
    save_package(str(tmp_path), short, export_onnx(short))
    assert load_package(str(tmp_path)) == short
    answers = Predictor.load(str(tmp_path), device="cpu", engine="onnx").answers(clips)
    assert answers.steps.shape == (2, 2, 7)
    torch_answers = Predictor(short, device="cpu").answers(clips)
    np.testing.assert_allclose(answers.steps, torch_answers.steps, atol=1e-4)


def test_the_card_has_source_terms_and_figures(mobilefacenet: ModelPackage) -> None:
    card = model_card(mobilefacenet.facts() | {"model_id": mobilefacenet.model_id})
    for text in (
        "- SHA-256 of the file: 4f61307602fc089ce20488a31d4e4614e3c9753a7d6c41578c854858b183e1a9",
        "- licence, as published: Apache-2.0",
        "RAF-DB is for research, and its pictures may not be passed on.",
        "whether these reach the weights is not settled",
        "Who is in these pictures was not audited",
        "| FER2013 test | 1,200 faces | 2026-11-27 | 0.555 | 0.469 | 0.200 |",
        "agree\non about two thirds. An expression is not a feeling.",
    ):
        assert text in card


def with_operator(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type = "Loop"


def with_huge_tensor(model: onnx.ModelProto) -> None:
    """Declare 3 GB of weights that are not in the file."""
    model.graph.initializer[0].dims[:] = [64, 3, 2048, 2048]


def with_outside_tensor(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def with_short_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = b"1234"


def with_stride(model: onnx.ModelProto) -> None:
    strides = next(a for a in model.graph.node[0].attribute if a.name == "strides")
    strides.ints[:] = [1, 1]


def with_pixels(model: onnx.ModelProto) -> None:
    """Square the last residual: every shape is right, the answers are others."""
    add = [node for node in model.graph.node if node.op_type == "Add"][-1]
    add.input[0] = add.input[1]


def with_six_labels(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.name.startswith("head."):
            array = onnx.numpy_helper.to_array(tensor)[:6]
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6


def with_growing_concat(model: onnx.ModelProto) -> None:
    """Double a tensor 40 times, to 2**40 times its size."""
    names = ["data", *(f"twice{i}" for i in range(40))]
    nodes = [
        helper.make_node("Concat", [a, a], [b], axis=0)
        for a, b in zip(names[:-1], names[1:], strict=True)
    ]
    model.graph.node.extend(nodes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_operator, "the ONNX file has operator 'Loop', which is not one of"),
        (with_huge_tensor, "has shape (64, 3, 2048, 2048); all tensors together may have"),
        (with_outside_tensor, "lies in another file; take one whole file"),
        (with_short_tensor, "has not the numbers of its shape"),
        (with_stride, "layer 0 of the ONNX file has (shape, stride, padding, groups, PReLU)"),
        (with_pixels, "is not the expected network: a logit of our copy differs by"),
        (with_six_labels, "the last layer of the ONNX file is (6, 512), must be (7, 512)"),
        (with_growing_concat, "more than 2 operators 'Concat'"),
    ],
    ids=["operator", "3 GB", "outside", "short", "stride", "residual", "six labels", "concat"],
)
def test_another_file_is_refused(onnx_file: bytes, change: Change, message: str) -> None:
    model = onnx.ModelProto.FromString(onnx_file)
    change(model)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        import_mobilefacenet(model.SerializeToString(), spec=spec_for("yunet"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 10, 1000, 1_000_000, -1])
def test_a_cut_file_is_refused(onnx_file: bytes, size: int) -> None:
    with pytest.raises(InputError, match="ONNX file"):
        import_mobilefacenet(onnx_file[:size], spec=spec_for("yunet"))


def test_a_page_instead_of_a_file_is_refused() -> None:
    with pytest.raises(InputError, match="ONNX file"):
        import_mobilefacenet(b"<!doctype html><html>please log in</html>", spec=spec_for("yunet"))


def test_other_labels_are_refused(onnx_file: bytes) -> None:
    labels = ("angry", "contempt", "fear", "happy", "neutral", "sad", "surprise")
    with pytest.raises(InputError, match="the file's labels are angry, contempt"):
        import_mobilefacenet(onnx_file, spec=spec_for("yunet"), labels=labels)
