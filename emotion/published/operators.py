"""ONNX operators as steps of ``emotion.models.graph``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from emotion.errors import InputError

Array = NDArray[np.generic]
Attributes = dict[str, Any]


class Builder(Protocol):
    """Graph under construction (``emotion.published.translate``)."""

    opset: int

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a value, with 1 as the size of the batch."""

    def constant(self, name: str) -> Array:
        """Return a constant; raise InputError if the value is computed from the input."""

    def is_constant(self, name: str) -> bool:
        """Return True if the value does not depend on the input."""

    def add(
        self, op: str, inputs: Sequence[str], output: str, args: Attributes, **weights: Array
    ) -> None:
        """Append a step that computes ``output``."""

    def alias(self, name: str, output: str) -> None:
        """Give a value a second name."""


Translate = Callable[[Builder, NodeProto, Attributes], None]


def attributes(node: NodeProto) -> Attributes:
    """Return the attributes of a node by name; texts as str."""
    values = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}


def _plain(op: str, **numbers: tuple[str, float]) -> Translate:
    """Return the translation of an operator with one input and numbers as attributes.

    Args:
        op: name of the step.
        **numbers: name and default of the attribute for each argument of the step.
    """

    def translate(graph: Builder, node: NodeProto, given: Attributes) -> None:
        args = {arg: float(given.get(name, default)) for arg, (name, default) in numbers.items()}
        graph.add(op, node.input[:1], node.output[0], args)

    return translate


def _same(graph: Builder, node: NodeProto, given: Attributes) -> None:
    """Translate an operator that changes nothing in scoring."""
    graph.alias(node.input[0], node.output[0])


def _cast(graph: Builder, node: NodeProto, given: Attributes) -> None:
    if given["to"] != helper.np_dtype_to_tensor_dtype(np.dtype(np.float32)):
        raise InputError("Cast to another type than float32 is not supported")
    graph.alias(node.input[0], node.output[0])


def _arithmetic(operation: str) -> Translate:
    def translate(graph: Builder, node: NodeProto, given: Attributes) -> None:
        if len(node.input) != 2:
            raise InputError(f"{node.op_type} has {len(node.input)} inputs; supported are 2")
        left, right = node.input
        if not graph.is_constant(left) and not graph.is_constant(right):
            graph.add("arithmetic", (left, right), node.output[0], {"operation": operation})
            return
        first = graph.is_constant(left)
        value = graph.constant(left if first else right)
        args = {"operation": operation, "shape": list(value.shape), "first": first}
        graph.add("with_constant", (right if first else left,), node.output[0], args, value=value)

    return translate


def _matmul(graph: Builder, node: NodeProto, given: Attributes) -> None:
    left, right = node.input
    if graph.is_constant(right) and graph.constant(right).ndim == 2:
        weight = graph.constant(right).T
        args = {"in_features": weight.shape[1], "out_features": weight.shape[0], "bias": False}
        graph.add("linear", (left,), node.output[0], args, weight=weight)
        return
    _arithmetic("matmul")(graph, node, given)


def _gemm(graph: Builder, node: NodeProto, given: Attributes) -> None:
    if given.get("transA", 0):
        raise InputError("Gemm with transA is not supported")
    weight = graph.constant(node.input[1]).astype(np.float32) * np.float32(given.get("alpha", 1.0))
    weight = weight if given.get("transB", 0) else weight.T
    args = {"in_features": weight.shape[1], "out_features": weight.shape[0], "bias": False}
    if len(node.input) < 3 or not node.input[2]:
        graph.add("linear", node.input[:1], node.output[0], args, weight=weight)
        return
    bias = graph.constant(node.input[2]).astype(np.float32) * np.float32(given.get("beta", 1.0))
    bias = np.broadcast_to(bias, (1, weight.shape[0]))[0]
    args["bias"] = True
    graph.add("linear", node.input[:1], node.output[0], args, weight=weight, bias=bias)


def _batch_norm(graph: Builder, node: NodeProto, given: Attributes) -> None:
    if given.get("training_mode", 0) or not given.get("spatial", 1):
        raise InputError("BatchNormalization in training or per pixel is not supported")
    scale, shift, mean, variance = (graph.constant(name) for name in node.input[1:5])
    is_map = len(graph.shape(node.input[0])) == 4
    args = {"num_features": len(scale), "eps": float(given.get("epsilon", 1e-5))}
    graph.add(
        "batch_norm" if is_map else "batch_norm_1d", node.input[:1], node.output[0], args,
        weight=scale, bias=shift, running_mean=mean, running_var=variance,
        num_batches_tracked=np.array(0),
    )  # fmt: skip


