"""Display geometry of a frame: pixels that are not square, rotation and mirroring."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

ASPECTS = (Fraction(1, 4), Fraction(4))
"""Least and greatest width of a pixel, as a share of its height; other tags are ignored."""
SQUARE_PX = 2
"""Width in pixels by which the displayed width must differ from the coded one to be applied.

Encoders tag a rounded size, such as 854 x 480, with an aspect such as 1280:1281.
"""


@dataclass(frozen=True)
class Turn:
    """Change that makes a coded picture upright: first the mirror, then the turns.

    Attributes:
        is_mirrored: True exchanges left and right.
        quarters: counter-clockwise quarter turns, 0 to 3.
    """

    is_mirrored: bool = False
    quarters: int = 0


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return the width of a stream's pixels as a share of their height; 1 without a usable tag."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not ASPECTS[0] <= aspect <= ASPECTS[1]:
        return Fraction(1)
    return Fraction(aspect)


def display_width(width: int, aspect: Fraction) -> int:
    """Return the width of a frame with square pixels of the same height.

    >>> display_width(1440, Fraction(4, 3)), display_width(854, Fraction(1280, 1281))
    (1920, 854)
    """
    shown = round(width * aspect)
    return shown if abs(shown - width) >= SQUARE_PX else width


def turn_of(frame: VideoFrame) -> Turn:
    """Return the change that a frame's display matrix asks for, to the nearest quarter turn.

    A frame without a display matrix, or with one that is not invertible, stays as it is.
    """
    sides: Iterable[SideData] = iter(frame.side_data)  # type: ignore[assignment]  # PyAV's stub
    for data in sides:
        if data.type is Type.DISPLAYMATRIX:
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
            return turn_by(a, b, c, d)
    return Turn()


def turn_by(a: float, b: float, c: float, d: float) -> Turn:
    """Return the change for a display matrix: the pixel (x, y) goes to (ax + cy, bx + dy).

    >>> turn_by(1, 0, 0, 1), turn_by(-1, 0, 0, 1)
    (Turn(is_mirrored=False, quarters=0), Turn(is_mirrored=True, quarters=0))
    >>> turn_by(0, 1, -1, 0), turn_by(1, 0, 0, -1)
    (Turn(is_mirrored=False, quarters=3), Turn(is_mirrored=True, quarters=2))
    """
    area = a * d - b * c
    if area == 0:
        return Turn()
    if area < 0:
        a, b = -a, -b
    return Turn(area < 0, round(-math.degrees(math.atan2(b, a)) / 90) % 4)


def upright(image: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """Return an (H, W, 3) picture after a turn."""
    if turn.is_mirrored:
        image = image[:, ::-1]
    if turn.quarters:
        image = np.rot90(image, turn.quarters)
    return np.ascontiguousarray(image)


@dataclass(frozen=True)
class Fit:
    """Place of a picture inside a frame of another size: scaled, centred, undistorted.

    A picture that changes its size on the way is shown inside the first one's size.

    Attributes:
        scale: pixels of the frame per pixel of the picture.
        left: place of the picture's left edge in the frame, pixels.
        top: place of its upper edge, pixels.
    """

    scale: float = 1.0
    left: float = 0.0
    top: float = 0.0

    @staticmethod
    def of(hw: tuple[int, int], frame_hw: tuple[int, int]) -> Fit:
        """Return the place of a picture of size ``hw`` in a frame of size ``frame_hw``.

        >>> Fit.of((100, 200), (100, 200)), Fit.of((50, 50), (100, 200))
        (Fit(scale=1.0, left=0.0, top=0.0), Fit(scale=2.0, left=50.0, top=0.0))
        """
        if hw == frame_hw:
            return Fit()
        scale = min(frame_hw[0] / hw[0], frame_hw[1] / hw[1])
        return Fit(scale, (frame_hw[1] - scale * hw[1]) / 2, (frame_hw[0] - scale * hw[0]) / 2)

    def to_frame(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return points of the picture, (..., 2) x y pixels, as points of the frame."""
        if self == Fit():
            return points
        shift = np.array([self.left, self.top], np.float32)
        return np.asarray(points * np.float32(self.scale) + shift, np.float32)


def fitted(image: NDArray[np.uint8], frame_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an (H, W, 3) picture inside a frame of size ``frame_hw``, with a black border."""
    hw = (image.shape[0], image.shape[1])
    if hw == frame_hw:
        return image
    fit = Fit.of(hw, frame_hw)
    height, width = max(1, round(fit.scale * hw[0])), max(1, round(fit.scale * hw[1]))
    top, left = round(fit.top), round(fit.left)
    frame = np.zeros((*frame_hw, 3), np.uint8)
    interpolation = cv2.INTER_AREA if fit.scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, (width, height), interpolation=interpolation)
    frame[top : top + height, left : left + width] = small[
        : frame_hw[0] - top, : frame_hw[1] - left
    ]
    return frame
