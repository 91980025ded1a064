"""Course of an expression: neutral, onset, apex, offset, as action units per frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotion.arrays import check_array, repr_with_shapes
from emotion.synth.identity import Identity
from emotion.synth.relief import ACTION_UNITS, Map

# Strength of each action unit at the apex: Ekman and Friesen's prototypes (FACS).
APEX: dict[str, dict[int, float]] = {
    "neutral": {},
    "happy": {6: 0.9, 12: 1.0, 25: 0.75},
    "sad": {1: 1.0, 4: 0.45, 15: 1.0, 17: 0.75},
    "angry": {4: 1.35, 5: 0.55, 7: 0.70, 23: 1.2, 17: 0.35},
    "surprise": {1: 0.9, 2: 1.0, 5: 0.8, 25: 0.5, 26: 0.95},
    "fear": {1: 0.95, 2: 0.45, 4: 0.55, 5: 1.0, 7: 0.1, 20: 1.0, 25: 0.9, 16: 0.6},
    "disgust": {9: 1.0, 10: 1.0, 4: 0.35, 7: 0.5, 15: 0.35, 16: 0.4, 17: 0.3, 25: 0.4},
}
INTENSITY = (0.75, 1.05)


@dataclass(frozen=True)
class Take:
    """One acted expression.

    Attributes:
        intensity: strength at the apex: 0 for neutral, else in the range ``INTENSITY``.
        onset_s: time at which the face leaves neutral, seconds; 0 for neutral.
        offset_s: time at which the face is neutral again, seconds; 0 for neutral.
        units: (frames, 16) float32 strengths of ``ACTION_UNITS``.
        blink: (frames,) float32, from 0 (eyes open) to 1 (shut).
        gaze: (frames, 2) float32, shift of the irises to the right and down, canvas units.
    """

    intensity: float
    onset_s: float
    offset_s: float
    units: Map
    blink: Map
    gaze: Map

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        frames = len(self.units)
        shape = (frames, len(ACTION_UNITS))
        check_array("Take.units", self.units, shape=shape, dtype=np.float32)
        check_array("Take.blink", self.blink, shape=(frames,), dtype=np.float32)
        check_array("Take.gaze", self.gaze, shape=(frames, 2), dtype=np.float32)


def drift(rng: np.random.Generator, *, times: Map, period_s: float) -> Map:
    """Return a smooth random curve, about -1 to 1, at ``times`` (seconds): (frames,) float32.

    One wave takes about ``period_s``.
    """
    phases, speeds = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.6, 1.4, 3)
    waves = [
        np.sin(2 * np.pi * speed * times / period_s + phase)
        for phase, speed in zip(phases, speeds * (1.0, 1.7, 2.6), strict=True)
    ]
    return np.asarray(0.6 * waves[0] + 0.3 * waves[1] + 0.15 * waves[2], np.float32)


def blinks(rng: np.random.Generator, *, times: Map) -> Map:
    """Return blinks of about 0.2 s, every 2 to 4 s: (frames,) float32, 0 open to 1 shut."""
    shut = np.zeros_like(times)
    at_s = rng.uniform(0.2, 2.4)
    while at_s < times[-1]:
        shut = np.maximum(shut, np.exp(-0.5 * ((times - at_s) / 0.055) ** 2))
        at_s += rng.uniform(2.0, 4.0)
    return shut.astype(np.float32)


def act(
    rng: np.random.Generator, who: Identity, *, label: str, num_frames: int, fps: float
) -> Take:
    """Return one take of ``label`` by person ``who``; a neutral face moves a little, too."""
    times = (np.arange(num_frames) / fps).astype(np.float32)
    length_s = num_frames / fps
    intensity = float(rng.uniform(*INTENSITY))
    onset_s = float(rng.uniform(0.08, 0.16) * length_s)
    offset_s = float(rng.uniform(0.86, 0.97) * length_s)
    rise_s, fall_s = rng.uniform(0.22, 0.40), rng.uniform(0.25, 0.45)
    style = rng.uniform(0.85, 1.15, len(ACTION_UNITS))
    at_rest = np.clip(rng.normal(0, 0.06, len(ACTION_UNITS)), 0, 0.12)
    wander = np.stack([drift(rng, times=times, period_s=1.8) for _ in ACTION_UNITS], axis=1)
    shut, glance = blinks(rng, times=times), [drift(rng, times=times, period_s=2.5) for _ in "xy"]
    if label == "neutral":
        intensity, onset_s, offset_s = 0.0, 0.0, 0.0
        level = np.zeros_like(times)
    else:
        level = np.minimum((times - onset_s) / rise_s, (offset_s - times) / fall_s).clip(0, 1)
        level = level * level * (3 - 2 * level)
    apex = np.array([APEX[label].get(unit, 0.0) for unit in ACTION_UNITS]) * style * who.expressive
    units = np.outer(level, apex) * intensity * (1 + 0.05 * wander)
    units += at_rest * (1 - 0.7 * level[:, None]) + 0.012 * (1 + wander)
    return Take(
        intensity=intensity,
        onset_s=onset_s,
        offset_s=offset_s,
        units=units.astype(np.float32),
        blink=shut,
        gaze=(np.stack(glance, axis=1) * (0.020, 0.008)).astype(np.float32),
    )
