"""ONNX file of a network from outside, read with limits; nothing of it is executed here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from emotion.errors import InputError

MAX_FILE_BYTES = 512 * 2**20
"""Largest file. EfficientNet-B0 has 16 MB, VGG-Face about 550 MB."""

MAX_TENSOR_BYTES = 256 * 2**20
"""Largest tensor, as its header declares it."""

MAX_NODES = 2_000
OPSETS = range(7, 27)
"""Versions of ONNX's operators whose meaning ``emotion.published.operators`` knows."""

_DOMAINS = ("", "ai.onnx")


def read_onnx(data: bytes) -> ModelProto:
    """Parse the bytes of an ONNX file and check its limits.

    Raises:
        InputError: if it is no ONNX file or cut short; above a limit; or has external data, nested
            graphs, functions or sparse tensors.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"it has {len(data):,} bytes; the limit is {MAX_FILE_BYTES:,}")
    if data.lstrip()[:1] == b"<":
        raise InputError("it is a web page, not a model; the download was answered with a page")
    try:
        model: ModelProto = ModelProto.FromString(data)
    except DecodeError:
        raise InputError(
            f"it is no ONNX file, or was cut short at {len(data):,} bytes; download it again"
        ) from None
    _check(model)
    return model


def opset(model: ModelProto) -> int:
    """Return the version of ONNX's own operators that the file uses; 0 if it names none."""
    return max((one.version for one in model.opset_import if one.domain in _DOMAINS), default=0)


def weights(graph: GraphProto) -> dict[str, NDArray[np.generic]]:
    """Return the stored tensors of a graph by name."""
    return {tensor.name: as_array(tensor) for tensor in graph.initializer}


def as_array(tensor: TensorProto) -> NDArray[np.generic]:
    """Return a stored tensor as an array.

    Raises:
        InputError: if its data does not fit its header.
    """
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, LookupError) as err:
        raise InputError(
            f"tensor {tensor.name!r} does not hold the {list(tensor.dims)} values of its header; "
            "the file was cut short or damaged"
        ) from err


def _check(model: ModelProto) -> None:
    graph = model.graph
    if not graph.node:
        raise InputError("it is no ONNX file, or one without a network")
    if len(graph.node) > MAX_NODES:
        raise InputError(f"it has {len(graph.node):,} nodes; the limit is {MAX_NODES:,}")
    if model.functions:
        raise InputError("it defines functions of its own; export it with plain operators")
    if graph.sparse_initializer:
        raise InputError("it has sparse tensors; export it with plain ones")
    for tensor in (*graph.initializer, *_attribute_tensors(graph.node)):
        _check_tensor(tensor)
    if opset(model) not in OPSETS:
        raise InputError(
            f"it uses version {opset(model)} of ONNX's operators; supported are "
            f"{OPSETS.start} to {OPSETS.stop - 1}"
        )


def check_rules(model: ModelProto) -> None:
    """Check a model against the rules of ONNX: order of the nodes, inputs, attributes.

    Raises:
        InputError: if it breaks one.
    """
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as err:
        why = " ".join(str(err).split())[:200]
        raise InputError(f"it breaks the rules of ONNX: {why}") from err


def _attribute_tensors(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
                raise InputError(f"node {node.op_type} has a nested graph; export it without one")
            if attribute.type in (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS):
                raise InputError(f"node {node.op_type} has a sparse tensor; export a plain one")
            yield from (
                (attribute.t, *attribute.tensors)
                if attribute.HasField("t")
                else (attribute.tensors)
            )


def _check_tensor(tensor: TensorProto) -> None:
    """Check the header of a tensor before its data is read."""
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise InputError(
            f"tensor {tensor.name!r} is stored in another file; export one file with all weights"
        )
    if any(side < 0 for side in tensor.dims):
        raise InputError(f"tensor {tensor.name!r} has a negative size in {list(tensor.dims)}")
    size = math.prod(tensor.dims) * _item_bytes(tensor)
    if size > MAX_TENSOR_BYTES:
        raise InputError(
            f"tensor {tensor.name!r} of {list(tensor.dims)} has {size:,} bytes; the limit is "
            f"{MAX_TENSOR_BYTES:,}"
        )


def _item_bytes(tensor: TensorProto) -> int:
    try:
        return int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, ValueError, TypeError) as err:
        raise InputError(f"tensor {tensor.name!r} has the unknown type {tensor.data_type}") from err
