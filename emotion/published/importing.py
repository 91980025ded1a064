"""Import of a published network as an ordinary model package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.models.face_frame import FaceFrame
from emotion.models.frame_cnn import GRAPH
from emotion.models.graph import FaceInput, Graph, Step, graph_text
from emotion.package.model_package import ModelPackage
from emotion.published.comparison import (
    Outputs,
    check_difference,
    largest_difference,
    original_outputs,
    probe_crops,
)
from emotion.published.label_map import LabelMap, map_labels
from emotion.published.onnx_source import read_onnx
from emotion.published.packaging import linear_package
from emotion.published.recipe import ImportRecipe
from emotion.published.translate import Network, input_shape, output_name, translate

LEAST_PROBABILITY = 1e-12
"""Smallest probability before the logarithm is taken."""


@dataclass(frozen=True)
class Imported:
    """Result of an import.

    Attributes:
        package: the package.
        difference: largest difference from onnxruntime; see ``largest_difference``. None if the
            importer of a backbone compared it and keeps no number.
        num_steps: number of steps of the graph; 0 for a backbone of this project.
        is_known: False if a preset has figures of a file with another SHA-256, which are left out.
    """

    package: ModelPackage
    difference: float | None
    num_steps: int
    is_known: bool = True


@dataclass(frozen=True)
class Features:
    """Network without its last linear layer, and that layer.

    Attributes:
        steps: steps that make the features.
        weights: weights of the steps.
        head_weight: (K, F) float32.
        head_bias: (K,) float32.
        outputs: meaning of the file's outputs.
    """

    steps: list[Step]
    weights: dict[str, Tensor]
    head_weight: Tensor
    head_bias: Tensor
    outputs: Outputs


def import_onnx(data: bytes, recipe: ImportRecipe, *, spec: ExtractionSpec) -> Imported:
    """Return the package of an ONNX file that reads one picture of one face.

    Args:
        data: bytes of the file.
        recipe: input of the network, and meaning of its outputs.
        spec: extraction spec of the clips that the package scores.

    Raises:
        InputError: if the file is damaged, above a limit or not supported, does not fit the recipe,
            or its import differs from onnxruntime by more than ``packaging.TOLERANCE``.
    """
    model = read_onnx(data)
    output = output_name(model, recipe.output)
    face, nhwc = face_input(recipe, input_shape(model))
    side = face.frame.size_px
    network = translate(model, (face.channels, side, side), output, nhwc=nhwc)
    num_outputs = _num_outputs(network, recipe)
    features = without_head(network, recipe, num_outputs)
    labels = map_labels(recipe.labels, recipe.changes)
    package = _package(features, face, labels, recipe, spec)
    graph = _graph(features, face)
    x_NCHW = face.prepare(probe_crops(spec.crop_px))
    with torch.inference_mode():
        logits_NK = graph.of_frames(x_NCHW) @ features.head_weight.T + features.head_bias
    x_file = x_NCHW.permute(0, 2, 3, 1) if nhwc else x_NCHW
    expected_NK = original_outputs(data, x_file.contiguous(), output=output)
    _check_meaning(expected_NK, features.outputs)
    difference = largest_difference(logits_NK, expected_NK, features.outputs)
    check_difference(difference)
    return Imported(package, difference, len(features.steps))


def face_input(recipe: ImportRecipe, shape: tuple[int | None, ...]) -> tuple[FaceInput, bool]:
    """Return the input of a network, and True if its channels come last.

    Args:
        recipe: values that the user or a preset gives.
        shape: shape of the file's input without the batch; None is a size that is not fixed.

    Raises:
        InputError: if they do not fit each other, or the side is given by neither.
    """
    last = recipe.layout == "nhwc" if recipe.layout else _channels_last(shape)
    channels, height, width = (shape[2], shape[0], shape[1]) if last else shape
    colour = recipe.colour or ("grey" if channels == 1 else "rgb")
    side = recipe.input_px or height or width
    if side is None:
        raise InputError("its input has no fixed size; give the side with --input-px")
    needed = 1 if colour == "grey" else 3
    for name, own, given in (
        ("channels", channels, needed), ("rows", height, side), ("columns", width, side),
    ):  # fmt: skip
        if own is not None and own != given:
            raise InputError(
                f"its input has {own} {name}, the options give {given}; check --input-px, "
                "--colour and --layout"
            )
    mean, std = (_each(values, needed) for values in (recipe.mean, recipe.std))
    frame = FaceFrame(side, recipe.eyes_apart, recipe.eye_height)
    return FaceInput(frame, colour, recipe.pixel_max, mean, std), last


def _channels_last(shape: tuple[int | None, ...]) -> bool:
    return shape[0] not in (1, 3) and shape[2] in (1, 3)


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values


def _num_outputs(network: Network, recipe: ImportRecipe) -> int:
    sizes = [side for side in network.output_shape if side != 1] or [1]
    if len(sizes) != 1:
        raise InputError(f"its output has shape {list(network.output_shape)}, not one per label")
    if sizes[0] != len(recipe.labels):
        raise InputError(
            f"it has {sizes[0]} outputs, --labels names {len(recipe.labels)}: "
            f"{', '.join(recipe.labels) or 'none'}"
        )
    return sizes[0]


def without_head(network: Network, recipe: ImportRecipe, num_outputs: int) -> Features:
    """Separate the last linear layer of a network from its features.

    A softmax at the end is left out. A network that does not end with a linear layer keeps all its
    steps; its head is the identity.

    Raises:
        InputError: if the recipe calls the outputs of a softmax logits.
    """
    steps, weights = list(network.steps), dict(network.weights)
    outputs: Outputs = "logits"
    if steps[-1].op == "softmax" and len(steps) > 1:
        if recipe.outputs == "logits":
            raise InputError("it ends with a softmax: its outputs are probabilities, not logits")
        steps.pop()
        outputs = "softmax"
    elif recipe.outputs == "probabilities":
        steps.append(Step("log", (len(steps),), {"least": LEAST_PROBABILITY}))
        outputs = "probabilities"
    if network.output_shape != (num_outputs,):
        steps.append(Step("reshape", (len(steps),), {"shape": [num_outputs]}))
    if steps[-1].op != "linear" or len(steps) == 1:
        eye = torch.eye(num_outputs)
        return Features(steps, weights, eye, torch.zeros(num_outputs), outputs)
    steps.pop()
    weight = weights.pop(f"steps.{len(steps)}.weight")
    bias = weights.pop(f"steps.{len(steps)}.bias", torch.zeros(num_outputs))
    return Features(steps, weights, weight, bias, outputs)


def _graph(features: Features, face: FaceInput) -> Graph:
    text = graph_text(face, features.steps, features=features.head_weight.shape[1])
    graph = Graph(text)
    graph.load_state_dict(features.weights)
    return graph.eval()


def _check_meaning(expected_NK: NDArray[np.float32], outputs: Outputs) -> None:
    """Check that the outputs are probabilities if and only if they are declared so."""
    sums = expected_NK.sum(axis=1)
    are = bool((np.abs(sums - 1) < 1e-3).all() and (expected_NK >= 0).all())
    if outputs == "logits" and are:
        raise InputError("its outputs are 0 to 1 with sum 1; give --outputs probabilities")
    if outputs != "logits" and not are:
        raise InputError("its outputs are no probabilities; give --outputs logits")


def _package(
    features: Features,
    face: FaceInput,
    labels: LabelMap,
    recipe: ImportRecipe,
    spec: ExtractionSpec,
) -> ModelPackage:
    """Return the package; with merged labels the head divides by the temperature."""
    weight, bias = features.head_weight[labels.order], features.head_bias[labels.order]
    divisor = recipe.temperature if labels.merge else 1.0
    text = graph_text(face, features.steps, features=weight.shape[1])
    return linear_package(
        {"backbone": GRAPH, "graph": text, "merge": labels.merge},
        features.weights,
        (weight / divisor, bias / divisor),
        labels=labels.labels,
        spec=spec,
        temperature=recipe.temperature / divisor,
        trust=recipe.trust,
    )
