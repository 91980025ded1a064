"""Networks and options that an import refuses."""

from __future__ import annotations

from typing import Any

import pytest

from emotion.errors import InputError
from emotion.published import importing
from emotion.published.comparison import original_outputs as run
from tests.emotion.published.test_importing import BIAS, WEIGHT, imported
from tests.helpers.onnx_files import node, onnx_bytes, pooled_colours

LARGE = pooled_colours(WEIGHT, BIAS, side=6)


@pytest.mark.parametrize(
    "data, options, says",
    [
        (LARGE, {"labels": ("happy", "sad")}, "it has 3 outputs, --labels names 2: happy, sad"),
        (LARGE, {"labels": ("happy", "sad", "sad")}, "--labels names sad more than once"),
        (LARGE, {"changes": {"fear": ""}}, "--map names fear"),
        (LARGE, {"input_px": 64}, "its input has 6 rows, the options give 64"),
        (LARGE, {"colour": "grey"}, "its input has 3 channels, the options give 1"),
        (LARGE, {"layout": "nhwc"}, "its input has 6 channels, the options give 3"),
        (LARGE, {"mean": (0.1, 0.2)}, "mean has 2 numbers, colour rgb needs 3"),
        (LARGE, {"std": (0.0,)}, "std must be above 0, got 0"),
        (LARGE, {"temperature": 0.0}, "--temperature must be above 0, got 0"),
        (LARGE, {"eyes_apart": 2.0}, "--eyes-apart must be"),
        (LARGE, {"outputs": "probabilities"}, "its outputs are no probabilities"),
        (
            pooled_colours(WEIGHT, BIAS, end="Softmax"),
            {"outputs": "logits"},
            "it ends with a softmax: its outputs are probabilities",
        ),
        (
            onnx_bytes([node("GlobalAveragePool", "x", "y")], shape=["N", 3, "H", "W"]),
            {},
            "its input has no fixed size; give the side with --input-px",
        ),
        (
            onnx_bytes([node("Relu", "x", "y")], shape=["N", 3, 6, 6]),
            {},
            r"its output has shape \[3, 6, 6\], not one per label",
        ),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value)[:40],
)
def test_refuses(data: bytes, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        imported(data, **options)


def test_refuses_a_network_that_is_not_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the translation is noticed: here onnxruntime gets another file."""
    other = pooled_colours(WEIGHT, BIAS + 0.001)
    monkeypatch.setattr(
        importing, "original_outputs", lambda data, x, output: run(other, x, output=output)
    )
    with pytest.raises(InputError, match="differs from onnxruntime by 0.0004; it must be 0.0001"):
        imported(LARGE)
