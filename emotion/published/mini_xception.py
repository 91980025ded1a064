"""Import of the mini-XCEPTION expression network from the HDF5 file of the package fer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.labels import LABELS
from emotion.models.mini_xception import FEATURES, FRAME, MiniXception
from emotion.package.model_package import ModelPackage
from emotion.package.trust import Trust
from emotion.published.facts import MINI_XCEPTION_LABELS, MINI_XCEPTION_TRUST, TEMPERATURES
from emotion.published.keras_file import KerasLayer, read_keras
from emotion.published.keras_graph import run_keras
from emotion.published.packaging import LastLayer, build_package, check_equal, probe_pictures

Array = NDArray[np.float32]


def import_mini_xception(
    data: bytes,
    *,
    spec: ExtractionSpec,
    labels: Sequence[str] = MINI_XCEPTION_LABELS,
    trust: Trust = MINI_XCEPTION_TRUST,
) -> ModelPackage:
    """Return a package of the expression network in a Keras HDF5 file.

    The logits are compared with a computation of the file's own graph in numpy.

    Args:
        data: bytes of the file.
        spec: extraction spec of the clips that the package scores.
        labels: our name of each output, in the order of the file.
        trust: facts and figures of the weights.

    Raises:
        InputError: if the file is damaged, too large or another network, or a logit differs by
            more than 1e-4.
    """
    layers = read_keras(data)
    pictures = probe_pictures(1, FRAME.size_px)
    network = MiniXception()
    convolutions = [name for name, one in layers.items() if "Conv2D" in one.kind]
    try:
        last = layers[convolutions[-1]].arrays
        _fill(network, layers, convolutions[:-1])
        weight = last["kernel:0"].transpose(3, 2, 0, 1).reshape(len(labels), FEATURES)
        bias = last["bias:0"].reshape(len(labels))
        expected = run_keras(layers, pictures.permute(0, 2, 3, 1).numpy().astype(np.float64))
    except (KeyError, IndexError, ValueError) as err:
        raise InputError(f"the HDF5 file is not mini-XCEPTION: {err}") from err
    package = build_package(
        "mini_xception",
        network.state_dict(),
        LastLayer(np.ascontiguousarray(weight), bias, tuple(labels)),
        spec=spec,
        temperature=TEMPERATURES["mini_xception"],
        trust=trust,
    )
    ordered = expected[:, [labels.index(label) for label in LABELS]].astype(np.float32)
    check_equal(package, pictures, ordered, origin="the HDF5 file")
    return package


def _fill(network: MiniXception, layers: Mapping[str, KerasLayer], names: Sequence[str]) -> None:
    """Copy the file's convolutions into ours; batch norms are folded into them.

    The file lists two separable convolutions before the shortcut of their block, as we do.

    Raises:
        ValueError: if their number or a shape differs.
    """
    modules = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        for name in names:
            scale, shift = _norm(layers, name)
            arrays = layers[name].arrays
            if layers[name].kind == "SeparableConv2D":
                _copy(modules.pop(0).weight, arrays["depthwise_kernel:0"].transpose(2, 3, 0, 1))
            conv = modules.pop(0)
            kernel = arrays.get("pointwise_kernel:0", arrays.get("kernel:0"))
            if kernel is None or conv.bias is None:
                raise ValueError(f"layer {name} has no kernel")
            _copy(conv.weight, kernel.transpose(3, 2, 0, 1) * scale[:, None, None, None])
            _copy(conv.bias, shift)
    if modules:
        raise ValueError(f"it has {len(names) + 1} convolutions, too few")


def _norm(layers: Mapping[str, KerasLayer], name: str) -> tuple[Array, Array]:
    """Return scale and shift of the batch norm that reads the layer ``name``."""
    norms = [one for one in layers.values() if one.inputs == (name,)]
    if len(norms) != 1 or norms[0].kind != "BatchNormalization":
        raise ValueError(f"no batch norm follows layer {name}")
    arrays = {key: value.astype(np.float64) for key, value in norms[0].arrays.items()}
    scale = arrays["gamma:0"] / np.sqrt(arrays["moving_variance:0"] + norms[0].config["epsilon"])
    shift = arrays["beta:0"] - arrays["moving_mean:0"] * scale
    return scale.astype(np.float32), shift.astype(np.float32)


def _copy(parameter: torch.Tensor, values: Array) -> None:
    """Copy values of the parameter's own shape.

    Raises:
        ValueError: if they have another shape.
    """
    if tuple(parameter.shape) != values.shape:
        raise ValueError(f"a layer has shape {values.shape}, must be {tuple(parameter.shape)}")
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))
