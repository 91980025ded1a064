"""Arrow schemas of a score set; boxes, times and lists are stored as in ``schemas.tables``.

Every table has ``video_id``. Times are seconds from the first frame of the video. Probability
columns are in the label order of the package. In each row they sum to 1, or all of them are null.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from schemas.codebook import described
from schemas.tables import FLOATS, REJECTS

Columns = list[tuple[str, pa.DataType]]


def prob_column(label: str) -> str:
    """Return the name of the column with the probability of a label.

    >>> prob_column("happy")
    'prob_happy'
    """
    return f"prob_{label}"


def share_column(label: str) -> str:
    """Return the name of the column with the share of samples that show a label.

    >>> share_column("happy")
    'share_happy'
    """
    return f"share_{label}"


def delta_column(label: str) -> str:
    """Return the name of the column with a label's difference to the person's rest.

    >>> delta_column("happy")
    'delta_happy'
    """
    return f"delta_{label}"


_VIDEO: Columns = [("video_id", pa.string()), ("uri", pa.string())]
_TRACK: Columns = [("track_id", pa.int32()), ("identity_id", pa.int32())]
_SPAN: Columns = [("start_s", pa.float64()), ("stop_s", pa.float64())]  # half-open

CLIP_FACTS: Columns = [
    ("clip_id", pa.string()),
    *_VIDEO,
    *_TRACK,
    *_SPAN,
    ("box", FLOATS),  # mean over the clip
    ("num_faces", pa.int32()),
    ("quality", pa.float32()),  # 0 to 1
]
"""Columns of a clip that are known before the model runs."""
VIDEO_FACTS: Columns = [
    *_VIDEO,
    ("content_sha256", pa.string()),
    ("duration_s", pa.float64()),
    ("first_frame_s", pa.float64()),  # the first frame's time on a player's clock
    ("num_frames", pa.int32()),  # sampled
    ("num_faceless_frames", pa.int32()),  # of them, without any face
    ("num_faces", pa.int32()),
    ("num_clips", pa.int32()),
    ("num_tracks", pa.int32()),
    ("num_identities", pa.int32()),
    ("coverage", pa.float32()),  # share of sampled frames with a tracked face, 0 to 1
    ("reason", pa.string()),  # reason for which the video has no label, else null
]
"""Columns of a video that are known after reading it, before the model runs."""


def _answer_columns(labels: Sequence[str]) -> Columns:
    """Return the columns of a prediction (see ``emotion.predict.mixture``).

    These are the label, a mark for an uncertain answer, the label's probability, the second label,
    the margin between both, the entropy, and one probability per label.
    """
    return [
        ("label", pa.string()),
        ("is_uncertain", pa.bool_()),  # margin below that of the score set
        ("confidence", pa.float32()),
        ("second_label", pa.string()),
        ("margin", pa.float32()),
        ("entropy", pa.float32()),
        *[(prob_column(label), pa.float32()) for label in labels],
    ]


def scores_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the schema of ``scores``: one row per clip."""
    return pa.schema([*CLIP_FACTS, *_answer_columns(labels)])


def timeline_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the schema of ``timeline``: one row per second of a track.

    A second of the video without a tracked face has one row, whose track_id is null. The columns
    ``delta_column`` are null without a baseline.
    """
    columns: Columns = [
        *_VIDEO,
        *_TRACK,
        *_SPAN,
        ("face_share", pa.float32()),  # share of the second's samples that show the face, 0 to 1
        ("quality", pa.float32()),
        ("box", FLOATS),
        *_answer_columns(labels),
        *[(delta_column(label), pa.float32()) for label in labels],
    ]
    return pa.schema(columns)


def segments_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the schema of ``segments``: one row per run of one label in a track.

    Probabilities are means over the samples of the run.
    """
    columns: Columns = [
        *_VIDEO,
        *_TRACK,
        ("segment_index", pa.int32()),  # from 0 in each track
        *_SPAN,
        ("num_faces", pa.int32()),
        ("quality", pa.float32()),
        *_answer_columns(labels),
    ]
    return pa.schema(columns)


