"""dlib's face recognition network as an ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from emotion.extract.dlib_weights import Conv, FaceNetwork

CHIP_PX = 150
"""Side of the picture that the network takes."""
# Old enough for every onnxruntime that runs on Python 3.11; the graph needs nothing newer.
_OPSET, _IR_VERSION = 17, 8


@dataclass(frozen=True)
class _Maps:
    """Feature maps between two nodes: their name, (channels, side, side)."""

    name: str
    channels: int
    side: int


class _Graph:
    """Nodes and constants, as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: int | list[int]) -> str:
        """Append a node; the name of what it gives."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [name])
        node.attribute.extend(helper.make_attribute(*each) for each in attributes.items())
        self.nodes.append(node)
        return name

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def build_model(network: FaceNetwork) -> onnx.ModelProto:
    """The graph: "chips", (N, 3, 150, 150) float32 RGB 0 to 255, in; "rows", (N, 128), out."""
    graph = _Graph()
    maps = _Maps("chips", 3, CHIP_PX)
    maps = _relu(graph, _conv(graph, maps, _on_pixels(network.stem, network.mean_rgb)))
    maps = _pool(graph, "MaxPool", maps, 3)
    for first, second in network.blocks:
        maps = _block(graph, maps, first, second)
    flat = graph.add("Flatten", graph.add("GlobalAveragePool", maps.name))
    graph.nodes.append(
        helper.make_node("MatMul", [flat, graph.constant(network.projection)], ["rows"])
    )
    chips = helper.make_tensor_value_info("chips", TensorProto.FLOAT, ["n", 3, CHIP_PX, CHIP_PX])
    rows = helper.make_tensor_value_info(
        "rows", TensorProto.FLOAT, ["n", network.projection.shape[1]]
    )
    made = helper.make_graph(graph.nodes, "faces", [chips], [rows], graph.constants)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )


def _on_pixels(stem: Conv, mean_rgb: tuple[float, float, float]) -> Conv:
    """The first convolution, made to take 0 to 255: (pixel - mean) / 256 goes into its weights."""
    weight = stem.weight / np.float32(256)
    mean = np.asarray(mean_rgb, np.float32)[None, :, None, None]
    return Conv(weight, stem.bias - (weight * mean).sum((1, 2, 3)), stem.stride, stem.padding)


def _block(graph: _Graph, before: _Maps, first: Conv, second: Conv) -> _Maps:
    """Two convolutions and the way around them; one that halves the side pools on that way.

    As dlib adds: where one of the two is smaller, in channels or side, zeros stand for the rest.
    """
    inner = _conv(graph, _relu(graph, _conv(graph, before, first)), second)
    around = _pool(graph, "AveragePool", before, 2) if first.stride == 2 else before
    channels, side = max(inner.channels, around.channels), max(inner.side, around.side)
    inner, around = (_padded(graph, each, channels, side) for each in (inner, around))
    return _relu(graph, _Maps(graph.add("Add", inner.name, around.name), channels, side))


def _conv(graph: _Graph, maps: _Maps, conv: Conv) -> _Maps:
    kernel = conv.weight.shape[2]
    name = graph.add(
        "Conv",
        maps.name,
        graph.constant(conv.weight),
        graph.constant(conv.bias),
        kernel_shape=[kernel, kernel],
        strides=[conv.stride] * 2,
        pads=[conv.padding] * 4,
    )
    side = (maps.side + 2 * conv.padding - kernel) // conv.stride + 1
    return _Maps(name, conv.weight.shape[0], side)


def _relu(graph: _Graph, maps: _Maps) -> _Maps:
    return _Maps(graph.add("Relu", maps.name), maps.channels, maps.side)


def _pool(graph: _Graph, operator: str, maps: _Maps, kernel: int) -> _Maps:
    """Pooling in steps of two."""
    name = graph.add(operator, maps.name, kernel_shape=[kernel] * 2, strides=[2, 2])
    return _Maps(name, maps.channels, (maps.side - kernel) // 2 + 1)


def _padded(graph: _Graph, maps: _Maps, channels: int, side: int) -> _Maps:
    if (maps.channels, maps.side) == (channels, side):
        return maps
    more = side - maps.side
    pads = np.array([0, 0, 0, 0, 0, channels - maps.channels, more, more], np.int64)
    return _Maps(graph.add("Pad", maps.name, graph.constant(pads)), channels, side)
