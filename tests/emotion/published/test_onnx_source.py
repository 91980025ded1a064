"""Limits on ONNX files from outside: one clear line each, before any data is read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from emotion.errors import InputError
from emotion.published import onnx_source
from emotion.published.onnx_source import read_onnx
from emotion.published.translate import translate
from tests.helpers.onnx_files import node, onnx_model


def small() -> onnx.ModelProto:
    weight = np.ones((4, 3, 1, 1), np.float32)
    return onnx_model([node("Conv", "x w", "y")], {"w": weight})


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = small()
    change(model)
    return bytes(model.SerializeToString())


def three_gigabytes(model: onnx.ModelProto) -> None:
    """Replace the weights by a header that promises 3 GB."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1000, 1000, 750])
    model.graph.initializer[0].CopyFrom(tensor)


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def nested(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=inner))


def constant_of_three_gigabytes(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[3, 10**9])
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("own", "f", ["a"], ["b"], [node("Relu", "a", "b")], [])
    )


WHOLE = small().SerializeToString()


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "it is no ONNX file, or one without a network"),
        (b"<!DOCTYPE html><html>404</html>", "it is a web page, not a model"),
        (b"\n  <html>", "it is a web page, not a model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is no ONNX file, or was cut short"),
        (WHOLE[: len(WHOLE) // 2], "was cut short at .* bytes; download it again"),
        (changed(three_gigabytes), r"tensor 'w' of \[1000, 1000, 750\] has 3,000,000,000 bytes"),
        (changed(constant_of_three_gigabytes), "tensor 'c' .* has 12,000,000,000 bytes"),
        (changed(external), "tensor 'w' is stored in another file"),
        (changed(nested), "node If has a nested graph"),
        (changed(function), "functions of its own"),
        (changed(lambda m: m.graph.node.extend(2000 * [m.graph.node[0]])), "it has 2,001 nodes"),
        (changed(lambda m: m.graph.initializer[0].dims.append(-1)), "a negative size"),
        (changed(lambda m: m.graph.sparse_initializer.add()), "sparse tensors"),
        (changed(lambda m: m.opset_import.pop()) and changed(
            lambda m: m.ClearField("opset_import")), "version 0 of ONNX's operators"),
    ],
    ids=["empty", "page", "spaces before", "pointer", "cut", "3 GB", "constant", "external",
         "nested", "function", "nodes", "negative", "sparse", "no version"],
)  # fmt: skip
def test_refuses(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_onnx(data)
    assert "\n" not in str(caught.value)


def test_a_tensor_must_hold_what_its_header_says() -> None:
    data = changed(lambda m: m.graph.initializer[0].dims.__setitem__(0, 400))
    with pytest.raises(InputError, match=r"raw_data size \(48 bytes\) is too small"):
        translate(read_onnx(data), (3, 6, 6), "y")


def test_a_node_must_read_what_exists() -> None:
    data = changed(lambda m: m.graph.node[0].input.__setitem__(0, "nothing"))
    with pytest.raises(InputError, match="it breaks the rules of ONNX"):
        translate(read_onnx(data), (3, 6, 6), "y")


def test_refuses_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_source, "MAX_FILE_BYTES", 100)
    with pytest.raises(InputError, match="bytes; the limit is 100"):
        read_onnx(WHOLE)
