"""Rendering of a head in one frame: action units, light, rotation and position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes
from emotion.synth.features import Gaze, draw_eye, draw_mouth
from emotion.synth.identity import Identity
from emotion.synth.paint import paint_head
from emotion.synth.relief import (
    ACTION_UNITS,
    CANVAS_HW,
    PX_PER_UNIT,
    X0,
    Y0,
    Map,
    as_map,
    base_relief,
    detail_relief,
    pushes,
    wrinkles,
)

_LINEAR = ((np.arange(256) / 255) ** 2).astype(np.float32)  # light is added in linear values
_WRAP = (
    0.38,
    0.26,
    0.22,
)  # red light travels further under the skin, so the border between light and shadow is reddish


@dataclass(frozen=True)
class Light:
    """Light of a clip.

    Attributes:
        direction: unit vector towards the key light, (3,) float32: right, down, to the viewer.
        key: colour times strength of the key light, (3,) float32 RGB, about 0 to 1.
        ambient: colour times strength of the ambient light, (3,) float32 RGB, about 0 to 1.
    """

    direction: Map
    key: Map
    ambient: Map

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        for name in ("direction", "key", "ambient"):
            check_array(f"Light.{name}", getattr(self, name), shape=(3,), dtype=np.float32)


@dataclass(frozen=True)
class Stance:
    """Pose of a head: angles in radians; centre (between the eyes) and unit in picture pixels."""

    yaw: float
    pitch: float
    roll: float
    x_px: float
    y_px: float
    unit_px: float

    def rotation(self) -> Map:
        """Return the (3, 3) rotation of canvas axes (right, down, to the viewer) to the picture."""
        cy, sy = np.cos(self.yaw), np.sin(self.yaw)
        cp, sp = np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(tilt @ turn @ nod, np.float32)


class Head:
    """One person's head; values that are equal in all frames are computed once."""

    def __init__(self, who: Identity) -> None:
        self.who = who
        self._paint, self._hair = paint_head(who)
        self._depth = base_relief(who)
        skin = 1 - self._hair
        self._relief = self._depth + detail_relief(who) * skin + 0.06 * self._hair
        self._wrinkles = (wrinkles(who) * skin).reshape(len(ACTION_UNITS), -1)
        moves = pushes() * PX_PER_UNIT
        self._moves_hw2 = moves.shape[1:]
        self._moves = moves.reshape(len(ACTION_UNITS), -1)
        rows, columns = np.mgrid[0 : CANVAS_HW[0], 0 : CANVAS_HW[1]].astype(np.float32)
        self._rest = np.stack([columns, rows], axis=2)

    def canvas(self, units: Map, gaze: Gaze, light: Light, stance: Stance) -> NDArray[np.uint8]:
        """Return the lit head, seen from the front, on the canvas: (H, W, 4) uint8, coverage last.

        Args:
            units: (16,) strengths of ``ACTION_UNITS``, about 0 to 1.
            gaze: direction of both eyes.
            light: light of the clip.
            stance: pose of the head; it decides from which side the light falls on the face.
        """
        shift = (units @ self._moves).reshape(self._moves_hw2)
        at = as_map(self._rest - cv2.resize(shift, CANVAS_HW[::-1]))
        relief = _sample(self._relief, at) + (units @ self._wrinkles).reshape(CANVAS_HW)
        painted = np.asarray(_sample(self._paint, at), np.uint8)
        au = dict(zip(ACTION_UNITS, units.tolist(), strict=True))
        for side in (-1, 1):
            draw_eye(painted, self.who, au, gaze, side)
        draw_mouth(painted, self.who, au, self.who.lopsided)
        return self._lit(painted, relief, light, stance)

    def _lit(
        self, painted: NDArray[np.uint8], relief: Map, light: Light, stance: Stance
    ) -> NDArray[np.uint8]:
        """Apply soft diffuse light with a reddish edge, some gloss, and darker hollows."""
        relief = np.asarray(cv2.GaussianBlur(relief, (0, 0), 0.8), np.float32)
        slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=PX_PER_UNIT / 8)
        slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=PX_PER_UNIT / 8)
        lx, ly, lz = stance.rotation().T @ light.direction
        slant = 1 / cv2.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
        facing = (lz - lx * slope_x - ly * slope_y) * slant
        hollow = relief - cv2.blur(relief, (23, 23))
        open_sky = np.clip(1 + 4.5 * hollow, 0.62, 1.12) * (0.72 + 0.28 * slant)
        power = np.clip(facing, 0, 1) ** 2
        gloss = power * (power * power) ** 3 * (0.03 * (1 - self._hair))
        shaded = []
        for plane, wrap, key, ambient in zip(
            cv2.split(painted[..., :3]), _WRAP, light.key, light.ambient, strict=True
        ):
            diffuse = np.maximum(facing * (key / (1 + wrap)) + key * wrap / (1 + wrap), 0)
            value = cv2.LUT(plane, _LINEAR) * (open_sky * (diffuse + ambient)) + gloss * key
            shaded.append(cv2.convertScaleAbs(cv2.sqrt(value), alpha=255))
        return np.asarray(cv2.merge([*shaded, painted[..., 3]]), np.uint8)

    def placed(
        self, canvas: NDArray[np.uint8], stance: Stance, frame_hw: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Return the canvas, rotated in space and at its position: (*frame_hw, 4) uint8."""
        return np.asarray(_sample(canvas, self._lookup(stance, frame_hw)), np.uint8)

    def _lookup(self, stance: Stance, frame_hw: tuple[int, int]) -> Map:
        """Return the canvas pixel that each picture pixel shows, (*frame_hw, 2).

        A point (u, v) of the relief z(u, v) appears at A (u, v) + b z. So (u, v) is the fixed point
        of A^-1 (place - b z(u, v)). The iteration converges because the relief's slope is small.
        """
        height, width = frame_hw
        small_hw = (height // 2, width // 2)
        place_x = (_centres(width, small_hw[1]) - stance.x_px) / stance.unit_px
        place_y = ((_centres(height, small_hw[0]) - stance.y_px) / stance.unit_px)[:, None]
        turn = stance.rotation()
        (a, b), (c, d) = np.linalg.inv(turn[:2, :2]) * PX_PER_UNIT
        lean_x, lean_y = a * turn[0, 2] + b * turn[1, 2], c * turn[0, 2] + d * turn[1, 2]
        start_x = a * place_x + b * place_y + np.float32(-X0 * PX_PER_UNIT - 0.5)
        start_y = c * place_x + d * place_y + np.float32(-Y0 * PX_PER_UNIT - 0.5)
        depth: Map | float = 0.6
        for _ in range(5):
            at_x, at_y = as_map(start_x - lean_x * depth), as_map(start_y - lean_y * depth)
            depth = as_map(
                cv2.remap(
                    self._depth, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
                )
            )
        at = cv2.merge([start_x - lean_x * depth, start_y - lean_y * depth])
        return as_map(cv2.resize(at, (width, height), interpolation=cv2.INTER_LINEAR))


def _centres(size: int, count: int) -> Map:
    """Return the centres of ``count`` equal parts of ``size`` pixels, in pixel coordinates."""
    return as_map((np.arange(count) + 0.5) * (size / count) - 0.5)


def _sample(picture: Map | NDArray[np.uint8], at: Map) -> NDArray[Any]:
    """Return the values of ``picture`` at (..., 2) pixel coordinates; 0 outside."""
    return np.asarray(cv2.remap(picture, at, None, cv2.INTER_LINEAR))  # type: ignore[call-overload]
