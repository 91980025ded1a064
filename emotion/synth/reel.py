"""Reel: one video of one person who acts one expression after another, for pictures and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emotion.labels import LABELS
from emotion.synth.acting import Take, act, drift
from emotion.synth.clip import ClipFacts, Plan, encode_video, render_frames, subject_name
from emotion.synth.face import Head
from emotion.synth.identity import make_identity
from emotion.synth.scene import make_scene

FPS = 12
FRAME_HW = (240, 320)
_REEL = 1_000  # number of the reel's random stream; those of clips are 1 + the label's index


@dataclass(frozen=True)
class Act:
    """A label and the time [start_s, stop_s) in which it is acted, seconds from the start."""

    label: str
    start_s: float
    stop_s: float


def render_reel(
    path: Path, *, seed: int, subject: int, labels: Sequence[str] = LABELS, act_s: float = 4.0
) -> list[Act]:
    """Render and write one video of ``subject``; the same arguments give the same frames.

    Args:
        path: file to write; it must end in ``.mp4``, and its folder must exist.
        seed: seed of the corpus that has the person.
        subject: number of the person, from 0.
        labels: the expressions, in order; some of ``LABELS``.
        act_s: seconds per label, rounded to whole frames.

    Returns:
        The acts, in order.
    """
    plan = _plan_reel(seed, subject, labels, round(act_s * FPS))
    head = Head(make_identity(seed=seed, subject=subject))
    encode_video(render_frames(plan, head), path, facts=plan.facts)
    return [Act(label, k * act_s, (k + 1) * act_s) for k, label in enumerate(labels)]


def _plan_reel(seed: int, subject: int, labels: Sequence[str], frames_per_act: int) -> Plan:
    rng = np.random.default_rng([seed, subject, _REEL])
    who = make_identity(seed=seed, subject=subject)
    takes = [act(rng, who, label=x, num_frames=frames_per_act, fps=FPS) for x in labels]
    scene = make_scene(rng, who, FRAME_HW)
    num_frames = frames_per_act * len(labels)
    times = (np.arange(num_frames) / FPS).astype(np.float32)
    turn, tilt = drift(rng, times=times, period_s=4.0), drift(rng, times=times, period_s=5.0)
    home = scene.home
    stances = tuple(
        replace(home, yaw=home.yaw + 0.04 * float(y), roll=home.roll + 0.02 * float(r))
        for y, r in zip(turn, tilt, strict=True)
    )
    return Plan(_facts(who.skin_tone, subject, num_frames), _join(takes), scene, stances)


def _join(takes: Sequence[Take]) -> Take:
    """Join consecutive takes to one."""
    return Take(
        intensity=max(take.intensity for take in takes),
        onset_s=0.0,
        offset_s=0.0,
        units=np.concatenate([take.units for take in takes]),
        blink=np.concatenate([take.blink for take in takes]),
        gaze=np.concatenate([take.gaze for take in takes]),
    )


def _facts(skin_tone: str, subject: int, num_frames: int) -> ClipFacts:
    return ClipFacts(
        subject_id=subject_name(subject),
        label="",
        intensity=0.0,
        skin_tone=skin_tone,
        fps=FPS,
        frames=num_frames,
        width=FRAME_HW[1],
        height=FRAME_HW[0],
        onset_s=0.0,
        offset_s=0.0,
    )
