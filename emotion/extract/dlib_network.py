"""Conversion of dlib's face recognition network to ONNX, without dlib.

Only the one-time conversion imports this module. The same input gives the same bytes. This was
checked with onnx 1.17 and 1.23, numpy 1.26 and 2.4, protobuf 6.33 and 7.36, with and without AVX.

dlib writes the layers of a network from the output to the input. Its file has these values:

- integer: one byte, then the value with the low byte first. The low half of the first byte is the
  number of bytes that follow. Its top bit is the sign.
- string: its length as an integer, then its characters.
- float: two integers, the mantissa and the exponent to the base 2.
- tensor: a version, four sizes, then float32 values.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from emotion.errors import InputError

Weights = NDArray[np.float32]
_CHIP_PX = 150  # side of the picture that the network takes
_INPUT_VERSION = 3  # version number of the input layer; all other layers have 1 or 2
# Old enough for every onnxruntime that runs on Python 3.11; the graph needs nothing newer.
_OPSET, _IR_VERSION = 17, 8


@dataclass(frozen=True)
class Conv:
    """A convolution with the affine layer after it (scale and shift) folded in.

    Attributes:
        weight: (filters, channels, height, width) float32.
        bias: (filters,) float32.
        stride: pixels, in both directions.
        padding: pixels, on every side.
    """

    weight: Weights
    bias: Weights
    stride: int
    padding: int


@dataclass(frozen=True)
class FaceNetwork:
    """Layers and weights of the network.

    Attributes:
        mean_rgb: subtracted from every pixel, 0 to 255; the difference is divided by 256.
        stem: the convolution before the max pooling.
        blocks: the two convolutions of each residual block, in order.
        projection: (channels, numbers) float32 matrix that makes the embedding.
    """

    mean_rgb: tuple[float, float, float]
    stem: Conv
    blocks: tuple[tuple[Conv, Conv], ...]
    projection: Weights


def to_onnx(data: bytes) -> bytes:
    """Convert the bytes of dlib's file to those of an ONNX file; see ``read_face_network``."""
    return bytes(build_model(read_face_network(data)).SerializeToString())


def read_face_network(data: bytes) -> FaceNetwork:
    """Read ``dlib_face_recognition_resnet_model_v1.dat``.

    Raises:
        InputError: if it is another network or incomplete.
    """
    reader = ByteReader(data)
    try:
        network = _network(reader)
    except (IndexError, OverflowError, ValueError) as err:
        raise InputError(f"not dlib's face recognition network: {err}") from err
    if reader.at != len(data):
        raise InputError(f"dlib's face recognition network: {len(data) - reader.at} bytes too many")
    return network


def _network(reader: ByteReader) -> FaceNetwork:
    reader.integer()
    reader.expect("loss_metric_2")
    reader.floats(2)  # margin and threshold of the training
    while reader.integer() != _INPUT_VERSION:  # the version of every layer, the outermost first
        pass
    reader.expect("input_rgb_image_sized")
    red, green, blue = reader.floats(3)
    reader.integers(2)  # height and width of the picture
    stem = _conv_affine(reader, first=True)
    _layer(reader, "relu_")
    _layer(reader, "max_pool_2", integers=6)
    blocks = []
    while reader.next_string() == "con_4":
        blocks.append(_block(reader))
    _layer(reader, "avg_pool_2", integers=6)
    return FaceNetwork((red, green, blue), stem, tuple(blocks), _projection(reader))


def _block(reader: ByteReader) -> tuple[Conv, Conv]:
    """Read a residual block; a block that halves the side also has a pooling layer."""
    first = _conv_affine(reader)
    _layer(reader, "relu_")
    second = _conv_affine(reader)
    if reader.next_string() == "avg_pool_2":
        _layer(reader, "avg_pool_2", integers=6)
    _layer(reader, "add_prev_")
    _layer(reader, "relu_")
    return first, second


def _conv_affine(reader: ByteReader, *, first: bool = False) -> Conv:
    reader.expect("con_4")
    params = reader.tensor()
    filters, _, _, stride, _, padding, _ = reader.integers(7)
    shape = reader.integers(5 + 5)[1:5]  # two views of the tensor; each begins with a version
    reader.floats(4)  # learning rates and weight decays of the training
    reader.end_of_layer()
    if first:
        reader.integer()  # number of pictures that the input layer makes of one
    reader.expect("affine_")
    scale, shift = reader.tensor().reshape(2, filters)
    reader.integers(5 + 5 + 1)
    reader.end_of_layer()
    weight = params[:-filters].reshape(shape) * scale[:, None, None, None]
    return Conv(weight, params[-filters:] * scale + shift, stride, padding)


def _layer(reader: ByteReader, name: str, *, integers: int = 0) -> None:
    reader.expect(name)
    reader.integers(integers)
    reader.end_of_layer()


def _projection(reader: ByteReader) -> Weights:
    reader.expect("fc_2")
    outputs, inputs = reader.integers(2)
    matrix = reader.tensor().reshape(inputs, outputs)
    reader.integers(5 + 5 + 1)
    reader.floats(4)
    reader.end_of_layer()
    return matrix


