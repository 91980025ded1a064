"""Surroundings of a head: blurred room, neck and clothes, light and camera noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes
from emotion.synth.face import Light, Stance
from emotion.synth.identity import Identity
from emotion.synth.paint import smooth
from emotion.synth.relief import Map

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """Parts of the picture that are equal in all frames of a clip.

    Attributes:
        room: (H, W, 3) uint8 RGB background.
        body: (H, W, 4) uint8: RGB of neck, shoulders and hair behind the head, then coverage.
        home: mean stance (pose of the head); the head moves around it.
        light: light on the head.
        noise: (4, H, W, 3) int16 camera noise; frame k gets pattern k modulo 4.
        blur_px: sigma of the blur of the lens, pixels.
    """

    room: Picture
    body: Picture
    home: Stance
    light: Light
    noise: NDArray[np.int16]
    blur_px: float

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        height, width = self.room.shape[:2]
        check_array("Scene.room", self.room, shape=(height, width, 3), dtype=np.uint8)
        check_array("Scene.body", self.body, shape=(height, width, 4), dtype=np.uint8)
        check_array("Scene.noise", self.noise, shape=(4, height, width, 3), dtype=np.int16)


def make_light(rng: np.random.Generator) -> Light:
    """Choose random light: a key light from above, left or right, and a dimmer ambient light."""
    side, up = rng.uniform(-0.65, 0.65), rng.uniform(-0.75, -0.30)
    direction = np.array([side, up, 1.0])
    warmth = rng.uniform(-0.07, 0.07)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    strength = rng.uniform(0.82, 1.06)
    share = rng.uniform(0.28, 0.42)
    return Light(
        direction=(direction / np.linalg.norm(direction)).astype(np.float32),
        key=(tint * strength * (1 - share) * 1.15).astype(np.float32),
        ambient=(tint[::-1] * strength * share).astype(np.float32),
    )


def make_home(rng: np.random.Generator, frame_hw: tuple[int, int]) -> Stance:
    """Choose a random mean stance of the head: near the middle, turned a little."""
    height, width = frame_hw
    unit_px = rng.uniform(0.195, 0.245) * min(height, width * 0.98)
    return Stance(
        yaw=float(np.clip(rng.normal(0, 0.12), -0.28, 0.28)),
        pitch=float(np.clip(rng.normal(0, 0.06), -0.13, 0.13)),
        roll=float(np.clip(rng.normal(0, 0.05), -0.12, 0.12)),
        x_px=float(width * rng.uniform(0.43, 0.57)),
        y_px=float(height * rng.uniform(0.44, 0.50)),
        unit_px=float(unit_px),
    )


def make_scene(rng: np.random.Generator, who: Identity, frame_hw: tuple[int, int]) -> Scene:
    """Choose and draw random surroundings for one clip."""
    home, light = make_home(rng, frame_hw), make_light(rng)
    room = _room(rng, frame_hw)
    grain = rng.uniform(1.0, 3.0)
    noise = (rng.standard_normal((4, *frame_hw, 3), np.float32) * grain).astype(np.int16)
    return Scene(
        room=room,
        body=_body(who, home, light, frame_hw),
        home=home,
        light=light,
        noise=noise,
        blur_px=float(max(0.0, rng.uniform(-0.4, 0.6))),
    )


def compose(scene: Scene, head: Picture, stance: Stance, *, index: int) -> Picture:
    """Combine room, body and head, with blur and camera noise, to one picture.

    Args:
        scene: the surroundings.
        head: (H, W, 4) uint8, the head at its position, from ``Head.placed``.
        stance: pose of the head; the body follows its position.
        index: number of the frame; chooses the camera noise.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = scene.room.shape[:2]
    move = np.array(
        [
            [1, 0, 0.6 * (stance.x_px - scene.home.x_px)],
            [0, 1, 0.6 * (stance.y_px - scene.home.y_px)],
        ],
        np.float32,
    )
    body = cv2.warpAffine(scene.body, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    picture = over(over(scene.room, np.asarray(body, np.uint8)), head)
    if scene.blur_px > 0.2:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), scene.blur_px), np.uint8)
    noisy = cv2.add(picture, scene.noise[index % len(scene.noise)], dtype=cv2.CV_8U)
    return np.asarray(noisy, np.uint8)


