"""Reads the file of dlib's face recognition network without dlib: layers and their weights.

dlib writes a network from its input to its output. An integer is a byte, whose low half says how
many bytes follow and whose top bit is the sign, and those bytes, low ones first; a string is its
length and its bytes; a float is two integers, mantissa and exponent of two; a tensor is a version,
four sizes and plain float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from emotion.errors import InputError

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Conv:
    """A convolution, and the scale and shift of the affine layer that follows it, folded in.

    Attributes:
        weight: (filters, channels, height, width) float32.
        bias: (filters,) float32.
        stride: pixels, both ways.
        padding: pixels, on every side.
    """

    weight: Weights
    bias: Weights
    stride: int
    padding: int


@dataclass(frozen=True)
class FaceNetwork:
    """What the file holds.

    Attributes:
        mean_rgb: taken off every pixel, 0 to 255; the rest is divided by 256.
        stem: the convolution before the max pooling.
        blocks: the two convolutions of each residual block, in order.
        projection: (channels, numbers) float32: the matrix that makes the embedding.
    """

    mean_rgb: tuple[float, float, float]
    stem: Conv
    blocks: tuple[tuple[Conv, Conv], ...]
    projection: Weights


def read_face_network(data: bytes) -> FaceNetwork:
    """Read ``dlib_face_recognition_resnet_model_v1.dat``.

    Raises:
        InputError: if it is another network, or cut short.
    """
    source = Source(data)
    try:
        network = _network(source)
    except (IndexError, OverflowError, ValueError) as err:
        raise InputError(f"not dlib's face recognition network: {err}") from err
    if source.at != len(data):
        raise InputError(f"dlib's face recognition network: {len(data) - source.at} bytes too many")
    return network


def _network(source: Source) -> FaceNetwork:
    source.integer()
    source.expect("loss_metric_2")
    source.floats(2)  # margin and threshold of the training
    while source.integer() != _INPUT_VERSION:  # the version of every layer, the outermost first
        pass
    source.expect("input_rgb_image_sized")
    red, green, blue = source.floats(3)
    source.integers(2)  # height and width of the picture
    stem = _conv_affine(source, first=True)
    _plain(source, "relu_")
    _pool(source, "max_pool_2")
    blocks = []
    while source.next_string() == "con_4":
        blocks.append(_block(source))
    _pool(source, "avg_pool_2")
    return FaceNetwork((red, green, blue), stem, tuple(blocks), _projection(source))


def _block(source: Source) -> tuple[Conv, Conv]:
    """A residual block; one that shrinks pools what goes around it."""
    first = _conv_affine(source)
    _plain(source, "relu_")
    second = _conv_affine(source)
    if source.next_string() == "avg_pool_2":
        _pool(source, "avg_pool_2")
    _plain(source, "add_prev_")
    _plain(source, "relu_")
    return first, second


def _conv_affine(source: Source, *, first: bool = False) -> Conv:
    source.expect("con_4")
    params = source.tensor()
    filters, _, _, stride, _, padding, _ = source.integers(7)
    shape = source.integers(5)[1:]  # after a version, as in every alias of a part of a tensor
    source.integers(5)
    source.floats(4)  # learning rates and weight decays of the training
    source.end_of_layer()
    if first:
        source.integer()  # how many pictures the input layer makes of one
    source.expect("affine_")
    scale, shift = source.tensor().reshape(2, filters)
    source.integers(5 + 5 + 1)
    source.end_of_layer()
    weight = params[:-filters].reshape(shape) * scale[:, None, None, None]
    return Conv(weight, params[-filters:] * scale + shift, stride, padding)


def _pool(source: Source, name: str) -> None:
    source.expect(name)
    source.integers(6)
    source.end_of_layer()


def _plain(source: Source, name: str) -> None:
    source.expect(name)
    source.end_of_layer()


def _projection(source: Source) -> Weights:
    source.expect("fc_2")
    outputs, inputs = source.integers(2)
    matrix = source.tensor().reshape(inputs, outputs)
    source.integers(5 + 5 + 1)
    source.floats(4)
    source.end_of_layer()
    return matrix


_INPUT_VERSION = 3
"""Of the layer that stands on the input; all others have 1 or 2."""


class Source:
    """A place in the bytes, and what can be read from there."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def integer(self) -> int:
        """The next number, of any size."""
        head = self._data[self.at]
        count = head & 15
        value = int.from_bytes(self._take(1 + count)[1:], "little")
        return -value if head & 128 else value

    def integers(self, count: int) -> list[int]:
        """The next ``count`` of them."""
        return [self.integer() for _ in range(count)]

    def floats(self, count: int) -> list[float]:
        """The next ``count`` numbers with a fraction."""
        return [self.integer() * 2.0 ** self.integer() for _ in range(count)]

    def string(self) -> str:
        """The next name."""
        return self._take(self.integer()).decode("ascii")

    def next_string(self) -> str:
        """What ``string`` would give, without going there."""
        at = self.at
        name = self.string()
        self.at = at
        return name

    def expect(self, name: str) -> None:
        """Go past ``name``, or raise ValueError."""
        found = self.string()
        if found != name:
            raise ValueError(f"layer {name!r} was expected at byte {self.at}, {found!r} is there")

    def tensor(self) -> Weights:
        """All of its numbers in one row."""
        self.integer()  # version
        size = prod(self.integers(4))
        return np.frombuffer(self._take(4 * size), "<f4").astype(np.float32)

    def end_of_layer(self) -> None:
        """Three yes or no, and three tensors: what only training fills."""
        self._take(3)
        for _ in range(3):
            self.tensor()

    def _take(self, count: int) -> bytes:
        part = self._data[self.at : self.at + count]
        if not 0 <= count == len(part):
            raise ValueError(f"it ends at byte {len(self._data)}")
        self.at += count
        return part
