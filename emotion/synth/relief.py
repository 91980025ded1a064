"""Shape of a head as a relief on a canvas, and its change by each facial action unit.

The canvas shows the head from the front. Its unit is half a face's width (about 70 mm), x grows
to the right of the picture, y down, and (0, 0) lies between the pupils:

::

    y -1.9  top of the hair          0.0   pupils           1.0  mouth
      -0.9  hairline                 0.55  tip of the nose  1.55 chin
      -0.3  brows
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotion.synth.identity import Identity

PX_PER_UNIT = 72
X0, Y0, X1, Y1 = -1.4, -2.0, 1.4, 2.1
CANVAS_HW = (round((Y1 - Y0) * PX_PER_UNIT), round((X1 - X0) * PX_PER_UNIT))
MOUTH_Y, CHIN_Y, NOSE_Y = 0.99, 1.56, 0.57
# Ekman and Friesen's numbers: 1 2 brows up, 4 down, 5 lids up, 6 cheeks up, 7 lids tight, 9 nose
# wrinkle, 10 upper lip up, 12 smile, 15 corners down, 16 lower lip down, 17 chin up, 20 stretch,
# 23 lips tight, 25 lips part, 26 jaw drop.
ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 16, 17, 20, 23, 25, 26)

Map = NDArray[np.float32]
# Movement of the skin by each action unit, as hills on both sides of the face, in canvas units:
# (centre x on the right side, centre y, sigma x, sigma y, move x outward, move y down).
_PUSHES: dict[int, tuple[tuple[float, float, float, float, float, float], ...]] = {
    1: ((0.20, -0.33, 0.15, 0.20, -0.01, -0.19),),
    2: ((0.62, -0.33, 0.21, 0.20, 0.00, -0.18),),
    4: ((0.18, -0.28, 0.17, 0.15, -0.06, 0.125), (0.50, -0.30, 0.22, 0.14, -0.02, 0.05)),
    6: ((0.55, 0.30, 0.26, 0.20, 0.00, -0.09),),
    9: ((0.14, 0.40, 0.16, 0.20, 0.02, -0.09), (0.16, -0.25, 0.18, 0.14, -0.02, 0.07)),
    10: ((0.30, 0.62, 0.22, 0.16, 0.02, -0.06),),
    12: ((0.58, 0.75, 0.24, 0.25, 0.05, -0.07),),
    15: ((0.42, 1.12, 0.18, 0.18, 0.01, 0.06),),
    17: ((0.00, 1.32, 0.26, 0.14, 0.00, -0.06),),
    20: ((0.55, 1.02, 0.22, 0.25, 0.08, 0.03),),
}
JAW_DROP = 0.30


def grid() -> tuple[Map, Map]:
    """Return x and y of every canvas pixel's centre in canvas units, (H, W) float32 each."""
    height, width = CANVAS_HW
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return X0 + (x + 0.5) / PX_PER_UNIT, Y0 + (y + 0.5) / PX_PER_UNIT


def as_map(values: ArrayLike) -> Map:
    """Return the values as a float32 array."""
    return np.asarray(values, np.float32)


def bump(x: Map, y: Map, cx: float, cy: float, sx: float, sy: float) -> Map:
    """Return a Gaussian hill of height 1 with its top at (cx, cy) and sigmas sx and sy."""
    return as_map(np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2)))


def twin(x: Map, y: Map, cx: float, cy: float, sx: float, sy: float) -> Map:
    """Return the hill of ``bump`` on both sides of the face."""
    return bump(np.abs(x), y, cx, cy, sx, sy)


def ramp(value: Map, start: float, stop: float) -> Map:
    """Return 0 below ``start``, 1 above ``stop``, and a smooth curve between."""
    t = np.clip((value - start) / (stop - start), 0, 1)
    return as_map(t * t * (3 - 2 * t))


def base_relief(who: Identity) -> Map:
    """Return the height of skull and nose towards the viewer, in canvas units."""
    x, y = grid()
    edge = np.clip(np.abs(x), 0, 1.1)
    skull = 0.75 - 0.46 * edge**2 - 0.17 * edge**4
    skull -= 0.13 * np.clip(y - 0.1, -1.9, 1.6) ** 2 * np.where(y < 0, 1.15, 1.0)
    tip = NOSE_Y * who.nose_length
    along = np.clip((y + 0.12) / (tip + 0.12), 0, 1)
    ridge = (0.07 + 0.27 * along**1.4) * ramp(y, -0.35, 0.0) * (1 - ramp(y, tip, tip + 0.13))
    width = who.nose_width * (0.10 + 0.06 * along)
    nose = ridge * np.exp(-0.5 * (x / width) ** 2)
    return as_map(skull + nose)


