"""Arrow schemas of a scored archive; boxes, times and lists as in ``schemas.tables``.

Every table has ``video_id``; times are seconds from the video's first frame. Probability columns
follow the package's label order, and a row's sum to 1 or are all null.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from schemas.tables import FLOATS, REJECTS

Columns = list[tuple[str, pa.DataType]]


def prob_column(label: str) -> str:
    """Name of the column with one label's probability.

    >>> prob_column("happy")
    'prob_happy'
    """
    return f"prob_{label}"


def share_column(label: str) -> str:
    """Name of the column with the share of time that shows one label.

    >>> share_column("happy")
    'share_happy'
    """
    return f"share_{label}"


_WHO: Columns = [("video_id", pa.string()), ("uri", pa.string())]
_FACE: Columns = [("track_id", pa.int32()), ("identity_id", pa.int32())]
_SPAN: Columns = [("start_s", pa.float64()), ("stop_s", pa.float64())]  # half-open


def _answer(labels: Sequence[str]) -> Columns:
    """Columns of ``emotion.predict.mixture``, and the probabilities."""
    return [
        ("label", pa.string()),
        ("confidence", pa.float32()),
        ("second_label", pa.string()),
        ("margin", pa.float32()),
        ("entropy", pa.float32()),
        *[(prob_column(label), pa.float32()) for label in labels],
    ]


def scores_schema(labels: Sequence[str]) -> pa.Schema:
    """One row per clip."""
    columns: Columns = [
        ("clip_id", pa.string()),
        *_WHO,
        *_FACE,
        *_SPAN,
        ("box", FLOATS),
        ("num_faces", pa.int32()),
        ("quality", pa.float32()),
        *_answer(labels),
    ]
    return pa.schema(columns)


def timeline_schema(labels: Sequence[str]) -> pa.Schema:
    """One row per second of a track, and per second in which nobody is seen (track_id null)."""
    columns: Columns = [
        *_WHO,
        *_FACE,
        *_SPAN,
        ("face_share", pa.float32()),  # samples with the face, of those of the second
        ("quality", pa.float32()),
        ("box", FLOATS),
        *_answer(labels),
    ]
    return pa.schema(columns)


def segments_schema(labels: Sequence[str]) -> pa.Schema:
    """One row per run of one label in a track; probabilities are the run's means."""
    columns: Columns = [
        *_WHO,
        *_FACE,
        ("segment_index", pa.int32()),  # from 0 in each track
        *_SPAN,
        ("num_faces", pa.int32()),
        ("quality", pa.float32()),
        *_answer(labels),
    ]
    return pa.schema(columns)


def tracks_schema(labels: Sequence[str]) -> pa.Schema:
    """One row per track; answers are null for one too short for a clip."""
    columns: Columns = [
        *_WHO,
        *_FACE,
        *_SPAN,
        ("num_faces", pa.int32()),
        ("num_clips", pa.int32()),
        ("mean_size_px", pa.float32()),
        *_answer(labels),
    ]
    return pa.schema(columns)


def scored_videos_schema(labels: Sequence[str]) -> pa.Schema:
    """One row per video that could be read; answers are null where there is no clip."""
    columns: Columns = [
        *_WHO,
        ("content_sha256", pa.string()),
        ("duration_s", pa.float64()),
        ("num_frames", pa.int32()),  # sampled
        ("num_faces", pa.int32()),
        ("num_clips", pa.int32()),
        ("num_tracks", pa.int32()),
        ("num_identities", pa.int32()),  # identities
        ("coverage", pa.float32()),  # share of sampled frames with a tracked face, 0 to 1
        ("reason", pa.string()),  # why there is no label, else null
        *_answer(labels),
        *[(share_column(label), pa.float32()) for label in labels],
    ]
    return pa.schema(columns)


SCORED_FACES = pa.schema(
    [
        ("video_id", pa.string()),
        ("track_id", pa.int32()),  # null: a detection that never became a track
        ("identity_id", pa.int32()),
        ("frame_index", pa.int32()),
        ("pts_s", pa.float64()),
        ("box", FLOATS),
        ("score", pa.float32()),
        ("size_px", pa.float32()),
        ("brightness", pa.float32()),
        ("blur", pa.float32()),
    ]
)
"""One row per face in a sampled frame; columns as in a dataset's ``faces``."""


def score_tables(labels: Sequence[str]) -> dict[str, pa.Schema]:
    """The tables of a scored archive, by folder name."""
    return {
        "scores": scores_schema(labels),
        "timeline": timeline_schema(labels),
        "segments": segments_schema(labels),
        "tracks": tracks_schema(labels),
        "videos": scored_videos_schema(labels),
        "faces": SCORED_FACES,
        "rejects": REJECTS,
    }
