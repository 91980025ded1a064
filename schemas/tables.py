"""Arrow schemas of the stored tables, and ``conform``, which checks a table before it is written.

Boxes are xyxy pixels of the upright frame. Times are seconds of presentation time from the first
frame. Images are JPEG bytes. Landmarks are ten floats x0 y0 ... x4 y4 in pixels. Lists hold plain
numbers, so that pyarrow, DuckDB, pandas and Spark read the tables without this project.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from schemas.codebook import LABEL_TABLE, described

SCHEMA_VERSION = 4
"""Version of the columns of stored tables; jobs refuse a dataset or score set of another version.

1: frames.n_faces, num_people of scored videos, num_segments of the plan, _ledger/segments.
2: frames.num_faces, num_identities, num_chunks, _ledger/chunks.
3: faces.landmarks_by; in score sets is_uncertain, delta_LABEL, faces.yaw_deg and the table people.
4: videos.first_frame_s and num_faceless_frames.
"""

EMBEDDING_LENGTH = 128
"""Number of values of a face embedding; its Euclidean norm is 1."""

FLOATS = pa.list_(pa.float32())
TIMES = pa.list_(pa.float64())

MANIFEST = pa.schema(
    [
        ("shard_id", pa.string()),
        ("video_id", pa.string()),
        ("uri", pa.string()),  # relative to the archive's root, or absolute if it is elsewhere
        ("size_bytes", pa.int64()),
        ("etag", pa.string()),  # the object's ETag, or the modification time in ns
        ("subject_id", pa.string()),
        ("label", pa.string()),
        ("corpus", pa.string()),
        ("split", pa.string()),
        ("fold", pa.string()),
        ("duration_s", pa.float64()),  # from the header, else estimated from the size
        ("num_chunks", pa.int32()),  # number of chunks; 1: one worker reads the whole video
    ]
)
"""Facts of a video before it is read. Additional columns of the label table follow as strings."""

CHUNKS = pa.schema(
    [
        ("frame_index", pa.int32()),
        ("pts_s", pa.float64()),
        ("brightness", pa.float64()),
        ("blur", pa.float64()),
        ("signature_small", pa.binary()),
        ("signature_counts", pa.binary()),
        (
            "faces",
            pa.list_(
                pa.struct(
                    [
                        ("box", FLOATS),
                        ("score", pa.float32()),
                        ("landmarks", FLOATS),
                        ("landmarks_by", pa.string()),
                        ("yaw_deg", pa.float64()),
                        ("roll_deg", pa.float64()),
                        ("blur", pa.float64()),
                        ("brightness", pa.float64()),
                        ("jpeg", pa.binary()),
                    ]
                )
            ),
        ),
    ]
)
"""Observations of one chunk of a long video, one row per sampled frame.

