"""Every supported operator against onnxruntime, and the message for every other use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from onnx import NodeProto

from emotion.errors import InputError
from emotion.extract.inference import open_session
from emotion.models.face_frame import FaceFrame
from emotion.models.graph import FaceInput, Graph, graph_text
from emotion.published.onnx_source import read_onnx
from emotion.published.translate import SUPPORTED, translate
from tests.helpers.onnx_files import Array, node, onnx_bytes

_random = np.random.default_rng(0)


def some(*shape: int) -> Array:
    return _random.normal(size=shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


Case = tuple[Sequence[NodeProto], Mapping[str, Any], dict[str, Any]]
W, B = some(4, 3, 3, 3), some(4)
NORM = {"scale": some(3), "shift": some(3), "mean": some(3), "var": np.abs(some(3)) + 0.5}

CASES: dict[str, Case] = {
    "Conv": ([node("Conv", "x w b", "y")], {"w": W, "b": B}, {}),
    "Conv without bias, stride, pads": (
        [node("Conv", "x w", "y", strides=[2, 1], pads=[1, 2, 1, 2])], {"w": W}, {},
    ),
    "Conv with uneven pads": (
        [node("Conv", "x w b", "y", pads=[0, 1, 2, 0])], {"w": W, "b": B}, {},
    ),
    "Conv SAME_UPPER": (
        [node("Conv", "x w b", "y", auto_pad="SAME_UPPER", strides=[2, 2])], {"w": W, "b": B}, {},
    ),
    "Conv SAME_LOWER": (
        [node("Conv", "x w b", "y", auto_pad="SAME_LOWER", strides=[2, 2])], {"w": W, "b": B}, {},
    ),
    "Conv VALID": ([node("Conv", "x w", "y", auto_pad="VALID")], {"w": W}, {}),
    "Conv per channel, dilated": (
        [node("Conv", "x w", "y", group=3, dilations=[2, 2])], {"w": some(3, 1, 3, 3)}, {},
    ),
    "BatchNormalization": (
        [node("BatchNormalization", "x scale shift mean var", "y", epsilon=0.01)], NORM, {},
    ),
    "BatchNormalization of features": (
        [node("ReduceMean", "x", "m", axes=[2, 3], keepdims=0),
         node("BatchNormalization", "m scale shift mean var", "y")], NORM, {},
    ),
    "Relu": ([node("Relu", "x", "y")], {}, {}),
    "LeakyRelu": ([node("LeakyRelu", "x", "y", alpha=0.3)], {}, {}),
    "LeakyRelu by default": ([node("LeakyRelu", "x", "y")], {}, {}),
    "Elu": ([node("Elu", "x", "y", alpha=0.7)], {}, {}),
    "Sigmoid": ([node("Sigmoid", "x", "y")], {}, {}),
    "Tanh": ([node("Tanh", "x", "y")], {}, {}),
    "HardSigmoid": ([node("HardSigmoid", "x", "y", alpha=0.17, beta=0.4)], {}, {}),
    "HardSwish": ([node("HardSwish", "x", "y")], {}, {}),
    "PRelu": ([node("PRelu", "x s", "y")], {"s": some(3, 1, 1)}, {}),
    "PRelu of one slope": ([node("PRelu", "x s", "y")], {"s": some(1)}, {}),
    "Clip": ([node("Clip", "x l h", "y")], {"l": np.float32(-0.2), "h": np.float32(0.6)}, {}),
    "Clip without a low end": ([node("Clip", "x  h", "y")], {"h": np.float32(0.6)}, {}),
    "Clip of version 6": ([node("Clip", "x", "y", min=-0.1, max=0.3)], {}, {"opset": 10}),
    "Softmax": ([node("Softmax", "x", "y", axis=1)], {}, {}),
    "Softmax of version 11": (
        [node("Flatten", "x", "f"), node("Softmax", "f", "y")], {}, {"opset": 11},
    ),
    "Add": ([node("Add", "x c", "y")], {"c": some(3, 1, 1)}, {}),
    "Add of two values": ([node("Relu", "x", "r"), node("Add", "x r", "y")], {}, {}),
    "Sum": ([node("Relu", "x", "r"), node("Sum", "x r", "y")], {}, {}),
    "Sub": ([node("Sub", "x c", "y")], {"c": np.float32(0.5)}, {}),
    "Sub from a constant": ([node("Sub", "c x", "y")], {"c": some(1, 3, 1, 1)}, {}),
    "Mul": ([node("Mul", "x c", "y")], {"c": some(6, 6)}, {}),
    "Div": ([node("Div", "x c", "y")], {"c": np.float32(127.5)}, {}),
    "MaxPool": ([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2])], {}, {}),
    "MaxPool with uneven pads": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")],
        {}, {},
    ),
    "MaxPool, ceiling": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)], {}, {},
    ),
    "AveragePool": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[3, 3], pads=[1, 1, 1, 1])],
        {}, {},
    ),
    "AveragePool with counted, uneven pads": (
        [node("AveragePool", "x", "y", kernel_shape=[2, 2], pads=[0, 0, 1, 1],
              count_include_pad=1)], {}, {},
    ),
    "GlobalAveragePool": ([node("GlobalAveragePool", "x", "y")], {}, {}),
    "ReduceMean": ([node("ReduceMean", "x", "y", axes=[-1, -2], keepdims=0)], {}, {}),
    "ReduceMean of version 18": (
        [node("ReduceMean", "x a", "y")], {"a": ints(2, 3)}, {"opset": 18},
    ),
    "Gemm": (
        [node("Flatten", "x", "f"), node("Gemm", "f w b", "y", alpha=0.5, beta=2.0)],
        {"w": some(108, 5), "b": some(5)}, {},
    ),
    "Gemm, turned, without bias": (
        [node("Flatten", "x", "f"), node("Gemm", "f w", "y", transB=1)], {"w": some(5, 108)}, {},
    ),
    "MatMul and Add": (
        [node("Flatten", "x", "f"), node("MatMul", "f w", "m"), node("Add", "m b", "y")],
        {"w": some(108, 5), "b": some(1, 5)}, {},
    ),
    "MatMul and Add of one number": (
        [node("Flatten", "x", "f"), node("MatMul", "f w", "m"), node("Add", "m b", "y")],
        {"w": some(108, 5), "b": some(1)}, {},
    ),
    "MatMul of two values": (
        [node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t", "y")], {}, {},
    ),
    "Reshape": ([node("Reshape", "x s", "y")], {"s": ints(0, -1, 9)}, {}),
    "Reshape to a fixed batch": ([node("Reshape", "x s", "y")], {"s": ints(1, 108)}, {}),
    "Reshape by Shape": (
        [node("Shape", "x", "s"), node("Gather", "s zero", "n"),
         node("Unsqueeze", "n axes", "u"), node("Concat", "u minus", "c", axis=0),
         node("Reshape", "x c", "y")],
        {"zero": np.array(0, np.int64), "axes": ints(0), "minus": ints(-1)}, {},
    ),
    "Squeeze": ([node("ReduceMean", "x", "m", axes=[2, 3]), node("Squeeze", "m a", "y")],
                {"a": ints(2, 3)}, {}),
    "Unsqueeze": ([node("Unsqueeze", "x a", "y")], {"a": ints(2)}, {}),
    "Unsqueeze of version 11": ([node("Unsqueeze", "x", "y", axes=[4])], {}, {"opset": 11}),
    "Transpose": ([node("Transpose", "x", "y", perm=[0, 2, 3, 1])], {}, {}),
    "Concat": ([node("Relu", "x", "r"), node("Concat", "x r", "y", axis=-3)], {}, {}),
    "Pad": (
        [node("Pad", "x p v", "y")], {"p": ints(0, 0, 1, 2, 0, 0, 3, 0), "v": np.float32(0.7)}, {},
    ),
    "Pad by reflection": (
        [node("Pad", "x p", "y", mode="reflect")], {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}, {},
    ),
    "Pad of version 2": ([node("Pad", "x", "y", pads=[0, 0, 1, 1, 0, 0, 1, 1])], {}, {"opset": 10}),
    "Cast, Identity, Dropout": (
        [node("Cast", "x", "c", to=1), node("Identity", "c", "i"), node("Dropout", "i", "d"),
         node("Relu", "d", "y")], {}, {},
    ),
    "Flatten": ([node("Flatten", "x", "y", axis=1)], {}, {}),
    "computed weights": (
        [node("Transpose", "w", "t", perm=[1, 0]), node("Mul", "t s", "m"),
         node("Flatten", "x", "f"), node("MatMul", "f m", "y")],
        {"w": some(5, 108), "s": some(108, 1)}, {},
    ),
}  # fmt: skip


def as_graph(data: bytes) -> Graph:
    network = translate(read_onnx(data), (3, 6, 6), "y")
    text = graph_text(FaceInput(FaceFrame(6, 0.38, 0.35)), network.steps, features=1)
    graph = Graph(text)
    graph.load_state_dict(network.weights)
    return graph.eval()


@pytest.mark.parametrize("name", CASES)
def test_equals_onnxruntime(name: str) -> None:
    nodes, constants, options = CASES[name]
    data = onnx_bytes(nodes, constants, **options)
    session = open_session(data)
    pictures = some(3, 3, 6, 6)
    expected = np.concatenate([session.run(None, {"x": one[None]})[0] for one in pictures])
    with torch.inference_mode():
        result = as_graph(data).of_frames(torch.from_numpy(pictures)).numpy()
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=2e-6, rtol=2e-6)


def test_every_operator_has_a_case() -> None:
    used = {one.op_type for nodes, _, _ in CASES.values() for one in nodes}
    assert used >= SUPPORTED.keys()


REFUSED: dict[str, tuple[Case, str]] = {
    "unknown": (
        ([node("Relu", "x", "r"), node("Resize", "r  s", "y")], {"s": some(4)}, {}),
        "operator Resize is not supported; supported are Add, AveragePool, BatchNormalization",
    ),
    "of another domain": (
        ([node("Gelu", "x", "y", domain="com.microsoft")], {}, {}),
        "operator com.microsoft.Gelu is not supported",
    ),
    "the batch is moved": (
        ([node("Transpose", "x", "y", perm=[1, 0, 2, 3])], {}, {}), "the first axis must stay",
    ),
    "the batch is joined": (
        ([node("Concat", "x x", "y", axis=0)], {}, {}), "along the first axis",
    ),
    "the batch is lost": (
        ([node("Reshape", "x s", "y")], {"s": ints(3, 36)}, {}),
        r"node Reshape 'y': Reshape from \[1, 3, 6, 6\] to \[3, 36\] is not supported",
    ),
    "a mean over the batch": (
        ([node("ReduceMean", "x", "y", axes=[0, 2])], {}, {}), "it must keep the first",
    ),
    "computed weights": (
        ([node("Relu", "x", "r"), node("Conv", "x r", "y")], {}, {}), "must be a constant",
    ),
    "other channels": (
        ([node("Conv", "x w", "y")], {"w": some(4, 5, 3, 3)}, {}), "does not fit its inputs",
    ),
    "three dimensions": (
        ([node("Conv", "x w", "y")], {"w": some(4, 3, 1, 3, 3)}, {}), "weights of",
    ),
    "huge maps": (
        ([node("Pad", "x p", "y")], {"p": ints(0, 0, 9000, 9000, 0, 0, 9000, 9000)}, {}),
        "values; the limit is 67,108,864",
    ),
    "huge constants": (
        ([node("Gather", "c i", "g"), node("Gather", "g i", "h"), node("Add", "x h", "y")],
         {"c": some(1, 9000), "i": np.zeros(9000, np.int64)}, {}),
        "Gather on constants makes 81,000,000 values",
    ),
    "no picture": (
        ([node("Relu", "c", "r"), node("Identity", "r", "y")], {"c": some(1, 3)}, {}),
        "of constants only is not supported",
    ),
    "Gather of values": (
        ([node("Gather", "x i", "y", axis=1)], {"i": ints(0, 1)}, {}), "depend on the picture",
    ),
    "Softmax over a map, version 11": (
        ([node("Softmax", "x", "y", axis=1)], {}, {"opset": 11}), "Softmax over axis 1",
    ),
    "Cast to integers": (([node("Cast", "x", "y", to=7)], {}, {}), "another type than float32"),
    "version 6": (([node("Relu", "x", "y")], {}, {"opset": 6}), "version 6 of ONNX's operators"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    (nodes, constants, options), says = REFUSED[name]
    with pytest.raises(InputError, match=says):
        translate(read_onnx(onnx_bytes(nodes, constants, **options)), (3, 6, 6), "y")
