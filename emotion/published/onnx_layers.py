"""Layers of an ONNX file in the order of its graph, with batch norms folded; nothing is run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from emotion.errors import InputError

MAX_FILE_BYTES = 64 * 2**20
MAX_NUMBERS = 16 * 2**20
"""Largest number of elements of all tensors of a file together."""

MAX_SHAPE_NUMBERS, MAX_CONCATS = 16, 2
"""Largest number of integers in a tensor, and of nodes Concat: a shape needs no more."""

PASSING = {"Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze"}
"""Operators whose output has the numbers of their first input."""

SHAPES = {"Constant", "Shape", "Gather", "Concat", "Cast"}
"""Operators that compute the shape of a Reshape."""

LAYERS = {"Conv", "Gemm", "MatMul", "BatchNormalization", "PRelu", "Add"}

FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A convolution or a linear layer, with what follows it.

    Attributes:
        weight: (outputs, inputs of a group, height, width) or, of a linear layer, (outputs,
            inputs); float32.
        bias: (outputs,) float32.
        slope: (outputs,) float32: slopes of the PReLU that follows; None if none follows.
        stride, padding, groups: of the convolution.
    """

    weight: Array
    bias: Array
    slope: Array | None = None
    stride: int = 1
    padding: int = 0
    groups: int = 1


