"""Drawn persons: proportions, colours and habits that are equal in all clips of a subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

HairStyle = Literal["short", "parted", "long", "receding", "fringe"]
Rgb = tuple[int, int, int]

HAIR_STYLES: tuple[HairStyle, ...] = ("short", "parted", "long", "receding", "fringe")
SKIN_TONES: dict[str, Rgb] = {  # light to dark, so that results can be sliced by tone
    "I": (238, 206, 190),
    "II": (233, 194, 168),
    "III": (212, 166, 134),
    "IV": (180, 131, 99),
    "V": (142, 98, 72),
    "VI": (108, 74, 56),
}
HAIR_COLOURS: tuple[Rgb, ...] = (
    (28, 22, 20),
    (52, 36, 28),
    (84, 56, 36),
    (118, 84, 56),
    (166, 136, 98),
    (122, 58, 34),
    (140, 136, 132),
)
IRIS_COLOURS: tuple[Rgb, ...] = ((62, 40, 26), (88, 60, 34), (92, 96, 60), (78, 112, 136))


@dataclass(frozen=True)
class Identity:
    """One person; lengths are in half face widths (about 70 mm), scales are 1 for an average face.

    Attributes:
        skin_tone: key of ``SKIN_TONES``.
        skin: colour, RGB 0 to 255; so are ``hair``, ``iris`` and ``shirt``.
        hair_style: shape of the hair.
        jaw_width: scale of the face's width at the jaw.
        face_length: scale of the face below the eyes.
        nose_width: scale.
        nose_length: scale.
        eye_x: distance from the middle of the face to a pupil, a length.
        eye_size: scale.
        eye_tilt: height of the outer corner of the eye above the inner one, a length.
        brow_y: position of the brows, a length; negative is above the eyes.
        brow_thick: scale.
        lip_full: scale.
        mouth_width: scale.
        lip_red: 0 (lips in the colour of the skin) to 1 (painted lips).
        stubble: 0 (none) to 1 (a day's growth of beard).
        freckles: 0 to 1.
        age: 0 to 1, depth of the wrinkles of a face at rest.
        expressive: scale of the strength of all expressions.
        lopsided: -0.2 to 0.2, share by which the mouth's corner on the right of the picture moves
            more; negative: less.
        texture_seed: seed of the random textures of skin, hair and brows.
    """

    skin_tone: str
    skin: Rgb
    hair: Rgb
    iris: Rgb
    shirt: Rgb
    hair_style: HairStyle
    jaw_width: float
    face_length: float
    nose_width: float
    nose_length: float
    eye_x: float
    eye_size: float
    eye_tilt: float
    brow_y: float
    brow_thick: float
    lip_full: float
    mouth_width: float
    lip_red: float
    stubble: float
    freckles: float
    age: float
    expressive: float
    lopsided: float
    texture_seed: int


def _tint(rng: np.random.Generator, colour: Rgb, spread: float) -> Rgb:
    factors = rng.uniform(1 - spread, 1 + spread) * rng.uniform(0.97, 1.03, 3)
    r, g, b = np.clip(np.array(colour) * factors, 8, 250).astype(int)
    return int(r), int(g), int(b)


def make_identity(*, seed: int, subject: int) -> Identity:
    """Choose the random features of person ``subject`` in the corpus ``seed``.

    Skin tones alternate, so that six consecutive subjects have all six.

    >>> make_identity(seed=1, subject=0) == make_identity(seed=1, subject=0)
    True
    >>> [make_identity(seed=1, subject=k).skin_tone for k in range(6)]
    ['II', 'IV', 'I', 'VI', 'III', 'V']
    """
    rng = np.random.default_rng([seed, subject])
    tone = ("II", "IV", "I", "VI", "III", "V")[subject % 6]
    dark = tone in ("IV", "V", "VI")
    hair = HAIR_COLOURS[rng.integers(3 if dark else len(HAIR_COLOURS))]
    iris = IRIS_COLOURS[rng.integers(2 if dark else len(IRIS_COLOURS))]
    bearded = bool(rng.random() < 0.4)
    shirt = rng.integers(30, 210, 3)
    return Identity(
        skin_tone=tone,
        skin=_tint(rng, SKIN_TONES[tone], 0.03),
        hair=_tint(rng, hair, 0.12),
        iris=_tint(rng, iris, 0.12),
        shirt=(int(shirt[0]), int(shirt[1]), int(shirt[2])),
        hair_style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))],
        jaw_width=float(rng.uniform(0.9, 1.08)),
        face_length=float(rng.uniform(0.94, 1.05)),
        nose_width=float(rng.uniform(0.85, 1.2)),
        nose_length=float(rng.uniform(0.92, 1.07)),
        eye_x=float(rng.uniform(0.42, 0.46)),
        eye_size=float(rng.uniform(0.93, 1.1)),
        eye_tilt=float(rng.uniform(-0.015, 0.03)),
        brow_y=float(rng.uniform(-0.33, -0.27)),
        brow_thick=float(rng.uniform(0.75, 1.3)),
        lip_full=float(rng.uniform(0.8, 1.3)),
        mouth_width=float(rng.uniform(0.92, 1.1)),
        lip_red=float(rng.uniform(0.25, 0.5) if bearded else rng.uniform(0.3, 0.9)),
        stubble=float(rng.uniform(0.2, 0.9)) if bearded else 0.0,
        freckles=float(max(0.0, rng.uniform(-0.6, 0.8))),
        age=float(rng.uniform(0.0, 1.0)),
        expressive=float(rng.uniform(0.85, 1.12)),
        lopsided=float(rng.uniform(-0.15, 0.15)),
        texture_seed=int(rng.integers(2**31)),
    )
