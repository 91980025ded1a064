"""Rendering of one acted expression to frames and to a video file."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from emotion.errors import InputError
from emotion.labels import LABELS, class_index
from emotion.synth.acting import Take, act, drift
from emotion.synth.face import Head, Stance
from emotion.synth.features import Gaze
from emotion.synth.identity import make_identity
from emotion.synth.relief import Map
from emotion.synth.scene import Scene, compose, make_scene

# Most videos have the size of webcam thumbnails; the others test other sizes and frame rates.
_SIZES_HW = ((240, 320), (240, 320), (240, 320), (240, 320), (320, 240), (288, 352))
_RATES = (25, 25, 30, 30, 15, 12)
_LENGTH_S = (1.8, 3.0)


@dataclass(frozen=True)
class ClipFacts:
    """Ground truth of one video: a row of the corpus's label table.

    Attributes:
        subject_id: name of the person, see ``subject_name``.
        label: the acted expression.
        intensity: strength of the expression; 0 for neutral, see ``Take``.
        skin_tone: key of ``identity.SKIN_TONES``.
        fps: frames per second.
        frames: number of frames.
        width: width, pixels.
        height: height, pixels.
        onset_s: time at which the face leaves neutral, seconds; 0 for neutral.
        offset_s: time at which the face is neutral again, seconds; 0 for neutral.
    """

    subject_id: str
    label: str
    intensity: float
    skin_tone: str
    fps: int
    frames: int
    width: int
    height: int
    onset_s: float
    offset_s: float


def subject_name(subject: int) -> str:
    """Return the name of a subject in files and tables.

    >>> subject_name(7)
    's007'
    """
    return f"s{subject:03d}"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the pixels of a clip."""

    facts: ClipFacts
    take: Take
    scene: Scene
    stances: tuple[Stance, ...]


def plan_clip(*, seed: int, subject: int, label: str) -> Plan:
    """Plan one clip; the same arguments give the same plan.

    Args:
        seed: seed of the corpus.
        subject: number of the person, from 0.
        label: the expression to act.

    Raises:
        InputError: if the label is not one of ``LABELS``.
    """
    rng = np.random.default_rng([seed, subject, 1 + class_index(label, LABELS)])
    who = make_identity(seed=seed, subject=subject)
    height, width = _SIZES_HW[rng.integers(len(_SIZES_HW))]
    fps = _RATES[rng.integers(len(_RATES))]
    num_frames = round(float(rng.uniform(*_LENGTH_S)) * fps)
    take = act(rng, who, label=label, num_frames=num_frames, fps=fps)
    scene = make_scene(rng, who, (height, width))
    times = (np.arange(num_frames) / fps).astype(np.float32)
    facts = ClipFacts(
        subject_id=subject_name(subject),
        label=label,
        intensity=round(take.intensity, 3),
        skin_tone=who.skin_tone,
        fps=fps,
        frames=num_frames,
        width=width,
        height=height,
        onset_s=round(take.onset_s, 3),
        offset_s=round(take.offset_s, 3),
    )
    return Plan(facts, take, scene, tuple(_sway(rng, scene.home, times)))


def _sway(rng: np.random.Generator, home: Stance, times: Map) -> Iterator[Stance]:
    """Yield the head's small movements around its home, one stance per frame."""
    turn, nod, tilt, right, down = (drift(rng, times=times, period_s=3.0) for _ in range(5))
    for k in range(len(times)):
        yield Stance(
            yaw=home.yaw + 0.05 * float(turn[k]),
            pitch=home.pitch + 0.03 * float(nod[k]),
            roll=home.roll + 0.025 * float(tilt[k]),
            x_px=home.x_px + 0.05 * home.unit_px * float(right[k]),
            y_px=home.y_px + 0.04 * home.unit_px * float(down[k]),
            unit_px=home.unit_px,
        )


def render_frames(plan: Plan, head: Head) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures of a plan in order, (H, W, 3) uint8 RGB each."""
    return (render_frame(plan, head, index=k) for k in range(plan.facts.frames))


def render_frame(plan: Plan, head: Head, *, index: int) -> NDArray[np.uint8]:
    """Return picture ``index`` of a plan, (H, W, 3) uint8 RGB."""
    take, scene, stance = plan.take, plan.scene, plan.stances[index]
    gaze_x, gaze_y = take.gaze[index]
    gaze = Gaze(x=float(gaze_x), y=float(gaze_y), blink=float(take.blink[index]))
    canvas = head.canvas(take.units[index], gaze, scene.light, stance)
    placed = head.placed(canvas, stance, (plan.facts.height, plan.facts.width))
    return compose(scene, placed, stance, index=index)


SAME_BYTES: dict[str, str | None] = (
    {"x264-params": "asm=AVX2"} if platform.machine() == "x86_64" else {}
)
"""Encoder options that make files with equal bytes.

x264's AVX-512 code gave different bytes in 4 of 8 runs, its AVX2 code in 0 of 20 runs.
"""


def encode_video(frames: Iterator[NDArray[np.uint8]], path: Path, *, facts: ClipFacts) -> None:
    """Write frames as H.264 in mp4; the file gets its name after it is complete.

    Args:
        frames: (height, width, 3) uint8 RGB each.
        path: file to write; an existing one is replaced.
        facts: frame rate and size.

    Raises:
        OSError: if it cannot be written.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    with av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=facts.fps)
        stream.width, stream.height, stream.pix_fmt = facts.width, facts.height, "yuv420p"
        stream.options = {"crf": "21", "preset": "veryfast", "threads": "1", **SAME_BYTES}
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    part.replace(path)


def render_clip(path: Path, *, seed: int, subject: int, label: str) -> ClipFacts:
    """Render and write one video; the same arguments give the same frames.

    Args:
        path: file to write; it must end in ``.mp4``, and its folder must exist.
        seed: seed of the corpus.
        subject: number of the person, from 0.
        label: one of ``LABELS``.

    Raises:
        InputError: if the path does not end in ``.mp4``, the subject is negative, or the label is
            unknown.
        OSError: if the file cannot be written.
    """
    if path.suffix != ".mp4":
        raise InputError(f"clip path {path} must end in .mp4")
    if subject < 0:
        raise InputError(f"subject must be at least 0, got {subject}")
    plan = plan_clip(seed=seed, subject=subject, label=label)
    head = Head(make_identity(seed=seed, subject=subject))
    encode_video(render_frames(plan, head), path, facts=plan.facts)
    return plan.facts
