"""Arguments of a model that starts from the backbone of a package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emotion.models.registry import ModelArg, ModelArgs, build_model
from emotion.package.model_package import save_package, weights_bytes
from jobs.training.options import Config
from jobs.training.run import backbone_args
from tests.helpers.small_package import a_package

pytestmark = pytest.mark.large

SMALL: dict[str, ModelArg] = {"backbone": "lite", "width": 4, "hidden": 16, "heads": 2}


@pytest.mark.parametrize(
    "name, stored, given, expected",
    [
        ("cnn_mean", {}, (), "both"),
        ("cnn_mean", {"features": "changes"}, (), "both"),
        ("cnn_gru", {}, (), "frames"),  # made before there was the argument
        ("cnn_gru", {"features": "changes", "frame_step": 4}, (), "changes"),
        ("cnn_mean", {}, ("features=frames",), None),
    ],
)
def test_a_new_head_reads_changes_too(
    tmp_path: Path, name: str, stored: ModelArgs, given: tuple[str, ...], expected: str | None
) -> None:
    args = SMALL | dict(stored)
    model = build_model(name, 3, args)
    package = replace(a_package(), name=name, args=args, weights=weights_bytes(model.state_dict()))
    save_package(str(tmp_path / "package"), package)
    config = Config(
        dataset="d", out="o", model="cnn_gru", pretrained=str(tmp_path / "package"),
        model_args=given,
    )  # fmt: skip
    taken = backbone_args(config)
    assert taken.get("features") == expected
    assert taken["frame_step"] == (stored.get("frame_step", 1) if name == "cnn_gru" else 2)
    assert (taken["backbone"], taken["width"]) == ("lite", 4)


def test_another_model_takes_no_backbone(tmp_path: Path) -> None:
    save_package(str(tmp_path / "package"), a_package())
    pretrained = str(tmp_path / "package")
    assert backbone_args(Config(dataset="d", out="o", pretrained=pretrained)) == {}
    assert backbone_args(Config(dataset="d", out="o", model="cnn_gru")) == {}