def _prelu(graph: Builder, node: NodeProto, given: Attributes) -> None:
    shape, slope = graph.shape(node.input[0]), graph.constant(node.input[1])
    channels = (shape[1], *[1] * (len(shape) - 2))
    if slope.size != 1 and np.broadcast_shapes(slope.shape, channels)[-len(channels) :] != channels:
        raise InputError(f"PRelu with slopes of {list(slope.shape)} is not supported")
    if slope.size not in (1, shape[1]):
        raise InputError(f"PRelu with slopes of {list(slope.shape)} is not supported")
    args = {"num_parameters": slope.size}
    graph.add("prelu", node.input[:1], node.output[0], args, weight=slope.reshape(-1))


def _clip(graph: Builder, node: NodeProto, given: Attributes) -> None:
    bounds = {"low": given.get("min"), "high": given.get("max")}
    for name, value in zip(("low", "high"), node.input[1:3], strict=False):
        bounds[name] = float(graph.constant(value).item()) if value else None
    args = {k: float(v) for k, v in bounds.items() if v is not None and abs(v) < 3e38}
    graph.add("clip", node.input[:1], node.output[0], args)


def _softmax(graph: Builder, node: NodeProto, given: Attributes) -> None:
    shape = graph.shape(node.input[0])
    axis = given.get("axis", 1 if graph.opset < 13 else -1) % len(shape)
    if axis == 0 or (graph.opset < 13 and max((1, *shape[axis + 1 :])) > 1):
        raise InputError(f"Softmax over axis {axis} of {list(shape)} is not supported")
    graph.add("softmax", node.input[:1], node.output[0], {"dim": axis})


def axes(graph: Builder, node: NodeProto, given: Attributes) -> list[int] | None:
    """Return the attribute or second input ``axes`` of a node; None if it has none."""
    if "axes" in given:
        return [int(axis) for axis in given["axes"]]
    if len(node.input) > 1 and node.input[1]:
        return [int(axis) for axis in graph.constant(node.input[1])]
    return None


def _mean(graph: Builder, node: NodeProto, given: Attributes) -> None:
    rank, named = len(graph.shape(node.input[0])), axes(graph, node, given)
    dims = sorted(axis % rank for axis in (named or []))
    if not dims or 0 in dims:
        raise InputError(f"ReduceMean over axes {named} is not supported; it must keep the first")
    args = {"dims": dims, "keepdim": bool(given.get("keepdims", 1))}
    graph.add("mean", node.input[:1], node.output[0], args)


def _global_mean(graph: Builder, node: NodeProto, given: Attributes) -> None:
    dims = list(range(2, len(graph.shape(node.input[0]))))
    graph.add("mean", node.input[:1], node.output[0], {"dims": dims, "keepdim": True})


def _transpose(graph: Builder, node: NodeProto, given: Attributes) -> None:
    dims = list(given.get("perm", reversed(range(len(graph.shape(node.input[0]))))))
    if dims[0] != 0:
        raise InputError(f"Transpose to axes {dims} is not supported; the first axis must stay")
    graph.add("permute", node.input[:1], node.output[0], {"dims": dims})


def _concat(graph: Builder, node: NodeProto, given: Attributes) -> None:
    axis = given["axis"] % len(graph.shape(node.input[0]))
    if axis == 0:
        raise InputError("Concat along the first axis is not supported")
    graph.add("concat", node.input, node.output[0], {"dim": axis})


OPERATORS: dict[str, Translate] = {
    "Add": _arithmetic("add"),
    "Sub": _arithmetic("sub"),
    "Mul": _arithmetic("mul"),
    "Div": _arithmetic("div"),
    "Sum": _arithmetic("add"),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "BatchNormalization": _batch_norm,
    "Relu": _plain("relu"),
    "LeakyRelu": _plain("leaky_relu", negative_slope=("alpha", 0.01)),
    "Elu": _plain("elu", alpha=("alpha", 1.0)),
    "HardSigmoid": _plain("hard_sigmoid", alpha=("alpha", 0.2), beta=("beta", 0.5)),
    "HardSwish": _plain("hard_swish"),
    "Sigmoid": _plain("sigmoid"),
    "Tanh": _plain("tanh"),
    "PRelu": _prelu,
    "Clip": _clip,
    "Softmax": _softmax,
    "ReduceMean": _mean,
    "GlobalAveragePool": _global_mean,
    "Transpose": _transpose,
    "Concat": _concat,
    "Cast": _cast,
    "Dropout": _same,
    "Identity": _same,
}
"""Translations by ONNX operator; ``emotion.published.map_operators`` has those on maps."""
