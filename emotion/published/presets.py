"""Presets of jobs.import_model: published networks with known labels, input and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emotion.package.trust import MeasuredOn, Trust
from emotion.published.facts import MARGIN
from emotion.published.recipe import ImportRecipe

PresetName = Literal[
    "opencv-mobilefacenet", "fer-mini-xception", "hsemotion-enet-b0", "emotion-ferplus", "face-api"
]

_DAY = "2026-11-27"


@dataclass(frozen=True)
class Preset:
    """A published network of which only the file is not known.

    Attributes:
        recipe: labels in our words, input, temperature and source.
        sha256: hex SHA-256 of the published file, whose figures the recipe has; empty: the recipe
            has no figures.
        file: kind of file that it needs, for messages.
    """

    recipe: ImportRecipe
    sha256: str = ""
    file: str = "an .onnx file"


_HSEMOTION = ImportRecipe(
    labels=("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    input_px=224,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    trust=Trust(
        domain="in the wild",
        margin=MARGIN,
        source={
            "title": "HSEmotion EfficientNet-B0, 8 labels",
            "url": "https://github.com/HSE-asavchenko/face-emotion-recognition",
            "licence": "Apache-2.0",
            "training_data": (
                "VGGFace2 for faces, AffectNet for expressions, pictures from the web; published: "
                "64.6% right on AffectNet's validation pictures with 7 labels"
            ),
            "terms": "AffectNet is for research, and its pictures may not be passed on",
        },
    ),
)

_FERPLUS = ImportRecipe(
    labels=("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
    input_px=64,
    eyes_apart=0.42,
    colour="grey",
    pixel_max=255.0,
    trust=Trust(
        domain="in the wild",
        margin=MARGIN,
        source={
            "title": "Emotion FERPlus 8",
            "url": "https://github.com/onnx/models",
            "licence": "MIT",
            "training_data": (
                "FER2013 with the labels of FER+ (Barsoum et al. 2016), pictures from the web"
            ),
            "terms": "FER2013 was published for a research competition",
        },
    ),
)


def _figure(name: str, num: int, war: float, uar: float, *, unit: str = "faces") -> MeasuredOn:
    return MeasuredOn(name, unit, num, _DAY, war, uar)


_FACE_API = ImportRecipe(
    labels=("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"),
    input_px=112,
    eyes_apart=0.40,
    pixel_max=255.0,
    mean=(122.782, 117.001, 104.298),
    std=(255.0,),
    temperature=4.3,
    trust=Trust(
        domain="in the wild",
        margin=MARGIN,
        figures=(
            _figure("web and press pictures, as many of each label", 921, 0.518, 0.495),
            _figure("FER2013 test", 1200, 0.565, 0.526),
            _figure("short real clips", 264, 0.246, 0.244, unit="clips"),
        ),
        source={
            "title": "face-api, expressions",
            "url": "https://github.com/vladmandic/face-api",
            "licence": "MIT",
            "training_data": (
                "publicly available data sets and images from the web, by its publisher; JAFFE and "
                "CK+ may be among them, so figures on these are left out"
            ),
            "terms": "the terms of these pictures are not known",
        },
    ),
)

PRESETS: dict[str, Preset] = {
    "hsemotion-enet-b0": Preset(_HSEMOTION),
    "emotion-ferplus": Preset(_FERPLUS),
    "face-api": Preset(
        _FACE_API,
        sha256="9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
        file="face_expression_model-weights_manifest.json, with its .bin file beside it",
    ),
}
"""Presets that the graph of a file makes; those of ``emotion.published`` with a backbone of their
own, opencv-mobilefacenet and fer-mini-xception, have fixed recipes."""