def read_graph(data: bytes) -> onnx.GraphProto:
    """Parse an ONNX file and check its size and its operators.

    Raises:
        InputError: if the file is too large or damaged, has tensors in other files or more than
            ``MAX_NUMBERS`` numbers, or has an unknown operator.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"the ONNX file has {len(data):,} bytes; at most {MAX_FILE_BYTES:,}")
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as err:
        raise InputError(f"the ONNX file is damaged or cut short: {err}") from err
    graph: onnx.GraphProto = model.graph
    if not graph.node:
        raise InputError("the ONNX file holds no graph; is it an ONNX file?")
    if len(model.functions):
        raise InputError("the ONNX file has functions of its own; export it without them")
    known = PASSING | SHAPES | LAYERS
    for node in graph.node:
        if node.op_type not in known or node.domain not in ("", "ai.onnx"):
            raise InputError(
                f"the ONNX file has operator {node.op_type!r}, which is not one of "
                f"{', '.join(sorted(known))}"
            )
    if sum(node.op_type == "Concat" for node in graph.node) > MAX_CONCATS:
        raise InputError(f"the ONNX file has more than {MAX_CONCATS} operators 'Concat'")
    _check_tensors(graph)
    return graph


def _check_tensors(graph: onnx.GraphProto) -> None:
    values = [a.t for node in graph.node for a in node.attribute if a.HasField("t")]
    total = 0
    for tensor in [*graph.initializer, *values]:
        if tensor.external_data or tensor.data_location != onnx.TensorProto.DEFAULT:
            raise InputError(f"tensor {tensor.name!r} lies in another file; take one whole file")
        if min(tensor.dims, default=1) < 0:
            raise InputError(f"tensor {tensor.name!r} has shape {tuple(tensor.dims)}")
        count = math.prod(tensor.dims)
        total += count
        if tensor.data_type not in FLOATS and count > MAX_SHAPE_NUMBERS:
            raise InputError(f"tensor {tensor.name!r} must be of type float32 or float16")
        if total > MAX_NUMBERS:
            raise InputError(
                f"tensor {tensor.name!r} has shape {tuple(tensor.dims)}; all tensors together may "
                f"have {MAX_NUMBERS:,} numbers"
            )
    if graph.sparse_initializer:
        raise InputError("the ONNX file has sparse tensors; export it with dense ones")


def read_layers(graph: onnx.GraphProto) -> list[Layer]:
    """Return the convolutions and linear layers of a graph, in its order.

    Batch norms, biases and PReLUs are joined to the layer that they follow. Sums of two layers are
    left out.

    Raises:
        InputError: if a norm, bias or PReLU follows no layer, or a layer is of another kind.
    """
    reader = _Reader(graph)
    for node in graph.node:
        if node.op_type in SHAPES:
            reader.check_shape(node)
        else:
            reader.take(node)
    return reader.layers


class _Reader:
    """Layers so far, and the layer that made each tensor."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.layers: list[Layer] = []
        self._maker: dict[str, int] = {}
        self._constants = {t.name: t for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
                self._constants[node.output[0]] = node.attribute[0].t

    def check_shape(self, node: onnx.NodeProto) -> None:
        """Check that an operator of ``SHAPES`` computes with shapes only, which are small.

        Raises:
            InputError: if it computes with the output of a layer or with weights.
        """
        for name in node.input if node.op_type != "Shape" else ():
            tensor = self._constants.get(name)
            if name in self._maker or (tensor is not None and tensor.data_type in FLOATS):
                raise InputError(f"{node.op_type} {node.name!r} may compute with shapes only")

    def take(self, node: onnx.NodeProto) -> None:
        """Add the layer of a node, or join the node to the layer before it."""
        inputs, kind = list(node.input), node.op_type
        if kind in PASSING:
            if inputs[0] in self._maker:
                self._maker[node.output[0]] = self._maker[inputs[0]]
            elif inputs[0] in self._constants:
                self._constants[node.output[0]] = self._constants[inputs[0]]
        elif kind in ("Conv", "Gemm", "MatMul"):
            layer = self._conv(node) if kind == "Conv" else self._linear(node)
            self._maker[node.output[0]] = len(self.layers)
            self.layers.append(layer)
        elif kind != "Add" or any(name in self._constants for name in inputs):
            self._join(node)

    def _join(self, node: onnx.NodeProto) -> None:
        """Join a norm, a PReLU or the sum with a constant to the layer that made its input."""
        inputs = list(node.input)
        if node.op_type == "Add" and inputs[0] in self._constants:
            inputs.reverse()
        index = self._maker.get(inputs[0])
        if index is None or self.layers[index].slope is not None:
            raise InputError(f"{node.op_type} {node.name!r} follows no convolution or linear layer")
        layer = self.layers[index]
        if node.op_type == "BatchNormalization":
            layer = _folded(layer, [self._vector(n, layer) for n in inputs[1:5]], _values(node))
        elif node.op_type == "PRelu":
            layer = replace(layer, slope=self._vector(inputs[1], layer))
        else:
            layer = replace(layer, bias=layer.bias + self._vector(inputs[1], layer))
        self.layers[index] = layer
        self._maker[node.output[0]] = index

    def _conv(self, node: onnx.NodeProto) -> Layer:
        weight, values = self._array(node.input[1]), _values(node)
        stride = values.get("strides", [1, 1])
        padding = values.get("pads", [0] * 4)
        square = len({*stride}) == len({*padding}) == 1 and weight.ndim == 4
        plain = {*values.get("dilations", [1])} == {1}
        if not square or not plain or values.get("auto_pad", b"NOTSET") != b"NOTSET":
            raise InputError(f"convolution {node.name!r} must have square strides and paddings")
        bias = self._array(node.input[2]) if len(node.input) > 2 else np.zeros(len(weight))
        return Layer(
            weight,
            bias.astype(np.float32),
            stride=stride[0],
            padding=padding[0],
            groups=values.get("group", 1),
        )

    def _linear(self, node: onnx.NodeProto) -> Layer:
        weight, values = self._array(node.input[1]), _values(node)
        if values.get("transA", 0) or values.get("alpha", 1.0) != 1 or values.get("beta", 1.0) != 1:
            raise InputError(f"{node.op_type} {node.name!r} has factors; it must be a plain layer")
        if weight.ndim != 2:
            raise InputError(f"{node.op_type} {node.name!r} has weights of shape {weight.shape}")
        weight = weight if values.get("transB", 0) else np.ascontiguousarray(weight.T)
        layer = Layer(weight, np.zeros(len(weight), np.float32))
        if len(node.input) > 2:
            layer = replace(layer, bias=self._vector(node.input[2], layer))
        return layer

    def _vector(self, name: str, layer: Layer) -> Array:
        """Return a constant with one number per output of a layer, or one for all."""
        values = self._array(name).ravel()
        if len(values) not in (1, len(layer.bias)):
            raise InputError(f"tensor {name!r} has {len(values)} numbers, not {len(layer.bias)}")
        return np.array(np.broadcast_to(values, layer.bias.shape))

    def _array(self, name: str) -> Array:
        if name not in self._constants:
            raise InputError(f"tensor {name!r} is computed; weights must be stored in the file")
        tensor = self._constants[name]
        if tensor.data_type not in FLOATS:
            raise InputError(f"tensor {name!r} must be of type float32 or float16")
        try:
            array = onnx.numpy_helper.to_array(tensor)
        except ValueError as err:
            raise InputError(f"tensor {name!r} has not the numbers of its shape: {err}") from err
        return array.astype(np.float32)


def _values(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _folded(layer: Layer, norm: list[Array], values: dict[str, Any]) -> Layer:
    """Return a layer with the batch norm that follows it: scale, bias, mean and variance."""
    scale, shift, mean, variance = (part.astype(np.float64) for part in norm)
    factor = scale / np.sqrt(variance + values.get("epsilon", 1e-5))
    shape = (-1,) + (1,) * (layer.weight.ndim - 1)
    return replace(
        layer,
        weight=(layer.weight * factor.reshape(shape)).astype(np.float32),
        bias=((layer.bias - mean) * factor + shift).astype(np.float32),
    )
