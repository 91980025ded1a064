"""Drawing of eyes and mouth for one frame, from the action units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.synth.identity import Identity, Rgb
from emotion.synth.relief import MOUTH_Y, PX_PER_UNIT, X0, Y0

Canvas = NDArray[np.uint8]
Curve = NDArray[np.float64]
_SHIFT = 4
_T = np.linspace(-1, 1, 33)
_OVERSAMPLE = 2


@dataclass(frozen=True)
class Gaze:
    """Direction of the eyes, and how far they are shut.

    Attributes:
        x: shift of the irises to the right of the picture, canvas units.
        y: shift of the irises down, canvas units.
        blink: 0 (open) to 1 (shut).
    """

    x: float = 0.0
    y: float = 0.0
    blink: float = 0.0


class Patch:
    """An enlarged copy of a part of the canvas; ``commit`` shrinks it and writes it back.

    Drawing at twice the size and shrinking by area makes smooth edges.
    """

    def __init__(self, canvas: Canvas, cx: float, cy: float, half_w: float, half_h: float) -> None:
        left, top = round((cx - half_w - X0) * PX_PER_UNIT), round((cy - half_h - Y0) * PX_PER_UNIT)
        width, height = round(2 * half_w * PX_PER_UNIT), round(2 * half_h * PX_PER_UNIT)
        self._target = canvas[top : top + height, left : left + width, :3]
        self._corner = (X0 + left / PX_PER_UNIT, Y0 + top / PX_PER_UNIT)
        size = (width * _OVERSAMPLE, height * _OVERSAMPLE)
        self.scale = PX_PER_UNIT * _OVERSAMPLE
        self.image = cv2.resize(self._target, size, interpolation=cv2.INTER_LINEAR)

    def pixels(self, points: Curve) -> NDArray[np.int32]:
        """Convert (N, 2) points in canvas units to sixteenths of a patch pixel, int32."""
        at = (points - self._corner) * self.scale - 0.5
        return np.round(at * (1 << _SHIFT)).astype(np.int32)

    def mask(self, outline: Curve, *, soft: float = 0.0) -> NDArray[np.uint8]:
        """Return the coverage of a polygon, 0 to 255, blurred by ``soft`` canvas units."""
        mask = np.zeros(self.image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self.pixels(outline)], (255,), cv2.LINE_AA, _SHIFT)
        return self._blurred(mask, soft)

    def line(self, curve: Curve, width: float, *, soft: float = 0.0) -> NDArray[np.uint8]:
        """Return the coverage of a line, 0 to 255; ``width`` and ``soft`` are in canvas units."""
        mask = np.zeros(self.image.shape[:2], np.uint8)
        thick = max(1, round(width * self.scale))
        cv2.polylines(mask, [self.pixels(curve)], False, (255,), thick, cv2.LINE_AA, _SHIFT)
        return self._blurred(mask, soft)

    def lay(self, colour: Rgb, mask: NDArray[np.uint8], strength: float = 1.0) -> None:
        """Blend ``colour`` over the patch by ``mask`` times ``strength``."""
        left, top, width, height = cv2.boundingRect(mask)
        if not width:
            return
        part = self.image[top : top + height, left : left + width]
        inside = mask[top : top + height, left : left + width]
        share = np.asarray(cv2.convertScaleAbs(inside, alpha=strength), np.uint8)
        kept = cv2.multiply(part, cv2.merge([255 - share] * 3), scale=1 / 255)
        added = cv2.merge([cv2.convertScaleAbs(share, alpha=value / 255) for value in colour])
        part[:] = cv2.add(kept, added)

    def lay_inside(self, colour: Rgb, mask: Canvas, limit: Canvas, strength: float = 1.0) -> None:
        """Blend ``colour`` over the patch inside both masks."""
        self.lay(colour, np.asarray(cv2.min(mask, limit), np.uint8), strength)

    def commit(self) -> None:
        """Shrink the drawing and write it to the canvas."""
        height, width = self._target.shape[:2]
        self._target[:] = cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)

    def _blurred(self, mask: NDArray[np.uint8], soft: float) -> NDArray[np.uint8]:
        if not soft:
            return mask
        size = max(3, round(soft * self.scale) * 2 + 1)
        return np.asarray(cv2.blur(cv2.blur(mask, (size, size)), (size, size)), np.uint8)


def darker(colour: Rgb, factor: float) -> Rgb:
    """Return ``colour`` with each channel times ``factor``.

    >>> darker((200, 100, 50), 0.5)
    (100, 50, 25)
    """
    return int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor)


def _curve(x: Curve, y: Curve) -> Curve:
    return np.stack([x, y], axis=1)


def draw_eye(canvas: Canvas, who: Identity, au: Mapping[int, float], gaze: Gaze, side: int) -> None:
    """Paint the eye on ``side`` (-1 left of the picture, 1 right) into the canvas."""
    cx, size = side * who.eye_x, who.eye_size
    patch = Patch(canvas, cx, 0.0, 0.34, 0.27)
    squeeze = 0.40 * au[7] + 0.34 * au[6] + 0.15 * au[4] + 0.20 * au[9] + 0.25 * au[12] * au[6]
    open_up = size * (0.085 * (1 - 0.55 * squeeze) + 0.052 * au[5] + 0.012 * au[1])
    open_up = open_up * (1 - gaze.blink) - 0.045 * gaze.blink
    open_low = size * (0.058 * (1 - 0.9 * squeeze) + 0.008 * au[5])
    open_low = max(open_low, 0.010 - open_up)
    tilt = who.eye_tilt * -_T * side
    x = cx + 0.215 * size * _T
    skew = 1 + 0.18 * -_T * side  # the arch peaks towards the nose
    sad = 0.022 * au[1] * au[15] * _T * side  # the upper lid hangs at the outer corner if sad
    upper = _curve(x, tilt + sad - open_up * skew * (1 - _T**2) ** 0.75)
    lower = _curve(x, tilt + open_low * (2 - skew) * (1 - _T**2) ** 0.85)
    eye = patch.mask(np.concatenate([upper, lower[::-1]]))
    _draw_eyeball(patch, who, (cx + gaze.x, gaze.y - 0.006), eye)
    shadow = patch.line(upper + (0, 0.022), 0.045, soft=0.018)
    patch.lay_inside((40, 28, 26), shadow, eye, 0.6)
    patch.lay(darker(who.skin, 0.62), patch.line(lower, 0.014, soft=0.004), 0.55)
    puff = 0.25 + 0.5 * (au[6] + au[7])
    patch.lay(darker(who.skin, 0.55), patch.line(lower + (0, 0.052), 0.014, soft=0.014), 0.4 * puff)
    crease = _curve(x, upper[:, 1] * 0.55 - 0.066 - 0.045 * (1 - _T**2))
    depth = 0.75 - 0.25 * gaze.blink
    patch.lay(darker(who.skin, 0.48), patch.line(crease, 0.016, soft=0.008), depth)
    patch.lay((26, 18, 16), patch.line(upper, 0.026, soft=0.003), 0.92)
    patch.commit()


def _draw_eyeball(patch: Patch, who: Identity, at: tuple[float, float], eye: Canvas) -> None:
    """Draw the white, the iris, the pupil and a reflection inside the mask ``eye``."""
    patch.lay((222, 216, 212), eye)
    ring = np.stack([np.cos(_T * np.pi), np.sin(_T * np.pi)], axis=1)
    for radius, colour, soft in (
        (0.094, darker(who.iris, 0.45), 0.006),
        (0.080, who.iris, 0.008),
        (0.038, (10, 8, 8), 0.004),
    ):
        disc = patch.mask(ring * radius * who.eye_size + at, soft=soft)
        patch.lay_inside(colour, disc, eye, 0.96)
    spark = patch.mask(ring * 0.016 + (at[0] + 0.028, at[1] - 0.03), soft=0.003)
    patch.lay_inside((250, 250, 248), spark, eye, 0.9)


@dataclass(frozen=True)
class _Lips:
    """Four curves of a mouth, left to right, (33, 2) each."""

    top: Curve
    upper: Curve
    lower: Curve
    bottom: Curve


def _lips(who: Identity, au: Mapping[int, float], lean: float) -> _Lips:
    """Return the curves of the lips.

    With a positive ``lean`` the corner on the right of the picture moves more.
    """
    half = who.mouth_width * (
        0.37 + 0.12 * au[12] + 0.11 * au[20] - 0.055 * au[23] - 0.05 * au[26] - 0.02 * au[17]
    )
    share = 1 + lean * _T
    corner = (-0.15 * au[12] + 0.13 * au[15] + 0.035 * au[20]) * share + 0.05 * au[26]
    arch = (1 - np.abs(_T) ** 2.2) ** (0.8 - 0.2 * min(au[26], 1))
    square = (1 - _T**4) ** 0.7  # the opening of a stretched mouth has parallel edges
    slot = au[20] / (0.4 + au[20])
    shape = arch * (1 - slot) + square * slot
    seam = MOUTH_Y * who.face_length + corner * np.abs(_T) ** 1.6 + 0.02 * au[12] - 0.03 * au[17]
    seam = seam + 0.012 * np.cos(_T * 9) * (1 - _T**2) * (1 - au[12])
    gap = 0.38 * au[26] + 0.075 * au[25] * (1 + 0.8 * au[20]) + 0.05 * au[16] * au[25]
    gap = gap + 0.06 * au[12] * au[25]
    raise_up = 0.16 * gap + 0.105 * au[10] + 0.035 * au[9] + 0.02 * au[12] * au[25]
    upper_y = seam - raise_up * shape
    lower_y = seam + np.maximum(0.84 * gap, au[10] * au[25] * 0.01) * shape - 0.02 * au[10] * arch
    lower_y = np.maximum(lower_y, upper_y)
    thin = (1 - 0.68 * min(au[23], 1.2)) * (1 - 0.28 * au[12]) * (1 - 0.2 * au[20])
    bow = (1 - np.abs(_T) ** 2.4) * (1 - 0.22 * np.exp(-((_T / 0.14) ** 2)))
    top_y = upper_y - 0.082 * who.lip_full * thin * bow * (1 - 0.15 * au[10])
    full = 0.112 * who.lip_full * thin * (1 + 0.25 * au[17] + 0.15 * au[16]) * (1 - 0.15 * au[26])
    bottom_y = lower_y + full * (1 - _T**2) ** 0.8
    x = half * _T
    return _Lips(*(_curve(x, y) for y in (top_y, upper_y, lower_y, bottom_y)))


def draw_mouth(canvas: Canvas, who: Identity, au: Mapping[int, float], lean: float) -> None:
    """Paint lips, teeth and tongue into the canvas."""
    lips = _lips(who, au, lean)
    patch = Patch(canvas, 0.0, MOUTH_Y + 0.14, 0.66, 0.46)
    red = np.array((178, 70, 72)) * (0.45 + 0.55 * who.skin[0] / 246)
    tone = np.array(who.skin) * (0.84, 0.66, 0.64) * (1 - who.lip_red) + red * who.lip_red
    lip: Rgb = (int(tone[0]), int(tone[1]), int(tone[2]))
    upper = patch.mask(np.concatenate([lips.top, lips.upper[::-1]]), soft=0.006)
    lower = patch.mask(np.concatenate([lips.lower, lips.bottom[::-1]]), soft=0.008)
    shade = patch.line(lips.bottom + (0, 0.035), 0.05, soft=0.03)
    patch.lay(darker(who.skin, 0.55), shade, 0.35)
    patch.lay(darker(lip, 0.80), upper, 0.92)
    patch.lay(lip, lower, 0.92)
    middle = 0.45 * lips.lower + 0.55 * lips.bottom
    shine = patch.line(middle[10:23], 0.03, soft=0.018)
    patch.lay_inside((255, 225, 215), shine, lower, 0.28)
    _draw_inside(patch, lips, au)
    seam = patch.line(lips.upper, 0.016, soft=0.004)
    patch.lay(darker(lip, 0.28), seam, 0.85)
    for curve, end in ((lips.upper, 0), (lips.upper, -1)):
        dot = patch.line(curve[[end, end]], 0.035, soft=0.012)
        patch.lay(darker(who.skin, 0.4), dot, 0.55)
    patch.commit()


def _draw_inside(patch: Patch, lips: _Lips, au: Mapping[int, float]) -> None:
    """Draw the inside of an open mouth: dark, tongue, upper teeth and, if visible, lower teeth."""
    gap = float((lips.lower - lips.upper)[:, 1].max())
    if gap < 0.012:
        return
    hole = patch.mask(np.concatenate([lips.upper, lips.lower[::-1]]))
    patch.lay((46, 16, 18), hole)
    if gap > 0.12:
        floor = lips.lower * (0.62, 1.0) - (0, 0.02 + 0.02 * au[26])
        tongue = patch.line(floor[4:29], 0.11, soft=0.03)
        patch.lay_inside((150, 66, 66), tongue, hole, 0.75)
    depth = min(0.12, 0.02 + 0.75 * gap)
    above = lips.upper[:, 1] - lips.upper[len(_T) // 2, 1]
    bend = (
        np.where(above < 0, 0.7, 0.1) * above
    )  # the teeth end on a straight line that bends with a smile
    ends = np.maximum(lips.upper[len(_T) // 2, 1] + depth + bend, lips.upper[:, 1])
    biting = _curve(lips.upper[:, 0], ends)
    teeth = np.concatenate([lips.upper, biting[::-1]]) * (0.88, 1.0)
    patch.lay_inside((224, 217, 206), patch.mask(teeth, soft=0.006), hole, 0.95)
    bared = max(au[16], au[20]) * au[25]
    if bared > 0.2:
        below = np.concatenate([lips.lower, lips.lower[::-1] - (0, 0.055)]) * (0.74, 1.0)
        patch.lay_inside((206, 198, 186), patch.mask(below, soft=0.006), hole, min(1.0, bared))
    edge = patch.line(lips.upper + (0, 0.012), 0.03, soft=0.012)
    patch.lay_inside((30, 10, 12), edge, hole, 0.5)
