"""ONNX operators on feature maps as steps: convolution, pooling, padding, and new shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto

from emotion.errors import InputError
from emotion.published.operators import Attributes, Builder, Translate, axes

_NEVER = float("-inf")


def _conv(graph: Builder, node: NodeProto, given: Attributes) -> None:
    weight = graph.constant(node.input[1])
    if weight.ndim != 4:
        raise InputError(f"Conv with weights of {list(weight.shape)} is not supported")
    kernel, group = list(weight.shape[2:]), int(given.get("group", 1))
    dilation = list(given.get("dilations", (1, 1)))
    source, padding = _padded(graph, node, given, kernel, dilation, fill=0.0)
    args: dict[str, Any] = {
        "in_channels": weight.shape[1] * group,
        "out_channels": weight.shape[0],
        "kernel_size": kernel,
        "stride": list(given.get("strides", (1, 1))),
        "padding": padding,
        "dilation": dilation,
        "groups": group,
        "bias": len(node.input) > 2 and bool(node.input[2]),
    }
    weights = {"weight": weight}
    if args["bias"]:
        weights["bias"] = graph.constant(node.input[2])
    graph.add("conv", (source,), node.output[0], args, **weights)


def _max_pool(graph: Builder, node: NodeProto, given: Attributes) -> None:
    kernel, dilation = list(given["kernel_shape"]), list(given.get("dilations", (1, 1)))
    source, padding = _padded(graph, node, given, kernel, dilation, fill=_NEVER)
    args = {"kernel_size": kernel, "dilation": dilation, **_pooling(given, padding)}
    graph.add("max_pool", (source,), node.output[0], args)


def _avg_pool(graph: Builder, node: NodeProto, given: Attributes) -> None:
    kernel = list(given["kernel_shape"])
    if max(given.get("dilations", (1,))) > 1:
        raise InputError("AveragePool with dilations is not supported")
    counted = bool(given.get("count_include_pad", 0))
    source, padding = _padded(graph, node, given, kernel, [1, 1], fill=0.0 if counted else None)
    args = {"kernel_size": kernel, **_pooling(given, padding), "count_include_pad": counted}
    graph.add("avg_pool", (source,), node.output[0], args)


def _pooling(given: Attributes, padding: list[int]) -> Attributes:
    strides = list(given.get("strides", (1, 1)))
    return {"stride": strides, "padding": padding, "ceil_mode": bool(given.get("ceil_mode", 0))}


def _padded(
    graph: Builder,
    node: NodeProto,
    given: Attributes,
    kernel: list[int],
    dilation: list[int],
    *,
    fill: float | None,
) -> tuple[str, list[int]]:
    """Return the name of the input, and the padding of its rows and columns.

    Padding that differs between two ends becomes a step of its own, with ``fill`` (None: refused).
    """
    shape, strides = graph.shape(node.input[0]), list(given.get("strides", (1, 1)))
    if len(shape) != 4 or len(kernel) != 2:
        raise InputError(f"{node.op_type} on a value of {list(shape)} is not supported")
    pads = _pads(given, shape[2:], kernel, strides, dilation)
    if pads[:2] == pads[2:]:
        return node.input[0], pads[:2]
    if fill is None:
        raise InputError(f"{node.op_type} with padding {pads} is not supported")
    name = f"{node.output[0]}/padded"
    _add_pad(graph, node.input[0], name, [pads[1], pads[3], pads[0], pads[2]], "constant", fill)
    return name, [0, 0]


def _pads(
    given: Attributes,
    sides: tuple[int, ...],
    kernel: list[int],
    strides: list[int],
    dilation: list[int],
) -> list[int]:
    """Return the padding: top, left, bottom, right."""
    mode = given.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        return list(given.get("pads", (0, 0, 0, 0)))
    if mode == "VALID":
        return [0, 0, 0, 0]
    first, last = [], []
    for side, size, stride, step in zip(sides, kernel, strides, dilation, strict=True):
        reach = (size - 1) * step + 1
        total = max(0, (-(-side // stride) - 1) * stride + reach - side)
        small, large = total // 2, total - total // 2
        first.append(small if mode == "SAME_UPPER" else large)
        last.append(large if mode == "SAME_UPPER" else small)
    return first + last


def _pad(graph: Builder, node: NodeProto, given: Attributes) -> None:
    rank = len(graph.shape(node.input[0]))
    if len(node.input) > 3 and node.input[3]:
        raise InputError("Pad with axes is not supported")
    stored = graph.constant(node.input[1]) if len(node.input) > 1 else np.array(given["pads"])
    pads, mode = [int(one) for one in stored], given.get("mode", "constant")
    fill = float(given.get("value", 0.0))
    if len(node.input) > 2 and node.input[2]:
        fill = float(graph.constant(node.input[2]).item())
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}
    if rank != 4 or len(pads) != 8 or any(pads[i] for i in (0, 1, 4, 5)) or mode not in modes:
        raise InputError(f"Pad by {pads} with mode {mode!r} is not supported")
    ends = [pads[3], pads[7], pads[2], pads[6]]
    _add_pad(graph, node.input[0], node.output[0], ends, modes[mode], fill)


def _add_pad(
    graph: Builder, source: str, output: str, ends: list[int], mode: str, fill: float
) -> None:
    args: Attributes = {"pads": ends, "mode": mode}
    graph.add("pad", (source,), output, args if fill == _NEVER else args | {"value": fill})


def _new_shape(graph: Builder, node: NodeProto, given: Attributes) -> None:
    """Translate Reshape, Flatten, Squeeze and Unsqueeze: each keeps the first axis."""
    shape = graph.shape(node.input[0])
    new = _shape_after(graph, node, given, shape)
    if new[0] != 1:
        raise InputError(
            f"{node.op_type} from {list(shape)} to {list(new)} is not supported; it must keep the "
            "first axis"
        )
    graph.add("reshape", node.input[:1], node.output[0], {"shape": list(new[1:])})


def _shape_after(
    graph: Builder, node: NodeProto, given: Attributes, shape: tuple[int, ...]
) -> tuple[int, ...]:
    example = np.broadcast_to(np.zeros((), np.bool_), shape)  # no memory of its own
    if node.op_type == "Flatten":
        axis = given.get("axis", 1) % (len(shape) + 1)
        return (int(np.prod(shape[:axis])), int(np.prod(shape[axis:])))
    if node.op_type == "Squeeze":
        named = axes(graph, node, given)
        return tuple(example.squeeze(None if named is None else tuple(named)).shape)
    if node.op_type == "Unsqueeze":
        return tuple(np.expand_dims(example, tuple(axes(graph, node, given) or ())).shape)
    wanted = [int(side) for side in graph.constant(node.input[1])]
    if not given.get("allowzero", 0):
        wanted = [shape[i] if side == 0 else side for i, side in enumerate(wanted)]
    known = int(np.prod([side for side in wanted if side >= 0]))
    return tuple(example.size // max(1, known) if side < 0 else side for side in wanted)


MAP_OPERATORS: dict[str, Translate] = {
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _avg_pool,
    "Pad": _pad,
    "Reshape": _new_shape,
    "Flatten": _new_shape,
    "Squeeze": _new_shape,
    "Unsqueeze": _new_shape,
}
"""Translations by ONNX operator."""
