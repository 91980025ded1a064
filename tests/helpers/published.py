"""MobileFaceNet as an ONNX file from the shared weights, built node by node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors.numpy
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
SHARED_WEIGHTS = "models/expression/mobilefacenet_fer_fp16.safetensors"
LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
BLOCKS = range(2, 17)
HALVING = (2, 7, 14)

Array = NDArray[np.float32]


def mobilefacenet_onnx(shared: Path, *, norms: bool = False, opset: int = OPSET) -> bytes:
    """Return the network of the shared weights as ONNX, as the publisher's file has it.

    Args:
        shared: folder of shared data.
        norms: True puts a batch norm after each convolution, with other weights and equal answers.
        opset: version of the operators.
    """
    loaded = safetensors.numpy.load_file(shared / SHARED_WEIGHTS)
    graph = _Graph({k: v.astype(np.float32) for k, v in loaded.items()}, norms=norms)
    name = graph.conv("layers.0", "data", stride=2, padding=1)
    name = graph.conv("layers.1", name, padding=1, groups=64)
    for block in BLOCKS:
        before, key = name, f"layers.{block}"
        stride = 2 if block in HALVING else 1
        name = graph.conv(f"{key}.a", name)
        channels = len(graph.weights[f"{key}.b.conv.weight"])
        name = graph.conv(f"{key}.b", name, stride=stride, padding=1, groups=channels)
        name = graph.conv(f"{key}.c", name)
        if block not in HALVING:
            name = graph.node("Add", [before, name])
    name = graph.conv("layers.17", name)
    name = graph.conv("layers.18", name, groups=512)
    name = graph.node("Flatten", [graph.conv("layers.19", name)], axis=1)
    graph.head(name)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "mobilefacenet",
            [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
            [helper.make_tensor_value_info("label", TensorProto.FLOAT, [1, 7])],
            graph.tensors,
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


class _Graph:
    """Nodes and tensors of a growing graph."""

    def __init__(self, weights: dict[str, Array], *, norms: bool) -> None:
        self.weights, self._norms = weights, norms
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def tensor(self, name: str, values: Array) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def conv(
        self, key: str, name: str, *, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> str:
        weight, bias = (self.weights[f"{key}.conv.{one}"] for one in ("weight", "bias"))
        settings: dict[str, Any] = {"strides": [stride] * 2, "pads": [padding] * 4, "group": groups}
        if self._norms:
            name = self._norm(key, name, weight, bias, settings)
        else:
            parts = [self.tensor(f"{key}.w", weight), self.tensor(f"{key}.b", bias)]
            name = self.node("Conv", [name, *parts], **settings)
        slope = self.weights.get(f"{key}.act.weight")
        if slope is None:
            return name
        return self.node("PRelu", [name, self.tensor(f"{key}.slope", slope[:, None, None])])

    def _norm(
        self, key: str, name: str, weight: Array, bias: Array, settings: dict[str, Any]
    ) -> str:
        """Add a convolution without bias and a batch norm that together equal weight and bias."""
        scale, variance = self._random.uniform(0.5, 2, (2, len(bias))).astype(np.float32)
        mean = self._random.normal(size=len(bias)).astype(np.float32)
        factor = scale / np.sqrt(variance + np.float32(1e-3))
        parts = (scale, bias + mean * factor, mean, variance)
        plain = self.tensor(f"{key}.w", weight / factor[:, None, None, None])
        name = self.node("Conv", [name, plain], **settings)
        names = [self.tensor(f"{key}.norm{i}", part) for i, part in enumerate(parts)]
        return self.node("BatchNormalization", [name, *names], epsilon=1e-3)

    def head(self, name: str) -> None:
        weight = self.tensor("head.w", self.weights["head.weight"])
        bias = self.tensor("head.b", self.weights["head.bias"])
        node = helper.make_node("Gemm", [name, weight, bias], ["label"], name="head", transB=1)
        self.nodes.append(node)