def tracks_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the schema of ``tracks``: one row per track.

    The columns of the prediction are null for a track without a clip.
    """
    columns: Columns = [
        *_VIDEO,
        *_TRACK,
        *_SPAN,
        ("num_faces", pa.int32()),
        ("num_clips", pa.int32()),
        ("mean_size_px", pa.float32()),
        *_answer_columns(labels),
    ]
    return pa.schema(columns)


def scored_videos_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the schema of ``videos``: one row per video that was read.

    The columns of the prediction are null for a video without a clip.
    """
    columns: Columns = [
        *VIDEO_FACTS,
        *_answer_columns(labels),
        *[(share_column(label), pa.float32()) for label in labels],
    ]
    return pa.schema(columns)


PEOPLE = pa.schema(
    [
        *_VIDEO,
        ("identity_id", pa.int32()),
        ("face_s", pa.float64()),  # time with a face of the person
        ("face_share", pa.float32()),  # face_s over the video's length, 0 to 1
        ("usable_share", pa.float32()),  # time with a usable face over the video's length
        ("small_share", pa.float32()),  # share of the person's faces that are too small
        ("turned_share", pa.float32()),  # share that is turned away
        ("blurred_share", pa.float32()),  # share that is blurred
        ("median_size_px", pa.float32()),
        ("median_yaw_deg", pa.float32()),  # of the absolute values
        ("median_blur", pa.float32()),
        ("baseline_s", pa.float64()),  # time from which the rest was measured; null: none
        ("baseline_reason", pa.string()),  # null, or the reason for having no rest
    ]
)
"""Schema of ``people``: one row per person of a video; see ``emotion.predict.people``."""


def person_answers_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the schema of answers per person, which are computed from stored tables.

    The columns of the prediction are null for a person without a clip; the last columns are those
    of ``people``.
    """
    columns: Columns = [
        *_VIDEO,
        ("identity_id", pa.int32()),
        ("person", pa.string()),  # name: person 1, person 2, ...
        *_SPAN,  # from the first face to the last
        ("num_faces", pa.int32()),
        ("num_tracks", pa.int32()),
        ("num_clips", pa.int32()),
        *_answer_columns(labels),
        *[(share_column(label), pa.float32()) for label in labels],
    ]
    return pa.schema(
        [*columns, *(f for f in PEOPLE if f.name not in ("video_id", "uri", "identity_id"))]
    )


SCORED_FACES = pa.schema(
    [
        ("video_id", pa.string()),
        ("track_id", pa.int32()),  # null: a detection without a track
        ("identity_id", pa.int32()),
        ("frame_index", pa.int32()),
        ("pts_s", pa.float64()),
        ("box", FLOATS),
        ("score", pa.float32()),
        ("size_px", pa.float32()),
        ("yaw_deg", pa.float32()),
        ("brightness", pa.float32()),
        ("blur", pa.float32()),
    ]
)
"""Schema of ``faces``: one row per face in a sampled frame; columns are as in a dataset."""


def score_tables(labels: Sequence[str]) -> dict[str, pa.Schema]:
    """Return the schemas of a score set, by folder name."""
    schemas = {
        "scores": scores_schema(labels),
        "timeline": timeline_schema(labels),
        "segments": segments_schema(labels),
        "tracks": tracks_schema(labels),
        "people": PEOPLE,
        "videos": scored_videos_schema(labels),
        "faces": SCORED_FACES,
        "rejects": REJECTS,
    }
    return {name: described(schema, "scores", name) for name, schema in schemas.items()}


VIDEO_TABLES = ("scores", "timeline", "segments", "tracks", "people", "videos", "faces")
"""Tables of a score set with rows of readable videos, by folder name."""
