"""Checks of the arrays in a dataclass, and a ``__repr__`` that prints their shapes.

::

    @dataclass(frozen=True)
    class Faces:
        boxes: NDArray[np.float32]
        scores: NDArray[np.float32]

        __repr__ = repr_with_shapes

        def __post_init__(self) -> None:
            check_array("Faces.boxes", self.boxes, shape=(None, 4), dtype=np.float32)
            check_array("Faces.scores", self.scores, shape=(len(self.boxes),), dtype=np.float32)
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


def check_array(
    name: str, array: object, *, shape: tuple[int | None, ...], dtype: type[np.generic]
) -> None:
    """Check the shape and the dtype of one array.

    Args:
        name: class and field, such as "Faces.boxes", for the message.
        array: the value to check.
        shape: length of each axis; None allows any length.
        dtype: exact type of the elements.

    Raises:
        ValueError: if ``array`` is not a NumPy array of this shape and dtype.

    >>> check_array("Faces.boxes", np.zeros((2, 5)), shape=(None, 4), dtype=np.float32)
    Traceback (most recent call last):
    ValueError: Faces.boxes must be (*, 4) float32, got (2, 5) float64
    """
    if isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == len(shape):
        pairs = zip(array.shape, shape, strict=True)
        if all(wanted is None or length == wanted for length, wanted in pairs):
            return
    raise ValueError(f"{name} must be {_shape_text(shape)} {dtype.__name__}, got {_text(array)}")


def repr_with_shapes(value: Any) -> str:
    """Return the text of a dataclass for ``__repr__``: arrays as shape and dtype, without values.

    Fields with ``repr=False`` are left out.

    >>> from dataclasses import make_dataclass
    >>> Faces = make_dataclass("Faces", ["boxes", "kind"])
    >>> repr_with_shapes(Faces(boxes=np.zeros((2, 4), np.float32), kind="own"))
    "Faces(boxes=(2, 4) float32, kind='own')"
    """
    texts = (f"{f.name}={_field_text(getattr(value, f.name))}" for f in fields(value) if f.repr)
    return f"{type(value).__name__}({', '.join(texts)})"


def _field_text(value: object) -> str:
    return _text(value) if isinstance(value, np.ndarray) else repr(value)


def _text(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{_shape_text(value.shape)} {value.dtype}"
    return type(value).__name__


def _shape_text(shape: tuple[int | None, ...]) -> str:
    lengths = ["*" if length is None else str(length) for length in shape]
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"
