"""Conversion of face-api's expression network (TensorFlow.js) to ONNX.

The published files are a manifest (JSON) with name, shape and quantisation of each tensor, and one
file with their bytes. The network is four dense blocks of depthwise separable convolutions, a mean
over the 7 x 7 map, and a linear layer (the public source of ``@vladmandic/face-api``, classes
FaceFeatureExtractor and FaceExpressionNet).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from emotion.errors import InputError

Weights = NDArray[np.float32]

SIDE_PX = 112
NUM_LABELS = 7
_WIDTHS = (32, 64, 128, 256)
_OPSET, _IR_VERSION = 17, 8
_MAX_MANIFEST_BYTES = 2**20


@dataclass(frozen=True)
class TensorFacts:
    """One tensor of the manifest.

    Attributes:
        name: its name, such as "dense0/conv1/bias".
        shape: its sizes.
        scale: factor of its bytes; None: it is stored as float32.
        least: value of byte 0.
    """

    name: str
    shape: tuple[int, ...]
    scale: float | None = None
    least: float = 0.0

    @property
    def num_bytes(self) -> int:
        """Number of bytes that it has in the file."""
        return math.prod(self.shape) * (4 if self.scale is None else 1)


def read_manifest(text: bytes) -> tuple[list[TensorFacts], list[str]]:
    """Return the tensors of a manifest in the order of their bytes, and the names of the files.

    Raises:
        InputError: if it is no such manifest.
    """
    if len(text) > _MAX_MANIFEST_BYTES:
        raise InputError(f"the manifest has {len(text):,} bytes; the limit is 1,048,576")
    try:
        groups = json.loads(text)
        if not isinstance(groups, list) or not groups:
            raise ValueError("it is no list")
        facts = [_facts(one) for group in groups for one in group["weights"]]
        return facts, [str(path) for group in groups for path in group["paths"]]
    except (ValueError, TypeError, LookupError, AttributeError) as err:
        raise InputError(f"it is no manifest of TensorFlow.js weights: {err}") from err


def _facts(entry: Mapping[str, Any]) -> TensorFacts:
    shape = tuple(int(side) for side in entry["shape"])
    quantised = entry.get("quantization")
    if entry["dtype"] != "float32" or (quantised and quantised["dtype"] != "uint8"):
        raise ValueError(f"tensor {entry['name']} is neither float32 nor uint8 of it")
    if not quantised:
        return TensorFacts(str(entry["name"]), shape)
    return TensorFacts(
        str(entry["name"]), shape, float(quantised["scale"]), float(quantised["min"])
    )


def read_weights(facts: Sequence[TensorFacts], data: bytes) -> dict[str, Weights]:
    """Return the tensors by name: a byte b is the number ``scale * b + least``.

    Raises:
        InputError: if the tensors are not those of the network, or the bytes do not fit them.
    """
    _check_shapes(facts)
    total = sum(one.num_bytes for one in facts)
    if len(data) != total:
        raise InputError(
            f"the weights have {len(data):,} bytes, the manifest needs {total:,}; download them "
            "again"
        )
    weights, at = {}, 0
    for one in facts:
        part = data[at : at + one.num_bytes]
        at += one.num_bytes
        if one.scale is None:
            values = np.frombuffer(part, "<f4").astype(np.float32)
        else:
            values = np.frombuffer(part, np.uint8) * np.float32(one.scale) + np.float32(one.least)
        weights[one.name] = values.astype(np.float32).reshape(one.shape)
    return weights


def _check_shapes(facts: Sequence[TensorFacts]) -> None:
    given, needed = {one.name: one.shape for one in facts}, _needed_shapes()
    for name in sorted(given.keys() | needed.keys()):
        if given.get(name) != needed.get(name):
            raise InputError(
                f"the manifest has {name} {given.get(name)}, face-api's expression network has "
                f"{needed.get(name)}"
            )


def _needed_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    inside = 3
    for block, width in enumerate(_WIDTHS):
        for conv in range(4):
            name = f"dense{block}/conv{conv}"
            if block == conv == 0:
                shapes[f"{name}/filters"] = (3, 3, inside, width)
            else:
                shapes[f"{name}/depthwise_filter"] = (3, 3, inside, 1)
                shapes[f"{name}/pointwise_filter"] = (1, 1, inside, width)
            shapes[f"{name}/bias"] = (width,)
            inside = width
    return shapes | {"fc/weights": (_WIDTHS[-1], NUM_LABELS), "fc/bias": (NUM_LABELS,)}


def face_api_onnx(weights: Mapping[str, Weights]) -> bytes:
    """Return the network as the bytes of an ONNX file: (N, 3, 112, 112) to (N, 7) logits."""
    graph = _Graph(weights)
    value = "picture"
    for block in range(len(_WIDTHS)):
        value = graph.dense_block(value, f"dense{block}")
    value = graph.add("Flatten", [graph.add("GlobalAveragePool", [value], "mean")], "features")
    graph.add("Gemm", [value, "fc/weights", "fc/bias"], "logits")
    made = helper.make_graph(
        graph.nodes,
        "face_expression",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", NUM_LABELS])],
        [numpy_helper.from_array(_as_onnx(name, one), name) for name, one in weights.items()],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())


def _as_onnx(name: str, value: Weights) -> Weights:
    """Return a filter with its axes in ONNX's order; TensorFlow has (height, width, in, out)."""
    if name.endswith("depthwise_filter"):  # (height, width, channels, 1)
        return np.ascontiguousarray(value.transpose(2, 3, 0, 1))
    if value.ndim == 4:
        return np.ascontiguousarray(value.transpose(3, 2, 0, 1))
    return value


class _Graph:
    """Nodes in the order in which they were added."""

    def __init__(self, weights: Mapping[str, Weights]) -> None:
        self.nodes: list[NodeProto] = []
        self._weights = weights

    def add(self, operator: str, inputs: list[str], output: str, **given: Any) -> str:
        """Append a node and return the name of its output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], **given))
        return output

    def dense_block(self, source: str, name: str) -> str:
        """Add a block of four convolutions; each reads the sum of the results before it."""
        total = self._relu(self._conv(source, f"{name}/conv0", stride=2))
        source = total
        for number in (1, 2, 3):
            part = self._conv(source, f"{name}/conv{number}", stride=1)
            total = self.add("Add", [total, part], f"{part}/sum")
            source = self._relu(total)
        return source

    def _relu(self, source: str) -> str:
        return self.add("Relu", [source], f"{source}/relu")

    def _conv(self, source: str, name: str, *, stride: int) -> str:
        """Add a convolution with TensorFlow's padding "same", plain or depthwise separable."""
        same = {"auto_pad": "SAME_UPPER", "strides": [stride] * 2}
        if f"{name}/filters" in self._weights:
            return self.add("Conv", [source, f"{name}/filters", f"{name}/bias"], name, **same)
        filters = f"{name}/depthwise_filter"
        channels = self._weights[filters].shape[2]
        each = self.add("Conv", [source, filters], f"{name}/each", group=channels, **same)
        return self.add("Conv", [each, f"{name}/pointwise_filter", f"{name}/bias"], name)
