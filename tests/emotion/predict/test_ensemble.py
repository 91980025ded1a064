"""Several packages as one model: values worked out by hand, facts, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.errors import PackageError
from emotion.extract.spec import ExtractionSpec
from emotion.package.model_package import ModelPackage, save_package
from emotion.package.onnx_export import export_onnx
from emotion.package.trust import MeasuredOn, Trust
from emotion.predict.ensemble import PackageMean, mean_steps, one_or_mean
from emotion.predict.predictor import Predictor
from emotion.published.describe import describe_model
from emotion.published.importing import import_onnx
from emotion.published.recipe import ImportRecipe
from tests.helpers.onnx_files import pooled_colours

SPEC = ExtractionSpec(
    detector="dlib", detector_sha256="0" * 64, crop_px=16, clip_len=2, clip_stride=2,
    min_clip_faces=1,
)  # fmt: skip
RED = np.full((1, 2, 16, 16, 3), (255, 0, 0), np.uint8)


def f32(values: list[list[list[float]]]) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def package(happy: float, **options: Any) -> ModelPackage:
    """Return a package with logits 0 for neutral and ``happy`` times the mean red."""
    weight = np.array([[0.0, 0, 0], [happy, 0, 0]])
    recipe = ImportRecipe(**({"labels": ("neutral", "happy")} | options))
    return import_onnx(pooled_colours(weight, np.zeros(2)), recipe, spec=SPEC).package


@pytest.fixture(scope="module")
def pair() -> tuple[ModelPackage, ModelPackage]:
    """Return packages that call a red clip happy with 1/2 and, with temperature 2, with 3/4."""
    trust = Trust(
        domain="acted",
        margin=0.2,
        figures=(MeasuredOn("set", "faces", 9, "2026-01-01", 0.5, 0.5),),
        source={"title": "Three", "licence": "MIT"},
    )
    return package(0.0), package(2 * np.log(3.0), temperature=2.0, trust=trust)


def test_calibrated_probabilities_are_averaged(pair: tuple[ModelPackage, ModelPackage]) -> None:
    """(1/2 + 3/4) / 2 = 5/8."""
    model = one_or_mean(pair)
    predictor = Predictor(model, device="cpu")
    answers = predictor.answers(RED)
    assert answers.probs[0].tolist() == pytest.approx([3 / 8, 5 / 8], abs=1e-6)
    assert answers.steps[0, 1].tolist() == pytest.approx([3 / 8, 5 / 8], abs=1e-6)
    assert predictor.answers(RED[:0]).probs.shape == (0, 2)


def test_the_order_has_no_effect(pair: tuple[ModelPackage, ModelPackage]) -> None:
    one, other = one_or_mean(pair), one_or_mean(pair[::-1])
    assert one == other
    assert one.model_id == other.model_id
    assert one.model_id not in {each.model_id for each in pair}
    changed = one_or_mean([pair[0], replace(pair[1], temperature=2.5)])
    assert changed.model_id != one.model_id


def test_one_package_stays_itself(pair: tuple[ModelPackage, ModelPackage]) -> None:
    assert one_or_mean(pair[:1]) is pair[0]


def test_facts_of_the_mean(pair: tuple[ModelPackage, ModelPackage]) -> None:
    model = one_or_mean(pair)
    assert isinstance(model, PackageMean)
    assert (model.labels, model.spec, model.temperature) == (("neutral", "happy"), SPEC, 1.0)
    assert model.name == "mean of cnn_mean, cnn_mean"
    assert sorted(model.trust.domain.split(", ")) == ["acted", "unknown"]
    assert (model.trust.margin, model.trust.figures) == (0.2, ())
    assert model.trust.source["licence"] == "MIT"
    assert f"cnn_mean {pair[0].model_id}" in model.trust.source["title"]
    assert "mean of" in describe_model(model)
    assert "its accuracy was not measured" in describe_model(model)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_loads_several_addresses(
    pair: tuple[ModelPackage, ModelPackage], engine: Any, tmp_path: Path
) -> None:
    uris = [str(tmp_path / name) for name in ("a", "b")]
    for uri, one in zip(uris, pair, strict=True):
        save_package(uri, one, export_onnx(one))
    for named in (uris, uris[::-1]):
        predictor = Predictor.load(named, device="cpu", engine=engine)
        assert predictor.package.model_id == one_or_mean(pair).model_id
        assert predictor.probs(RED)[0].tolist() == pytest.approx([3 / 8, 5 / 8], abs=1e-6)
    with pytest.raises(PackageError, match=f"package {uris[0]} is named twice; name each once"):
        Predictor.load([uris[0], uris[1], uris[0]], device="cpu", engine=engine)


@pytest.mark.parametrize(
    "other, says",
    [
        ({"labels": ("neutral", "sad")}, "their labels are neutral, happy and neutral, sad"),
        ({"spec": replace(SPEC, clip_stride=1)}, r"specs differ \(clip_stride 2 and 1\)"),
        ({}, "package .* is named twice"),
    ],
    ids=["labels", "spec", "twice"],
)
def test_refuses(pair: tuple[ModelPackage, ModelPackage], other: Any, says: str) -> None:
    with pytest.raises(PackageError, match=says):
        one_or_mean([pair[0], replace(pair[0], **other)])


def test_refuses_nothing() -> None:
    with pytest.raises(PackageError, match="no package is named"):
        one_or_mean([])


def test_steps_of_other_lengths() -> None:
    """Four steps and two: the second two are 1, 1, 0, 0 in time; one step counts four times."""
    four = f32([[[0.0], [0.2], [0.4], [0.6]]])
    two, one = f32([[[1.0], [0.0]]]), f32([[[0.5]]])
    assert mean_steps([four, two]).ravel() == pytest.approx([0.5, 0.6, 0.2, 0.3])
    assert mean_steps([one, four]).ravel() == pytest.approx([0.25, 0.35, 0.45, 0.55])
    three = f32([[[3.0], [6.0], [9.0]]])
    assert mean_steps([three, two]).ravel() == pytest.approx([2.0, 3.0, 4.5])
