"""Painting of a head at rest, once per person, on the canvas of ``relief``."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.synth.identity import Identity, Rgb
from emotion.synth.relief import (
    CANVAS_HW,
    CHIN_Y,
    MOUTH_Y,
    NOSE_Y,
    PX_PER_UNIT,
    X0,
    Y0,
    Map,
    as_map,
    bump,
    grid,
    ramp,
    twin,
)

_SHIFT = 4  # fillPoly takes sixteenths of a pixel
Points = NDArray[np.float64]


def smooth(points: Points, *, per_point: int = 8) -> Points:
    """Return a closed Catmull-Rom curve through (N, 2) ``points``, (N * per_point, 2)."""
    before, after, beyond = (np.roll(points, k, axis=0) for k in (1, -1, -2))
    t = (np.arange(per_point) / per_point)[None, :, None]
    p0, p1, p2, p3 = (p[:, None] for p in (before, points, after, beyond))
    curve: Points = p1 + 0.5 * t * (
        p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0))
    )
    return curve.reshape(-1, 2)


def mirrored(points: list[tuple[float, float]]) -> Points:
    """Return a closed, symmetric outline from its right side, given from top to bottom."""
    right = np.array(points, float)
    left = right[::-1] * (-1, 1)
    return np.concatenate([right, left])


def coverage(outline: Points, *, soft: float = 0.0) -> Map:
    """Return the share of each canvas pixel that a polygon covers, (H, W) float32, 0 to 1.

    The edge is blurred by a sigma of ``soft`` canvas units.
    """
    mask = np.zeros(CANVAS_HW, np.uint8)
    pixels = (outline - (X0, Y0)) * PX_PER_UNIT - 0.5
    ints = np.round(pixels * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [ints], (255,), cv2.LINE_AA, _SHIFT)
    cover = as_map(mask / np.float32(255))
    if soft:
        cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft * PX_PER_UNIT), np.float32)
    return cover


def face_outline(who: Identity) -> Points:
    """Return the edge of the skull and the jaw."""
    jaw, long = who.jaw_width, who.face_length
    return smooth(
        mirrored(
            [
                (0.28, -1.60),
                (0.68, -1.38),
                (0.89, -0.90),
                (0.94, -0.30),
                (0.93, 0.25),
                (0.86 * (1 + jaw) / 2, 0.75 * long),
                (0.72 * jaw, 1.12 * long),
                (0.45 * jaw, 1.43 * long),
                (0.17 * jaw, CHIN_Y * long),
            ]
        )
    )


def ears(who: Identity) -> Map:
    """Return the coverage of both ears."""
    rim = [(0.88, -0.12), (1.03, -0.20), (1.10, -0.02), (1.06, 0.28), (0.98, 0.48), (0.89, 0.50)]
    right = smooth(np.array(rim, float))
    return as_map(np.maximum(coverage(right), coverage(right * (-1, 1))))


def hair_cover(who: Identity) -> Map:
    """Return the coverage of the hair above, in front of and beside the head."""
    x, y = grid()
    style = who.hair_style
    lift, low = {
        "short": (0.07, -0.05),
        "parted": (0.12, 0.10),
        "long": (0.14, 1.5),
        "receding": (0.02, -0.05),
        "fringe": (0.12, 0.05),
    }[style]
    outline = [
        (0.28, -1.62 - lift),
        (0.72 + lift * 0.5, -1.40 - lift),
        (0.95 + lift, -0.85),
        (0.96 + lift, -0.30),
        (0.95 + lift * 0.8, low),
    ]
    outer = coverage(smooth(mirrored([*outline, (0.80, low + 0.05)])), soft=0.012)
    line = {
        "short": -0.90 + 0.10 * np.abs(x),
        "parted": -0.93 + 0.26 * np.clip(x + 0.45, -0.4, 2.0) ** 2,
        "long": -0.95 + 0.30 * x**2,
        "receding": -1.22 - 0.20 * np.cos(x * 5.5),
        "fringe": -0.60 + 0.08 * np.cos(x * 2) + 0.03 * np.sin(x * 17) - 0.02 * np.sin(x * 31),
    }[style]
    rounded = (np.abs(x) / 0.86) ** 4 + (np.clip(-y, 0, 9) / -line) ** 4
    window = 1 - ramp(as_map(rounded), 0.82, 1.18)
    burn = 1 - ramp(as_map(y + 0.25 * (0.95 - np.abs(x))), low - 0.25, low)
    return as_map(outer * (1 - window) * burn)


def strands(who: Identity, *, contrast: float) -> Map:
    """Return the brightness of the hair, about 1: streaks that run outwards from the crown."""
    x, y = grid()
    rng = np.random.default_rng(who.texture_seed)
    noise = _noise(rng, (64, 512), 0.9, 9.0)
    angle = np.arctan2(x + 0.15, y + 1.75) / np.pi * 250 + 256
    radius = np.hypot(x, y + 1.75) * 22
    streaks = cv2.remap(
        noise, angle.astype(np.float32), radius.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )  # fmt: skip
    gloss = np.exp(-0.5 * ((np.hypot(x * 0.9, y + 0.2) - 1.10) / 0.16) ** 2)
    return np.asarray(np.clip(1 + contrast * streaks + 0.22 * gloss, 0.3, 2.0), np.float32)


def brows(who: Identity) -> Map:
    """Return the coverage of both eyebrows, with visible single hairs."""
    y0, half = who.brow_y, 0.042 * who.brow_thick
    upper = [(0.17, y0 + 0.01), (0.34, y0 - 0.045), (0.55, y0 - 0.06), (0.70, y0 + 0.0)]
    ys = np.array([half, half, half * 0.75, 0.2 * half])
    top = np.array(upper) - np.stack([0 * ys, ys], 1)
    bottom = np.array(upper) + np.stack([0 * ys, ys], 1)
    outline = smooth(np.concatenate([top, bottom[::-1]]))
    cover = np.maximum(coverage(outline, soft=0.013), coverage(outline * (-1, 1), soft=0.013))
    rng = np.random.default_rng(who.texture_seed + 1)
    hairs = _noise(rng, CANVAS_HW, 0.8, 0.8)
    return as_map(np.clip(cover * (0.95 + 0.25 * hairs), 0, 0.93))


def _noise(rng: np.random.Generator, hw: tuple[int, int], sigma_x: float, sigma_y: float) -> Map:
    """Return blurred noise of mean 0 and deviation 1."""
    rough = rng.standard_normal(hw, np.float32)
    noise = as_map(cv2.GaussianBlur(rough, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y))
    return as_map(noise / noise.std())


def mix(canvas: Map, colour: Rgb | Map, cover: Map) -> Map:
    """Blend ``colour`` over the (H, W, 3) ``canvas`` by the (H, W) ``cover``, 0 to 1."""
    over = np.asarray(colour, np.float32)
    return np.asarray(canvas + (over - canvas) * cover[..., None], np.float32)


def _shade(skin: Rgb, factors: tuple[float, float, float]) -> Map:
    return np.array(skin, np.float32) * np.array(factors, np.float32)


def paint_skin(who: Identity) -> Map:
    """Paint the skin from forehead to chin, without eyes and lips, (H, W, 3) float32, 0 to 255."""
    x, y = grid()
    rng = np.random.default_rng(who.texture_seed + 2)
    tip = NOSE_Y * who.nose_length
    canvas = np.zeros((*CANVAS_HW, 3), np.float32) + np.array(who.skin, np.float32)
    ruddy = 0.55 * twin(x, y, 0.55, 0.38, 0.22, 0.20) + 0.45 * bump(x, y, 0, tip, 0.16, 0.10)
    canvas = mix(canvas, _shade(who.skin, (0.98, 0.80, 0.78)), as_map(ruddy * 0.7))
    lids = twin(x, y, who.eye_x, -0.05, 0.21, 0.10)
    canvas = mix(canvas, _shade(who.skin, (0.80, 0.70, 0.68)), lids * 0.75)
    rings = twin(x, y, who.eye_x - 0.05, 0.15, 0.17, 0.04)
    canvas = mix(canvas, _shade(who.skin, (0.82, 0.74, 0.76)), rings * (0.35 + 0.3 * who.age))
    for sigma, depth in ((0.7, 0.016), (3.0, 0.018)):
        canvas *= (1 + depth * _noise(rng, CANVAS_HW, sigma, sigma))[..., None]
    spots = as_map(cv2.GaussianBlur(as_map(rng.random(CANVAS_HW) < 0.012), (0, 0), 0.9))
    cheeks = np.clip(twin(x, y, 0.35, 0.25, 0.35, 0.18), 0, 1) * who.freckles * 3
    canvas = mix(canvas, _shade(who.skin, (0.72, 0.58, 0.48)), np.clip(spots * cheeks, 0, 0.8))
    beard = ramp(y, 0.62, 0.85) * ramp(np.hypot(x * 0.9, y - 0.62), 0.25, 0.42)
    beard = np.maximum(beard, 0.9 * bump(x, y, 0, 0.80, 0.24, 0.05)) * who.stubble
    beard = beard * (1 + 0.2 * _noise(rng, CANVAS_HW, 0.6, 0.6))
    tone = 0.45 * np.array(who.hair, np.float32) + 0.35 * np.array(who.skin, np.float32)
    canvas = mix(canvas, tone, as_map(np.clip(beard * 0.62, 0, 0.85)))
    nostrils = twin(x, y, 0.098 * who.nose_width, tip + 0.085, 0.042, 0.020)
    under = bump(x, y, 0, tip + 0.10, 0.14 * who.nose_width, 0.025)
    wing = np.exp(
        -0.5 * ((np.hypot(np.abs(x) - 0.17 * who.nose_width, y - tip) - 0.09) / 0.02) ** 2
    )
    wing = wing * ramp(np.abs(x), 0.19, 0.26)
    canvas = mix(canvas, _shade(who.skin, (0.55, 0.45, 0.42)), np.clip(0.55 * under, 0, 1))
    canvas = mix(canvas, _shade(who.skin, (0.60, 0.50, 0.48)), as_map(0.7 * wing))
    canvas = mix(canvas, _shade(who.skin, (0.26, 0.17, 0.16)), np.clip(1.15 * nostrils, 0, 0.95))
    groove = bump(x, y, 0, MOUTH_Y + 0.20, 0.20, 0.03)
    return mix(canvas, _shade(who.skin, (0.80, 0.70, 0.66)), 0.45 * groove)


def paint_head(who: Identity) -> tuple[NDArray[np.uint8], Map]:
    """Paint a head at rest with hair, brows and ears, without eyes and lips.

    Returns:
        (H, W, 4) uint8 as red, green, blue and coverage; and the hair's coverage, (H, W), 0 to 1.
    """
    x, y = grid()
    ear, hair = ears(who), hair_cover(who)
    skull = coverage(face_outline(who))
    skin = paint_skin(who)
    inner = twin(x, y, 1.0, 0.10, 0.035, 0.16)
    ear_skin = mix(np.broadcast_to(_shade(who.skin, (0.90, 0.76, 0.72)), skin.shape),
                   _shade(who.skin, (0.55, 0.42, 0.38)), inner)  # fmt: skip
    canvas = mix(ear_skin, skin, ramp(skull, 0.0, 1.0))
    canvas = mix(canvas, _shade(who.hair, (0.9, 0.9, 0.9)), brows(who))
    colour = np.array(who.hair, np.float32) * strands(who, contrast=0.15)[..., None]
    thin = np.clip(hair * (0.97 if who.hair_style != "receding" else 0.9), 0, 1)
    canvas = mix(canvas, np.clip(colour, 0, 255), thin)
    alpha = np.maximum(np.maximum(skull, ear), hair)
    stack = np.concatenate([canvas, 255 * alpha[..., None]], axis=2)
    return np.clip(stack, 0, 255).astype(np.uint8), hair.astype(np.float32)
