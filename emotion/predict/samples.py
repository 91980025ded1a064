"""Probabilities at every sample of a track, from its scored clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes
from emotion.predict.answer import ClipPrediction
from emotion.predict.timeline import Evidence, TrackFaces, smooth

LEAST_REACH_S = 0.25
"""Smallest reach of the kernel, seconds: an expression takes 0.25 to 0.5 s to appear.

``emotion.predict.timeline`` defines the kernel.
"""


@dataclass(frozen=True)
class ScoredClip:
    """A clip with its answer and the probabilities of its steps.

    Attributes:
        answer: the answer for the clip.
        pts_s: presentation times, in seconds, of its T frames.
        steps: (S, K) probabilities of S equal parts of the clip in time.
    """

    answer: ClipPrediction
    pts_s: Sequence[float]
    steps: NDArray[np.float32]

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        shape = (None, len(self.answer.probs))
        check_array("ScoredClip.steps", self.steps, shape=shape, dtype=np.float32)


def clips_by_track(clips: Sequence[ScoredClip]) -> dict[int, list[ScoredClip]]:
    """Return the clips of each track by track_id."""
    by_track: dict[int, list[ScoredClip]] = {}
    for clip in clips:
        by_track.setdefault(clip.answer.track_id, []).append(clip)
    return by_track


def samples_of(
    tracks: Sequence[TrackFaces], clips: Sequence[ScoredClip], *, fps: float, stride: int
) -> dict[int, NDArray[np.float32] | None]:
    """Return the probabilities at the samples of each track by track_id; see ``_at_samples``."""
    by_track = clips_by_track(clips)
    return {
        t.track_id: _at_samples(t, by_track.get(t.track_id, []), fps=fps, stride=stride)
        for t in tracks
    }


def _at_samples(
    track: TrackFaces, clips: Sequence[ScoredClip], *, fps: float, stride: int
) -> NDArray[np.float32] | None:
    """Return (N, K) probabilities at the middle of each of the track's samples.

    Each step of a clip is one point of evidence, at the mean time of its frames. The reach of the
    kernel is half the distance between two points, at least ``LEAST_REACH_S``.

    Returns:
        None if the track has no clip.
    """
    if not clips:
        return None
    times_s, weights, probs = [], [], []
    for clip in clips:
        of_steps = np.array_split(np.asarray(clip.pts_s), len(clip.steps))
        times_s += [float(part.mean()) + 0.5 / fps for part in of_steps]
        weights += [float(clip.answer.num_faces)] * len(of_steps)
        probs.append(clip.steps)
    num_steps = len(clips[0].steps)
    apart = stride if num_steps == 1 else len(clips[0].pts_s) / num_steps
    evidence = Evidence(np.array(times_s), np.array(weights), np.concatenate(probs))
    middle_s = (track.frame_index.astype(np.float64) + 0.5) / fps
    return smooth(evidence, middle_s, reach_s=max(LEAST_REACH_S, 0.5 * apart / fps))
