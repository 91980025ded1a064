"""Constants of an ONNX graph: nodes whose result does not depend on the input."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

from emotion.errors import InputError
from emotion.published.onnx_source import as_array

Array = NDArray[np.generic]

_ELEMENTWISE = ("Add", "Sub", "Mul", "Div")
FOLDABLE = (
    *_ELEMENTWISE, "Cast", "Concat", "Gather", "Identity", "Reshape", "Slice", "Squeeze",
    "Transpose", "Unsqueeze",
)  # fmt: skip
"""Operators that are computed at the import if all their inputs are constants."""

MAX_FOLDED = 64 * 2**20
"""Largest number of values that all folded nodes of a file may make together."""


def constant_value(node: NodeProto) -> Array:
    """Return the value of a node Constant.

    Raises:
        InputError: if it is no tensor or number.
    """
    for one in node.attribute:
        if one.name == "value":
            return as_array(one.t)
        if one.name in ("value_float", "value_floats"):
            return np.array(helper.get_attribute_value(one), np.float32)
        if one.name in ("value_int", "value_ints"):
            return np.array(helper.get_attribute_value(one), np.int64)
    raise InputError("Constant without a number is not supported")


def shape_value(node: NodeProto, shape: Sequence[int], given: dict[str, Any]) -> Array:
    """Return the value of a node Shape of a value of the given shape."""
    return np.array(shape[given.get("start", 0) : given.get("end", len(shape))], np.int64)


def fold(node: NodeProto, inputs: Sequence[Array | None], *, opset: int, left: int) -> Array:
    """Return the result of a node whose inputs are constants.

    Args:
        node: one of ``FOLDABLE``.
        inputs: its inputs; None is an input that is left out.
        opset: version of the operators.
        left: number of values that may still be made.

    Raises:
        InputError: if the result may be larger than ``left``, or cannot be computed.
    """
    size = _largest_size(node, [one for one in inputs if one is not None])
    if size > left:
        raise InputError(f"{node.op_type} on constants makes {size:,} values; {left:,} are left")
    names = [name for name in node.input if name]
    graph = helper.make_graph([node], "constant", [_any(n) for n in names], [_any(node.output[0])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    named = zip(node.input, inputs, strict=True)
    given: dict[str, Any] = {name: one for name, one in named if one is not None}
    try:
        results: Any = ReferenceEvaluator(model).run(None, given)
        return np.asarray(results[0])
    except (ValueError, TypeError, LookupError, RuntimeError, ArithmeticError) as err:
        raise InputError(f"{node.op_type} on constants cannot be computed: {err}") from err


def _any(name: str) -> Any:
    return helper.make_value_info(name, helper.make_tensor_type_proto(0, None))


def _largest_size(node: NodeProto, inputs: Sequence[Array]) -> int:
    if node.op_type in _ELEMENTWISE:
        return int(prod(max(sides) for sides in _aligned([one.shape for one in inputs])))
    if node.op_type == "Gather":
        return int(inputs[0].size * max(1, inputs[1].size))
    return int(sum(one.size for one in inputs))


def _aligned(shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    rank = max(len(shape) for shape in shapes)
    return list(zip(*([1] * (rank - len(shape)) + list(shape) for shape in shapes), strict=True))
