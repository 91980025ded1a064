"""An ONNX graph as the steps and weights of ``emotion.models.graph``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto
from torch import Tensor

from emotion.errors import InputError
from emotion.models.graph import Step
from emotion.published.folding import FOLDABLE, MAX_FOLDED, constant_value, fold, shape_value
from emotion.published.map_operators import MAP_OPERATORS
from emotion.published.onnx_source import check_rules, opset, weights
from emotion.published.operators import OPERATORS, Attributes, attributes

Array = NDArray[np.generic]

SUPPORTED = OPERATORS | MAP_OPERATORS
"""Translations of all supported operators by name; Constant and Shape become constants."""

MAX_VALUES = 64 * 2**20
"""Largest number of values that one step may make of one face."""


@dataclass(frozen=True)
class Network:
    """Steps and weights of an ONNX graph.

    Attributes:
        steps: steps in order; the last one makes the output.
        weights: weights by name, ``steps.N.weight`` and so on.
        output_shape: shape of the output for one face, without the batch.
    """

    steps: list[Step]
    weights: dict[str, Tensor] = field(repr=False)
    output_shape: tuple[int, ...]


def input_shape(model: ModelProto) -> tuple[int | None, ...]:
    """Return the shape of the only input without the batch; None is a size that is not fixed.

    Raises:
        InputError: if there are several inputs, or it is not a picture of float32.
    """
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in stored]
    if len(inputs) != 1:
        raise InputError(f"it has {len(inputs)} inputs; it must have one, the picture of a face")
    tensor = inputs[0].type.tensor_type
    shape = tuple(side.dim_value or None for side in tensor.shape.dim)
    if tensor.elem_type != TensorProto.FLOAT or len(shape) != 4:
        raise InputError(
            f"its input {inputs[0].name!r} is not a float32 picture (batch, channels, height, "
            f"width), but has type {tensor.elem_type} and shape {list(shape)}"
        )
    return shape[1:]


def output_name(model: ModelProto, wanted: str | None = None) -> str:
    """Return the name of the output: the only one, or ``wanted``.

    Raises:
        InputError: if there are several outputs and none is wanted, or none has the wanted name.
    """
    names = [one.name for one in model.graph.output]
    if wanted is None and len(names) == 1:
        return str(names[0])
    if wanted not in names:
        raise InputError(f"its outputs are {', '.join(names)}; name one of them with --output")
    return str(wanted)


def translate(
    model: ModelProto, shape: tuple[int, int, int], output: str, *, nhwc: bool = False
) -> Network:
    """Return the steps and weights that compute ``output``; nodes that it does not need are left.

    Args:
        model: the checked model (``emotion.published.onnx_source``).
        shape: channels, height and width of the input.
        output: name of the output.
        nhwc: True if the file's input has its channels last; the network's has them first.

    Raises:
        InputError: on an operator, or a use of one, that is not supported.
    """
    graph = model.graph
    nodes = needed_nodes(graph, output)
    unknown = sorted({_full_name(node) for node in nodes if not _is_supported(node)})
    if unknown:
        raise InputError(
            f"operator {', '.join(unknown)} is not supported; supported are "
            f"{', '.join(sorted({*SUPPORTED, *FOLDABLE, 'Constant', 'Shape'}))}"
        )
    check_rules(model)
    stored = {tensor.name for tensor in graph.initializer}
    name = next(one.name for one in graph.input if one.name not in stored)
    builder = _Builder(opset(model), name, shape, weights(graph))
    if nhwc:
        builder.add("permute", (name,), name, {"dims": [0, 2, 3, 1]})
    for node in nodes:
        builder.translate(node)
    if builder.is_constant(output) or len(builder.steps) == nhwc:
        raise InputError(f"its output {output!r} does not depend on the picture")
    return Network(builder.steps, builder.weights, builder.shape(output)[1:])


def needed_nodes(graph: GraphProto, output: str) -> list[NodeProto]:
    """Return the nodes that ``output`` needs, in order."""
    needed, nodes = {output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            nodes.append(node)
    return nodes[::-1]


def _full_name(node: NodeProto) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type


def _is_supported(node: NodeProto) -> bool:
    known = node.op_type in SUPPORTED or node.op_type in (*FOLDABLE, "Constant", "Shape")
    return known and node.domain in ("", "ai.onnx")


class _Builder:
    """Graph under construction; see ``emotion.published.operators.Builder``.

    Each step runs once on tensors without memory, so that shapes are known and limited.
    """

    def __init__(
        self, version: int, name: str, shape: tuple[int, ...], constants: dict[str, Array]
    ) -> None:
        self.opset = version
        self.steps: list[Step] = []
        self.weights: dict[str, Tensor] = {}
        self._constants = constants
        self._left = MAX_FOLDED
        self._values = {name: 0}
        self._metas = [torch.empty((1, *shape), device="meta")]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a value, with 1 as the size of the batch."""
        if name in self._constants:
            return self._constants[name].shape
        return tuple(self._metas[self._values[name]].shape)

    def constant(self, name: str) -> Array:
        """Return a constant; raise InputError if the value is computed from the input."""
        if name not in self._constants:
            raise InputError(f"{name!r} must be a constant, but depends on the picture")
        return self._constants[name]

    def is_constant(self, name: str) -> bool:
        """Return True if the value does not depend on the input."""
        return name in self._constants

    def alias(self, name: str, output: str) -> None:
        """Give a value a second name."""
        self._values[output] = self._values[name]

    def translate(self, node: NodeProto) -> None:
        """Add the steps of a node, or its result if its inputs are constants.

        Raises:
            InputError: if this use of the operator is not supported; the message names the node.
        """
        given = attributes(node)
        try:
            if node.op_type == "Constant":
                self._constants[node.output[0]] = constant_value(node)
            elif node.op_type == "Shape":
                shape = self.shape(node.input[0])
                self._constants[node.output[0]] = shape_value(node, shape, given)
            elif all(name in self._constants for name in node.input if name):
                self._fold(node)
            elif node.op_type in SUPPORTED:
                SUPPORTED[node.op_type](self, node, given)
            else:
                raise InputError(f"{node.op_type} of values that depend on the picture")
        except InputError as err:
            raise InputError(f"node {node.op_type} {node.name or node.output[0]!r}: {err}") from err

    def _fold(self, node: NodeProto) -> None:
        if node.op_type not in FOLDABLE:
            raise InputError(f"{node.op_type} of constants only is not supported")
        inputs = [self._constants[name] if name else None for name in node.input]
        result = fold(node, inputs, opset=self.opset, left=self._left)
        self._left -= result.size
        self._constants[node.output[0]] = result

    def add(
        self, op: str, inputs: Sequence[str], output: str, args: Attributes, **weights: Array
    ) -> None:
        """Append a step that computes ``output`` from values, with its weights.

        Raises:
            InputError: if the step cannot be computed, or makes too many values.
        """
        if op == "with_constant" and self._becomes_bias(inputs[0], output, args, weights["value"]):
            return
        step = Step(op, tuple(self._values[name] for name in inputs), args)
        self._metas.append(self._run(step))
        self._values[output] = len(self._metas) - 1
        for name, value in weights.items():
            self.weights[f"steps.{len(self.steps)}.{name}"] = _tensor(value)
        self.steps.append(step)

    def _run(self, step: Step) -> Tensor:
        with torch.device("meta"):
            module = step.build().eval()
        try:
            result: Tensor = module(*(self._metas[index] for index in step.inputs))
        except (RuntimeError, ValueError, IndexError, TypeError) as err:
            raise InputError(f"it does not fit its inputs: {' '.join(str(err).split())}") from err
        if result.ndim < 2 or result.shape[0] != 1:
            raise InputError(f"it makes {list(result.shape)}; the first axis must be the batch")
        if prod(result.shape) > MAX_VALUES:
            raise InputError(f"it makes {prod(result.shape):,} values; the limit is {MAX_VALUES:,}")
        return result

    def _becomes_bias(self, source: str, output: str, args: Attributes, value: Array) -> bool:
        """Make the constant the bias of the linear step that was added last; return True if so."""
        number = self._values[source] - 1
        if args["operation"] != "add" or number != len(self.steps) - 1 or number < 0:
            return False
        last = self.steps[number]
        if last.op != "linear" or last.args["bias"] or value.size != last.args["out_features"]:
            return False
        if value.shape and value.shape[-1] != value.size:
            return False
        self.steps[number] = Step("linear", last.inputs, last.args | {"bias": True})
        self.weights[f"steps.{number}.bias"] = _tensor(value.reshape(-1))
        self._values[output] = number + 1
        return True


def _tensor(value: Array) -> Tensor:
    """Return weights as float32; counts stay integers."""
    if value.dtype.kind == "f":
        return torch.from_numpy(np.array(value, np.float32))
    if value.dtype.kind == "i" and value.ndim == 0:
        return torch.tensor(int(value))
    raise InputError(f"weights of type {value.dtype} are not supported; export float32")
