"""Small ONNX files for tests, built node by node, and networks exported from torch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import nn

Array = NDArray[Any]


def node(op: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    """Return a node; ``inputs`` are names between spaces."""
    return helper.make_node(op, inputs.split(" "), [output], **attributes)


def onnx_model(
    nodes: Sequence[NodeProto],
    constants: Mapping[str, Any] | None = None,
    *,
    shape: Sequence[int | str] = (1, 3, 6, 6),
    opset: int = 17,
) -> onnx.ModelProto:
    """Return a model from input "x" to output "y", whose shape is inferred."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    made = onnx.shape_inference.infer_shapes(made)
    if made.graph.output[0].type.WhichOneof("value") is None:  # not inferred
        unknown = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
        made.graph.output[0].CopyFrom(unknown)
    return made


def onnx_bytes(
    nodes: Sequence[NodeProto], constants: Mapping[str, Any] | None = None, **options: Any
) -> bytes:
    """Return the bytes of ``onnx_model``."""
    return bytes(onnx_model(nodes, constants, **options).SerializeToString())


def exported(model: nn.Module, shape: tuple[int, int, int], *, opset: int = 17) -> bytes:
    """Return a torch network as ONNX, with any batch, from "x" to "y"."""
    sink: Any = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(), (torch.zeros(1, *shape),), sink, dynamo=False, opset_version=opset,
            input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
        )  # fmt: skip
    return bytes(sink.getvalue())


def pooled_colours(
    weight: Array, bias: Array, *, side: int = 6, layout: str = "nchw", end: str = ""
) -> bytes:
    """Return a network whose logits are linear in the mean colour of the picture.

    Args:
        weight: (K, channels).
        bias: (K,).
        side: of the picture.
        layout: of the input.
        end: operator after the linear layer, such as "Softmax".
    """
    channels = weight.shape[1]
    last = layout == "nhwc"
    axes = [1, 2] if last else [2, 3]
    shape = ["N", side, side, channels] if last else ["N", channels, side, side]
    nodes = [
        node("ReduceMean", "x", "mean", axes=axes, keepdims=0),
        node("Gemm", "mean w b", "linear" if end else "y", transB=1),
    ]
    nodes += [node(end, "linear", "y")] if end else []
    constants = {"w": weight.astype(np.float32), "b": bias.astype(np.float32)}
    return onnx_bytes(nodes, constants, shape=shape)
