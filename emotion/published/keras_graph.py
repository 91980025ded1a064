"""Computation of a Keras graph with numpy: a second reading, to compare a network with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from emotion.errors import InputError
from emotion.published.keras_file import KerasLayer

Values = NDArray[np.float64]


def run_keras(layers: Mapping[str, KerasLayer], pictures_NHWC: Values) -> Values:
    """Return the logits of a Keras graph: the input of its last softmax, (N, K).

    Args:
        layers: layers of ``read_keras``.
        pictures_NHWC: values of the input layer.

    Raises:
        InputError: if a layer or an activation is unknown.
    """
    values: dict[str, Values] = {}
    for name, layer in layers.items():
        inputs = [values[one] for one in layer.inputs]
        if layer.kind == "InputLayer":
            values[name] = pictures_NHWC
        elif layer.kind == "Activation" and layer.config["activation"] == "softmax":
            return inputs[0]
        else:
            values[name] = _compute(layer, inputs)
    raise InputError("the Keras graph does not end with a softmax")


def _compute(layer: KerasLayer, inputs: list[Values]) -> Values:
    x_NHWC, config = inputs[0], layer.config
    if layer.kind == "Conv2D":
        y_NHWC = _conv(x_NHWC, layer.arrays["kernel:0"], config)
        return y_NHWC + layer.arrays.get("bias:0", 0.0)
    if layer.kind == "SeparableConv2D":
        depthwise, pointwise = (
            layer.arrays[f"{one}_kernel:0"] for one in ("depthwise", "pointwise")
        )
        windows = _windows(x_NHWC, depthwise.shape[:2], config, fill=0.0)
        y_NHWC = np.einsum("nhwcab,abc->nhwc", windows, depthwise[..., 0], optimize=True)
        return np.asarray(y_NHWC @ pointwise[0, 0])
    if layer.kind == "BatchNormalization":
        scale, shift, mean, variance = (
            layer.arrays[f"{one}:0"] for one in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        factor = scale / np.sqrt(variance + config["epsilon"])
        return np.asarray((x_NHWC - mean) * factor + shift)
    if layer.kind == "MaxPooling2D":
        windows = _windows(x_NHWC, tuple(config["pool_size"]), config, fill=-np.inf)
        return np.asarray(windows.max(axis=(4, 5)))
    if layer.kind == "Add":
        return x_NHWC + inputs[1]
    if layer.kind == "GlobalAveragePooling2D":
        return np.asarray(x_NHWC.mean(axis=(1, 2)))
    if layer.kind == "Activation" and config["activation"] == "relu":
        return np.maximum(x_NHWC, 0)
    raise InputError(f"the Keras graph has the unknown layer {layer.kind} {config['name']!r}")


def _conv(x_NHWC: Values, kernel: NDArray[np.float32], config: Mapping[str, Any]) -> Values:
    windows = _windows(x_NHWC, kernel.shape[:2], config, fill=0.0)
    return np.asarray(np.einsum("nhwcab,abco->nhwo", windows, kernel, optimize=True))


def _windows(
    x_NHWC: Values, size: tuple[int, ...], config: Mapping[str, Any], *, fill: float
) -> Values:
    """Return the windows of a layer as (N, H, W, C, height, width)."""
    pads = [(0, 0)]
    for side, length, step in zip(x_NHWC.shape[1:3], size, config["strides"], strict=True):
        missing = 0
        if config["padding"] == "same":  # TensorFlow's rule: the larger part comes last
            missing = max(0, (-(-side // step) - 1) * step + length - side)
        pads.append((missing // 2, missing - missing // 2))
    padded = np.pad(x_NHWC, [*pads, (0, 0)], constant_values=fill)
    windows = sliding_window_view(padded, size, axis=(1, 2))
    down, across = config["strides"]
    return np.asarray(windows[:, ::down, ::across])