class ByteReader:
    """Reader of dlib's file: a position in its bytes, and one method for each kind of value."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self.at = data, at

    def integer(self) -> int:
        """Read an integer of any size."""
        head = self._data[self.at]
        count = head & 15
        value = int.from_bytes(self._take(1 + count)[1:], "little")
        return -value if head & 128 else value

    def integers(self, count: int) -> list[int]:
        """Read ``count`` integers."""
        return [self.integer() for _ in range(count)]

    def floats(self, count: int) -> list[float]:
        """Read ``count`` floats."""
        return [self.integer() * 2.0 ** self.integer() for _ in range(count)]

    def string(self) -> str:
        """Read a string."""
        return self._take(self.integer()).decode("ascii")

    def next_string(self) -> str:
        """Return the next string without a change of the position."""
        return ByteReader(self._data, self.at).string()

    def expect(self, name: str) -> None:
        """Read the string ``name``; raise ValueError if the next string is another one."""
        actual = self.string()
        if actual != name:
            raise ValueError(f"layer {name!r} was expected at byte {self.at}, {actual!r} is there")

    def tensor(self) -> Weights:
        """Read a tensor as a flat array, (size,) float32."""
        self.integer()  # version
        size = prod(self.integers(4))
        return np.frombuffer(self._take(4 * size), "<f4").astype(np.float32)

    def end_of_layer(self) -> None:
        """Skip three flags and three tensors, which only training uses."""
        self._take(3)
        for _ in range(3):
            self.tensor()

    def _take(self, count: int) -> bytes:
        part = self._data[self.at : self.at + count]
        if not 0 <= count == len(part):
            raise ValueError(f"it ends at byte {len(self._data)}")
        self.at += count
        return part


@dataclass(frozen=True)
class _Maps:
    """Feature maps between two nodes: name, and shape (channels, side, side)."""

    name: str
    channels: int
    side: int


class _Graph:
    """Nodes and constants in the order in which they were added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: int | list[int]) -> str:
        """Append a node and return the name of its output."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [name])
        node.attribute.extend(helper.make_attribute(*each) for each in attributes.items())
        self.nodes.append(node)
        return name

    def constant(self, value: NDArray[np.generic]) -> str:
        """Append a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def build_model(network: FaceNetwork) -> onnx.ModelProto:
    """Build the graph from "chips", (N, 3, 150, 150) float32 RGB 0 to 255, to "rows", (N, 128)."""
    graph = _Graph()
    maps = _Maps("chips", 3, _CHIP_PX)
    maps = _relu(graph, _conv(graph, maps, _on_pixels(network.stem, network.mean_rgb)))
    maps = _step_two(graph, "MaxPool", maps, 3)
    for first, second in network.blocks:
        maps = _residual(graph, maps, first, second)
    flat = graph.add("Flatten", graph.add("GlobalAveragePool", maps.name))
    matrix = graph.constant(network.projection)
    graph.nodes.append(helper.make_node("MatMul", [flat, matrix], ["rows"]))
    size = network.projection.shape[1]
    chips = helper.make_tensor_value_info("chips", TensorProto.FLOAT, ["n", 3, _CHIP_PX, _CHIP_PX])
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", size])
    made = helper.make_graph(graph.nodes, "faces", [chips], [rows], graph.constants)
    opsets = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)


def _on_pixels(stem: Conv, mean_rgb: tuple[float, float, float]) -> Conv:
    """Fold (pixel - mean) / 256 into the first convolution, so that it takes 0 to 255."""
    weight = stem.weight / np.float32(256)
    mean = np.asarray(mean_rgb, np.float32)[None, :, None, None]
    return Conv(weight, stem.bias - (weight * mean).sum((1, 2, 3)), stem.stride, stem.padding)


def _residual(graph: _Graph, before: _Maps, first: Conv, second: Conv) -> _Maps:
    """Add two convolutions and their shortcut; the shortcut has pooling if the side is halved.

    To add maps with different channels or sides, dlib pads the smaller one with zeros.
    """
    inner = _conv(graph, _relu(graph, _conv(graph, before, first)), second)
    shortcut = _step_two(graph, "AveragePool", before, 2) if first.stride == 2 else before
    channels, side = max(inner.channels, shortcut.channels), max(inner.side, shortcut.side)
    inner, shortcut = (_padded(graph, each, channels, side) for each in (inner, shortcut))
    return _relu(graph, _Maps(graph.add("Add", inner.name, shortcut.name), channels, side))


def _conv(graph: _Graph, maps: _Maps, conv: Conv) -> _Maps:
    kernel = conv.weight.shape[2]
    parts = (maps.name, graph.constant(conv.weight), graph.constant(conv.bias))
    sizes = {"kernel_shape": [kernel] * 2, "strides": [conv.stride] * 2, "pads": [conv.padding] * 4}
    side = (maps.side + 2 * conv.padding - kernel) // conv.stride + 1
    return _Maps(graph.add("Conv", *parts, **sizes), conv.weight.shape[0], side)


def _relu(graph: _Graph, maps: _Maps) -> _Maps:
    return _Maps(graph.add("Relu", maps.name), maps.channels, maps.side)


def _step_two(graph: _Graph, operator: str, maps: _Maps, kernel: int) -> _Maps:
    """Add a pooling of stride 2."""
    name = graph.add(operator, maps.name, kernel_shape=[kernel] * 2, strides=[2, 2])
    return _Maps(name, maps.channels, (maps.side - kernel) // 2 + 1)


def _padded(graph: _Graph, maps: _Maps, channels: int, side: int) -> _Maps:
    more_channels, more = channels - maps.channels, side - maps.side
    if not more_channels and not more:
        return maps
    pads = np.array([0, 0, 0, 0, 0, more_channels, more, more], np.int64)
    return _Maps(graph.add("Pad", maps.name, graph.constant(pads)), channels, side)