def detail_relief(who: Identity) -> Map:
    """Return the relief for shading: sockets, brow ridge, cheeks, nostrils, lips, chin."""
    x, y = grid()
    tip = NOSE_Y * who.nose_length
    out = -0.11 * twin(x, y, who.eye_x - 0.06, -0.06, 0.20, 0.12)
    out += 0.05 * twin(x, y, who.eye_x, 0.0, 0.13, 0.09)
    out += 0.05 * twin(x, y, 0.40, -0.27, 0.30, 0.07)
    out += 0.07 * twin(x, y, 0.62, 0.30, 0.22, 0.18)
    out -= 0.05 * twin(x, y, 0.62, 0.85, 0.18, 0.25)
    out += 0.07 * bump(x, y, 0, tip - 0.03, 0.10 * who.nose_width, 0.09)
    out += 0.06 * twin(x, y, 0.17 * who.nose_width, tip + 0.02, 0.06, 0.07)
    out -= 0.025 * bump(x, y, 0, 0.78, 0.04, 0.09)
    out += 0.09 * bump(x, y, 0, MOUTH_Y, 0.32, 0.17)
    out -= 0.05 * bump(x, y, 0, 1.20, 0.24, 0.05)
    out += 0.09 * bump(x, y, 0, 1.38, 0.20, 0.13)
    out += (0.010 + 0.022 * who.age) * fold_relief()
    return as_map(out)


def fold_relief() -> Map:
    """Return the fold from the wing of the nose to the mouth: a groove with the cheek beside it."""
    x, y = grid()
    along = np.clip((y - 0.50) / 0.55, 0, 1)
    fold_x = 0.23 + 0.27 * along**1.2
    ends = ramp(y, 0.45, 0.60) * (1 - ramp(y, 0.98, 1.15))
    side = np.abs(x) - fold_x
    groove = -np.exp(-0.5 * (side / 0.035) ** 2) + 0.8 * np.exp(-0.5 * ((side - 0.11) / 0.08) ** 2)
    return as_map(groove * ends)


def wrinkles(who: Identity) -> Map:
    """Return the relief that each action unit adds, (units, H, W), ordered as ``ACTION_UNITS``."""
    x, y = grid()
    lines = as_map(np.sin((y + 0.04 * np.cos(x * 5)) * 2 * np.pi / 0.115))
    fold = fold_relief()
    deep = 0.7 + 0.5 * who.age
    added: dict[int, Map] = {
        1: 0.016 * lines * bump(x, y, 0, -0.64, 0.26, 0.12),
        2: 0.013 * lines * bump(x, y, 0, -0.64, 0.55, 0.12),
        4: -0.05 * twin(x, y, 0.075, -0.22, 0.022, 0.10) + 0.04 * twin(x, y, 0.2, -0.2, 0.1, 0.06),
        6: 0.08 * twin(x, y, 0.55, 0.26, 0.20, 0.10) - 0.04 * twin(x, y, 0.45, 0.15, 0.2, 0.02),
        9: 0.03 * np.sin(y * 2 * np.pi / 0.085) * bump(x, y, 0, 0.08, 0.14, 0.13) + 0.03 * fold,
        10: 0.045 * fold * (1 - ramp(y, 0.75, 0.95)),
        12: 0.055 * fold + 0.06 * twin(x, y, 0.6, 0.5, 0.2, 0.18),
        15: -0.04 * twin(x, y, 0.44, 1.17, 0.05, 0.09),
        17: 0.06 * bump(x, y, 0, 1.34, 0.18, 0.10) - 0.06 * bump(x, y, 0, 1.18, 0.2, 0.035),
        20: -0.03 * twin(x, y, 0.56, 1.0, 0.035, 0.15),
        23: -0.03 * bump(x, y, 0, 1.16, 0.22, 0.035) + 0.02 * bump(x, y, 0, 0.86, 0.3, 0.04),
        26: -0.05 * twin(x, y, 0.62, 1.0, 0.14, 0.3),
    }
    flat = np.zeros(CANVAS_HW, np.float32)
    return as_map(np.stack([deep * added.get(unit, flat) for unit in ACTION_UNITS]))


def pushes() -> Map:
    """Return the movement of the skin by each action unit, x and y in canvas units.

    Returns:
        (units, ceil(H / 2), ceil(W / 2), 2); every second pixel, as the skin moves smoothly.
    """
    x, y = (axis[::2, ::2] for axis in grid())
    out = np.zeros((len(ACTION_UNITS), *x.shape, 2), np.float32)
    for unit, hills in _PUSHES.items():
        for cx, cy, sx, sy, dx, dy in hills:
            hill = twin(x, y, cx, cy, sx, sy)
            field = out[ACTION_UNITS.index(unit)]
            field[..., 0] += dx * hill * np.tanh(x / 0.08)
            field[..., 1] += dy * hill
    jaw = ramp(y, MOUTH_Y - 0.15, 1.35) * (1 - 0.55 * ramp(np.abs(x), 0.45, 0.95))
    out[ACTION_UNITS.index(26), ..., 1] += JAW_DROP * jaw
    return out
