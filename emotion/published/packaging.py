"""Packages from published networks: our backbone, the published last layer, our label order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.labels import LABELS
from emotion.models.registry import ModelArg, build_model, default_args
from emotion.package.model_package import ModelPackage, package_versions, weights_bytes
from emotion.package.trust import Trust

TOLERANCE = 1e-4
"""Largest allowed difference between a logit of our network and of the original."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LastLayer:
    """Linear layer from features to logits.

    Attributes:
        weight: (K, F) float32.
        bias: (K,) float32.
        labels: our name of each of the K outputs, in the order of the file.
    """

    weight: Array
    bias: Array
    labels: tuple[str, ...]


def build_package(
    backbone: str,
    state: Mapping[str, Tensor],
    last: LastLayer,
    *,
    spec: ExtractionSpec,
    temperature: float,
    trust: Trust,
) -> ModelPackage:
    """Return a package of ``cnn_mean`` whose logits are the mean of the network's over the frames.

    Args:
        backbone: a key of ``emotion.models.frame_cnn.PUBLISHED``.
        state: weights of the backbone by name.
        last: the published last layer.
        spec: extraction spec of the clips that the package scores.
        temperature: divisor of the logits.
        trust: facts and figures.

    Raises:
        InputError: if ``last`` has other labels than ``LABELS``.
    """
    order = _order(last.labels)
    return linear_package(
        {"backbone": backbone},
        state,
        (torch.from_numpy(last.weight[order]), torch.from_numpy(last.bias[order])),
        labels=LABELS,
        spec=spec,
        temperature=temperature,
        trust=trust,
    )


def linear_package(
    backbone: Mapping[str, ModelArg],
    state: Mapping[str, Tensor],
    last: tuple[Tensor, Tensor],
    *,
    labels: tuple[str, ...],
    spec: ExtractionSpec,
    temperature: float,
    trust: Trust,
) -> ModelPackage:
    """Return a package of ``cnn_mean`` whose logits are linear in the backbone's features.

    The head of ``cnn_mean`` has a ReLU between two linear layers. The first one computes each logit
    and its negative, the second one their difference, so that the ReLU changes nothing.

    Args:
        backbone: arguments of ``cnn_mean`` that choose the backbone.
        state: weights of the backbone by name.
        last: the linear layer: (K, F) weights and (K,) biases.
        labels: labels of the package.
        spec: extraction spec of the clips that the package scores.
        temperature: divisor of the logits.
        trust: facts and figures.
    """
    weight, bias = last
    eye = torch.eye(len(bias))
    head = {
        "temporal.0.weight": torch.cat([weight, -weight]),
        "temporal.0.bias": torch.cat([bias, -bias]),
        "head.1.weight": torch.cat([eye, -eye], dim=1),
        "head.1.bias": torch.zeros(len(bias)),
    }
    own: dict[str, ModelArg] = {"hidden": 2 * len(bias), "heads": 1, "dropout": 0.0}
    args = default_args("cnn_mean") | dict(backbone) | own
    model = build_model("cnn_mean", len(labels), args)
    model.load_state_dict(
        model.state_dict() | {f"backbone.{key}": value for key, value in state.items()} | head
    )
    return ModelPackage(
        name="cnn_mean",
        args=args,
        labels=labels,
        spec=spec,
        weights=weights_bytes(model.state_dict()),
        training={},
        metrics={},
        versions=package_versions(),
        temperature=temperature,
        trust=trust,
    )


def _order(labels: Sequence[str]) -> list[int]:
    if sorted(labels) != sorted(LABELS):
        raise InputError(
            f"the file's labels are {', '.join(labels)}; they must be {', '.join(LABELS)} in any "
            "order"
        )
    return [labels.index(label) for label in LABELS]


def check_equal(package: ModelPackage, pictures: Tensor, expected: Array, *, origin: str) -> float:
    """Compare the package's logits of pictures with those of the original; return the difference.

    Args:
        package: a package of ``build_package``.
        pictures: (N, C, S, S) pictures in the face frame of the network, -1 to 1.
        expected: (N, K) logits of the original, in our label order.
        origin: name of the original, for the error message.

    Returns:
        The largest difference of a logit.

    Raises:
        InputError: if it is more than ``TOLERANCE`` or no number.
    """
    model = package.build()
    backbone, temporal, head = model.backbone, model.temporal, model.head
    assert isinstance(backbone, nn.Module)
    with torch.inference_mode():
        features_NF = backbone.of_frames(pictures)  # type: ignore[operator]
        logits_NK = head(temporal(features_NF[:, None]))  # type: ignore[operator]
    difference = float(np.abs(logits_NK.numpy() - expected).max())
    if not difference <= TOLERANCE:
        raise InputError(
            f"{origin} is not the expected network: a logit of our copy differs by "
            f"{difference:.3g}; it must be {TOLERANCE:g} or less"
        )
    return difference


def probe_pictures(channels: int, side: int) -> Tensor:
    """Return 3 fixed pictures, (3, channels, side, side), -1 to 1: noise, smooth, grey."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, channels, side, side, generator=generator) * 2 - 1
    coarse = torch.rand(1, channels, 5, 5, generator=generator) * 2 - 1
    smooth = nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    return torch.cat([noise, smooth, torch.zeros_like(noise)])
