"""Tracked faces of stored tables, by video and track."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from emotion.predict.timeline import TrackFaces


def tracks_of(table: pa.Table) -> dict[str, list[TrackFaces]]:
    """Tracked faces by video, in order of track; see ``schemas.scores.SCORED_FACES``."""
    table = table.filter(table["track_id"].is_valid())
    table = table.sort_by([(k, "ascending") for k in ("video_id", "track_id", "frame_index")])
    video, track = table["video_id"].to_pylist(), table["track_id"].to_numpy()
    identity = table["identity_id"].to_numpy()
    frame = table["frame_index"].to_numpy().astype(np.int64)
    score = table["score"].to_numpy().astype(np.float64)
    size = table["size_px"].to_numpy().astype(np.float64)
    flat = table["box"].combine_chunks().flatten() if table.num_rows else pa.array([], pa.float32())
    boxes = flat.to_numpy(zero_copy_only=False).reshape(-1, 4).astype(np.float32)
    found: dict[str, list[TrackFaces]] = {}
    start = 0
    for stop in range(1, len(video) + 1):
        same = stop < len(video) and video[stop] == video[start] and track[stop] == track[start]
        if same:
            continue
        span = slice(start, stop)
        faces = TrackFaces(
            track_id=int(track[start]),
            identity_id=int(identity[start]),
            frame_index=frame[span],
            scores=score[span],
            sizes_px=size[span],
            boxes=boxes[span],
        )
        found.setdefault(video[start], []).append(faces)
        start = stop
    return found
