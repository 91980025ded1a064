"""Shapes and dtypes that are accepted and refused, and the text of a value with arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes


@dataclass(frozen=True)
class Boxes:
    name: str
    boxes: NDArray[np.float32]

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        check_array("Boxes.boxes", self.boxes, shape=(None, 4), dtype=np.float32)


@pytest.mark.parametrize("count", [0, 3])
def test_any_length_fits_an_open_axis(count: int) -> None:
    boxes = Boxes("a", np.zeros((count, 4), np.float32))
    assert repr(boxes) == f"Boxes(name='a', boxes=({count}, 4) float32)"


@pytest.mark.parametrize(
    "array, text",
    [
        (np.zeros((2, 5), np.float32), r"got \(2, 5\) float32"),
        (np.zeros(4, np.float32), r"got \(4,\) float32"),
        (np.zeros((2, 4)), r"got \(2, 4\) float64"),
        ([[0.0] * 4], "got list"),
    ],
    ids=["length", "axes", "dtype", "no array"],
)
def test_another_shape_or_dtype_is_refused(array: Any, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^Boxes\.boxes must be \(\*, 4\) float32, {text}$"):
        Boxes("a", array)
