"""Package of a tiny model with random weights."""

from __future__ import annotations

import torch

from emotion.extract.spec import ExtractionSpec
from emotion.models.registry import build_model
from emotion.package.model_package import ModelPackage, package_versions, weights_bytes

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
