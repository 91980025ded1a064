"""Evidence about each person of a video: time with a face, and how many faces are usable.

A face is usable if it is large enough, turned to the camera and sharp. A model still answers for
other faces; its answers about a person with few usable faces are worth less. The limits on size and
sharpness are those at which three quarters of the labels of MobileFaceNet stay (docs/scoring.md);
the limit on the turn is that of the face embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from emotion.predict.baseline import Rest
from emotion.predict.timeline import Row, TrackFaces

LEAST_SIZE_PX = 32.0
"""Smallest usable face: square root of the box's area, pixels of the frame."""
MOST_YAW_DEG = 40.0
"""Largest turn of a usable face to either side, degrees, as ``head_angles`` estimates it."""
LEAST_BLUR = 20.0
"""Smallest variance of the Laplacian of a usable face's crop."""

USABLE = (
    f"A face is usable if it is at least {LEAST_SIZE_PX:.0f} px large, turned by at most "
    f"{MOST_YAW_DEG:.0f} degrees, and sharp. Shares in view and usable are of the video's length, "
    "the others of the person's faces. Answers about a person with few usable faces are worth less."
)
"""Sentences for people about the columns of ``people``."""


def person_rows(
    tracks: Sequence[TrackFaces],
    rests: Mapping[int, Rest],
    *,
    fps: float,
    duration_s: float,
) -> list[Row]:
    """Return the rows of ``people`` without the video's columns, by identity_id.

    Shares of time count a sample once, also if two tracks of a person have a face in it.

    Args:
        tracks: tracks of the video; without a track there is no row.
        rests: resting expression by identity_id; empty without a baseline.
        fps: samples per second of the extraction spec.
        duration_s: length of the video, seconds; shares are at most 1, and 0 if this is 0.
    """
    by_person: dict[int, list[TrackFaces]] = {}
    for track in tracks:
        by_person.setdefault(track.identity_id, []).append(track)
    return [
        {"identity_id": identity}
        | _evidence(of_person, fps=fps, duration_s=duration_s)
        | _rest_columns(rests.get(identity))
        for identity, of_person in sorted(by_person.items())
    ]


def _evidence(tracks: Sequence[TrackFaces], *, fps: float, duration_s: float) -> Row:
    frames = np.concatenate([track.frame_index for track in tracks])
    sizes = np.concatenate([track.sizes_px for track in tracks])
    yaws = np.abs(np.concatenate([track.yaws_deg for track in tracks]))
    blurs = np.concatenate([track.blurs for track in tracks])
    is_small, is_turned, is_blurred = (
        sizes < LEAST_SIZE_PX,
        yaws > MOST_YAW_DEG,
        blurs < LEAST_BLUR,
    )
    usable = ~(is_small | is_turned | is_blurred)

    def share(chosen: NDArray[np.int64]) -> float:
        seconds = len(np.unique(chosen)) / fps
        return min(1.0, seconds / duration_s) if duration_s > 0 else 0.0

    return {
        "face_s": len(np.unique(frames)) / fps,
        "face_share": share(frames),
        "usable_share": share(frames[usable]),
        "small_share": float(is_small.mean()),
        "turned_share": float(is_turned.mean()),
        "blurred_share": float(is_blurred.mean()),
        "median_size_px": float(np.median(sizes)),
        "median_yaw_deg": float(np.median(yaws)),
        "median_blur": float(np.median(blurs)),
    }


def _rest_columns(rest: Rest | None) -> Row:
    if rest is None:
        return {"baseline_s": None, "baseline_reason": None}
    return {
        "baseline_s": None if rest.logs is None else rest.seconds,
        "baseline_reason": rest.reason,
    }
