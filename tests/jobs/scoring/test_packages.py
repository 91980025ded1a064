"""Scoring with several packages: addresses, operator and stored facts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from emotion.extract.spec import ExtractionSpec
from emotion.package.model_package import ModelPackage, save_package
from emotion.predict.ensemble import one_or_mean
from emotion.predict.predictor import load_parts
from emotion.published.importing import import_onnx
from emotion.published.recipe import ImportRecipe
from jobs.common.command import parse
from jobs.scoring.options import Config
from jobs.scoring.package import source_address, workers_address
from jobs.scoring.rows import clip_rows, clips_table
from jobs.scoring.stages import ScoreClips
from tests.helpers.onnx_files import pooled_colours
from tests.jobs.scoring.test_rows import clip

SPEC = ExtractionSpec(
    detector="dlib", detector_sha256="0" * 64, crop_px=16, clip_len=2, clip_stride=2,
    min_clip_faces=1,
)  # fmt: skip


def package(happy: float) -> ModelPackage:
    """Return a package with logits 0 for neutral and ``happy`` for happy, for any clip."""
    data = pooled_colours(np.zeros((2, 3)), np.array([0.0, happy]))
    return import_onnx(data, ImportRecipe(labels=("neutral", "happy")), spec=SPEC).package


@pytest.fixture(scope="module")
def uris(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    root = tmp_path_factory.mktemp("packages")
    uris = (str(root / "even"), str(root / "three"))
    for uri, happy in zip(uris, (0.0, np.log(3.0)), strict=True):
        save_package(uri, package(float(happy)))
    return uris


def test_the_operator_averages(uris: tuple[str, ...]) -> None:
    """(1/2 + 3/4) / 2 = 5/8."""
    crop = bytes(cv2.imencode(".jpg", np.full((16, 16, 3), 90, np.uint8))[1])
    rows = clip_rows("0", clips_table([clip(0) | {"crops": (crop, crop)}]))
    scored = ScoreClips(uris, "cpu", "torch")(rows)
    assert scored["probs"].to_pylist() == [pytest.approx([3 / 8, 5 / 8], abs=1e-6)]
    assert scored["steps"].to_pylist() == [pytest.approx([3 / 8, 5 / 8] * 2, abs=1e-6)]


def test_addresses_of_the_flag(uris: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(uris[0]).parent)
    argv = ["--package", "even", "three", "--out", "scores", "--videos", "videos"]
    config = parse(Config, argv, verb="jobs.score", doc="")
    assert config.package == uris
    assert source_address(config) == workers_address(config, uris) == uris
    found, _ = load_parts(source_address(config), "torch")
    assert found.model_id == one_or_mean([package(0.0), package(float(np.log(3.0)))]).model_id
    one = parse(Config, ["--package", "even", *argv[3:]], verb="jobs.score", doc="")
    assert source_address(one) == uris[0]
