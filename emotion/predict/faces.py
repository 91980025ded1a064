"""Tracks of each video, and its coverage, from rows of stored faces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from emotion.predict.timeline import TrackFaces


def tracks_of(faces: pa.Table) -> dict[str, list[TrackFaces]]:
    """Return the tracks of each video by video_id, in order of track_id.

    A video without a tracked face is left out.

    Args:
        faces: rows of ``schemas.scores.SCORED_FACES``; faces without a track are left out.
    """
    table = faces.filter(faces["track_id"].is_valid())
    table = table.sort_by([(k, "ascending") for k in ("video_id", "track_id", "frame_index")])
    video, track = table["video_id"].to_pylist(), table["track_id"].to_numpy()
    identity = table["identity_id"].to_numpy()
    frame = table["frame_index"].to_numpy().astype(np.int64)
    score = table["score"].to_numpy().astype(np.float64)
    columns = {"sizes_px": "size_px", "yaws_deg": "yaw_deg", "blurs": "blur"}
    measured = {k: table[name].to_numpy().astype(np.float64) for k, name in columns.items()}
    flat = table["box"].combine_chunks().flatten() if table.num_rows else pa.array([], pa.float32())
    boxes = flat.to_numpy(zero_copy_only=False).reshape(-1, 4).astype(np.float32)
    tracks: dict[str, list[TrackFaces]] = {}
    start = 0
    for stop in range(1, len(video) + 1):
        same = stop < len(video) and video[stop] == video[start] and track[stop] == track[start]
        if same:
            continue
        span = slice(start, stop)
        of_track = TrackFaces(
            track_id=int(track[start]),
            identity_id=int(identity[start]),
            frame_index=frame[span],
            scores=score[span],
            boxes=boxes[span],
            **{name: values[span] for name, values in measured.items()},
        )
        tracks.setdefault(video[start], []).append(of_track)
        start = stop
    return tracks


def coverages(faces: pa.Table, num_frames: Mapping[str, int]) -> dict[str, float]:
    """Return the share of each video's sampled frames that have a tracked face, 0 to 1.

    Args:
        faces: rows with at least video_id, track_id and frame_index.
        num_frames: number of sampled frames by video_id; a video with 0 frames has coverage 0.

    >>> rows = {"video_id": ["a", "a", "a"], "track_id": [0, 1, None], "frame_index": [2, 2, 3]}
    >>> coverages(pa.table(rows), {"a": 4, "b": 0})
    {'a': 0.25, 'b': 0.0}
    """
    tracked = faces.filter(faces["track_id"].is_valid())
    groups = tracked.group_by("video_id").aggregate([("frame_index", "count_distinct")])
    ids, samples = groups["video_id"].to_pylist(), groups["frame_index_count_distinct"].to_pylist()
    covered = dict(zip(ids, samples, strict=True))
    return {
        video_id: covered.get(video_id, 0) / frames if frames else 0.0
        for video_id, frames in num_frames.items()
    }
