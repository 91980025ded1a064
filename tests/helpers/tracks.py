"""Tracks written down by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emotion.predict.timeline import TrackFaces


def track_faces(
    frames: Sequence[int],
    *,
    track: int = 0,
    person: int = 0,
    size_px: float = 40.0,
    yaw_deg: float = 0.0,
    blur: float = 100.0,
) -> TrackFaces:
    """Return a track with equal faces at the given samples."""
    count = len(frames)
    return TrackFaces(
        track_id=track,
        identity_id=person,
        frame_index=np.array(frames, np.int64),
        scores=np.full(count, 0.9),
        sizes_px=np.full(count, size_px),
        yaws_deg=np.full(count, yaw_deg),
        blurs=np.full(count, blur),
        boxes=np.tile(np.array([1, 2, 3, 4], np.float32), (count, 1)),
    )