def over(below: Picture, layer: Picture) -> Picture:
    """Blend a (H, W, 4) layer over a (H, W, 3) picture by the layer's coverage, 0 to 255.

    >>> over(np.full((1, 1, 3), 10, np.uint8), np.array([[[200, 100, 0, 255]]], np.uint8))
    array([[[200, 100,   0]]], dtype=uint8)
    """
    share = cv2.merge([layer[..., 3]] * 3)
    kept = cv2.multiply(below, 255 - share, scale=1 / 255)
    return np.asarray(cv2.add(kept, cv2.multiply(layer[..., :3], share, scale=1 / 255)), np.uint8)


def _room(rng: np.random.Generator, frame_hw: tuple[int, int]) -> Picture:
    """Draw a wall with a gradient and some furniture out of focus."""
    height, width = frame_hw
    base = rng.uniform(70, 190) + rng.uniform(-18, 18, 3)
    fall = np.linspace(rng.uniform(0.8, 1.1), rng.uniform(0.7, 1.0), width)[None, :, None]
    room = np.clip(np.ones((height, 1, 1)) * fall * base, 0, 255).astype(np.uint8)
    for _ in range(rng.integers(2, 6)):
        x, y = rng.integers(0, width), rng.integers(0, height)
        w, h = rng.integers(width // 8, width // 2), rng.integers(height // 8, height)
        colour = np.clip(base * rng.uniform(0.55, 1.35) + rng.uniform(-25, 25, 3), 0, 255)
        cv2.rectangle(room, (int(x), int(y)), (int(x + w), int(y + h)), colour.tolist(), -1)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), rng.uniform(4, 9)), np.uint8)


def _fill(layer: Map, points: Map, colour: Map, soft: float) -> None:
    """Paint a smooth polygon, given in picture pixels, over an (H, W, 4) layer, 0 to 255."""
    mask = np.zeros(layer.shape[:2], np.uint8)
    ints = np.round(smooth(points.astype(np.float64)) * 16).astype(np.int32)
    cv2.fillPoly(mask, [ints], (255,), cv2.LINE_AA, 4)
    cover = cv2.GaussianBlur(mask, (0, 0), soft)[..., None].astype(np.float32) / 255
    layer[..., 3:] = np.maximum(layer[..., 3:], 255 * cover)
    layer[..., :3] += (colour - layer[..., :3]) * (cover / np.maximum(layer[..., 3:] / 255, 1e-3))


def _body(who: Identity, home: Stance, light: Light, frame_hw: tuple[int, int]) -> Picture:
    """Draw neck, shoulders and the long hair behind them, in light similar to the head's."""
    layer = np.zeros((*frame_hw, 4), np.float32)

    def at(points: list[tuple[float, float]]) -> Map:
        right = np.array(points)
        both = np.concatenate([right, right[::-1] * (-1, 1)])
        return np.asarray(both * home.unit_px + (home.x_px, home.y_px), np.float32)

    dim = np.sqrt(light.ambient + 0.55 * light.key)
    if who.hair_style == "long":
        mane = at([(0.4, -1.4), (1.0, -0.9), (1.12, 0.2), (1.16, 1.3), (1.02, 2.2), (0.4, 2.3)])
        _fill(layer, mane, np.array(who.hair, np.float32) * dim * 0.75, 1.5)
    neck = at([(0.50, 0.6), (0.50, 1.4), (0.53, 1.95), (1.00, 2.30), (1.2, 3.0)])
    skin = np.array(who.skin, np.float32) * (0.86, 0.80, 0.78) * dim
    _fill(layer, neck, skin, 0.8)
    under = at([(0.50, 1.0), (0.56, 1.5), (0.42, 1.76), (0.15, 1.86)])
    shade = layer.copy()
    _fill(shade, under, skin * 0.55, 5.0)
    layer[..., :3] += (shade[..., :3] - layer[..., :3]) * (layer[..., 3:] / 255)
    shirt = np.array(who.shirt, np.float32) * dim
    _fill(
        layer,
        at([(0.0, 2.42), (0.40, 2.33), (0.70, 2.02), (1.35, 2.30), (1.95, 2.70), (2.3, 4.5)]),
        shirt * 0.85,
        0.9,
    )
    return np.clip(layer, 0, 255).astype(np.uint8)