They are in ``_ledger/chunks`` until the chunks are joined.
"""

VIDEOS = pa.schema(
    [
        ("video_id", pa.string()),
        ("uri", pa.string()),
        ("size_bytes", pa.int64()),
        ("etag", pa.string()),
        ("content_sha256", pa.string()),
        ("duration_s", pa.float64()),  # last frame's end minus first frame's start
        ("first_frame_s", pa.float64()),  # the first frame's time on a player's clock
        ("fps", pa.float64()),  # decoded frames over duration
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("codec", pa.string()),
        ("subject_id", pa.string()),
        ("label", pa.string()),
        ("corpus", pa.string()),
        ("split", pa.string()),
        ("fold", pa.string()),
        ("num_frames", pa.int32()),  # sampled
        ("num_faceless_frames", pa.int32()),  # of them, without any face
        ("num_faces", pa.int32()),
        ("num_tracks", pa.int32()),
        ("num_identities", pa.int32()),
        ("num_clips", pa.int32()),
        ("complete", pa.bool_()),  # false: decoding failed part of the way; that part is stored
        ("reason", pa.string()),  # null, or the reason for having no clip: no_face, short_tracks
    ]
)

FRAMES = pa.schema(
    [
        ("video_id", pa.string()),
        ("frame_index", pa.int32()),  # number k of the sample at first_pts + k / sample_fps
        ("pts_s", pa.float64()),
        ("num_faces", pa.int32()),
        ("brightness", pa.float32()),  # mean luma, 0 to 255
        ("blur", pa.float32()),  # variance of the Laplacian; a low value means blurred
    ]
)

FACES = pa.schema(
    [
        ("face_id", pa.string()),
        ("video_id", pa.string()),
        ("track_id", pa.int32()),  # null: a detection that belongs to no track
        ("identity_id", pa.int32()),  # groups the tracks of one person in the video
        ("frame_index", pa.int32()),
        ("pts_s", pa.float64()),
        ("box", FLOATS),
        ("score", pa.float32()),
        ("landmarks", FLOATS),
        ("landmarks_by", pa.string()),  # dlib or yunet: order of the points, see docs/datasets.md
        ("yaw_deg", pa.float32()),
        ("roll_deg", pa.float32()),
        ("blur", pa.float32()),
        ("brightness", pa.float32()),
        ("size_px", pa.float32()),  # square root of the box area
    ]
)

TRACKS = pa.schema(
    [
        ("video_id", pa.string()),
        ("track_id", pa.int32()),
        ("identity_id", pa.int32()),
        ("subject_id", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("start_s", pa.float64()),  # sample time of its first face
        ("stop_s", pa.float64()),  # end of the sample of its last face; half-open
        ("num_faces", pa.int32()),
        ("mean_size_px", pa.float32()),
        ("embedding", FLOATS),  # EMBEDDING_LENGTH values with Euclidean norm 1
    ]
)

CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("video_id", pa.string()),
        ("track_id", pa.int32()),
        ("identity_id", pa.int32()),
        ("subject_id", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("fold", pa.string()),
        ("start_s", pa.float64()),
        ("stop_s", pa.float64()),  # half-open
        ("pts_s", TIMES),  # time of each crop's frame; repeated for a sample without the face
        ("box", FLOATS),  # mean over the clip
        ("num_faces", pa.int32()),  # number of crops from a face of their own sample, not repeated
        ("quality", pa.float32()),  # 0 to 1: num_faces / T times the mean detection score
        ("crops", pa.list_(pa.binary())),  # T JPEGs
    ]
)

REJECTS = pa.schema(
    [
        ("video_id", pa.string()),
        ("uri", pa.string()),
        ("stage", pa.string()),  # stage that rejected the video: plan or decode
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("offset_s", pa.float64()),  # time at which decoding failed; null: unknown
        ("offset_bytes", pa.int64()),  # file position of the last good packet; null: unknown
    ]
)

DATASETS = {
    name: described(schema, "dataset", name)
    for name, schema in {
        "videos": VIDEOS,
        "frames": FRAMES,
        "faces": FACES,
        "tracks": TRACKS,
        "clips": CLIPS,
        "rejects": REJECTS,
    }.items()
}
"""The six tables of a dataset, by folder name."""


VIDEO_COLUMNS = {
    "tracks": ("subject_id", "label", "split"),
    "clips": ("subject_id", "label", "split", "fold"),
}
"""Columns of ``videos`` that rows of another table repeat, by the name of that table."""


def with_columns(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    """Return ``schema`` with additional string columns, such as those of the label table."""
    for name in names:
        field = pa.field(name, pa.string(), metadata={"description": LABEL_TABLE.meaning})
        schema = schema.append(field)
    return schema


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return ``table`` with the order and types of the columns of ``schema``.

    Raises:
        ValueError: if a column is missing or is not in the schema.
        pyarrow.ArrowInvalid: if a value does not fit its type.
    """
    missing = [name for name in schema.names if name not in table.column_names]
    unknown = [name for name in table.column_names if name not in schema.names]
    if missing or unknown:
        raise ValueError(f"table lacks columns {missing} and has unknown columns {unknown}")
    return table.select(schema.names).cast(schema)


def rows_table(rows: Sequence[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """Return rows of plain Python values as a table with ``schema``; no rows give an empty table.

    Raises:
        ValueError: if the keys of a row are not exactly the columns of ``schema``.
    """
    for row in rows:
        if row.keys() != set(schema.names):
            raise ValueError(f"row keys {sorted(row)} are not the columns {schema.names}")
    return conform(pa.Table.from_pylist(list(rows), schema=schema), schema)
