"""Meaning and unit of every column of the stored tables: docs/codebook.md is made from it.

Each Parquet column carries both as field metadata (``description``, ``unit``), and each output has
them as README.txt.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Literal, NamedTuple

import pyarrow as pa

Kind = Literal["dataset", "scores"]


class Column(NamedTuple):
    """Unit of a column, empty for a column without one, and its meaning."""

    unit: str
    meaning: str


ROWS: Mapping[Kind, Mapping[str, str]] = {
    "dataset": {
        "videos": "a row per video that could be read",
        "frames": "a row per sampled frame",
        "faces": "a row per face in a sampled frame",
        "tracks": "a row per track: one face followed over time",
        "clips": "a row per clip, which is a training example",
        "rejects": "a row per video that was left out or broke off",
    },
    "scores": {
        "scores": "a row per clip, before smoothing",
        "timeline": "a row per second of each track; a second without a face has one row",
        "segments": "a row per run of one label in a track",
        "tracks": "a row per track; the answer is pooled over its clips",
        "people": "a row per person of a video",
        "videos": "a row per video that could be read; the answer is pooled over its clips",
        "faces": "a row per face in a sampled frame",
        "rejects": "a row per video that was left out",
    },
}
"""Meaning of a row, by output and table."""

_COLUMNS = {
    "video_id": Column("", "16 hex digits of a hash over uri, size and version of the file"),
    "uri": Column("", "name of the video below --videos, else its whole address"),
    "size_bytes": Column("bytes", "size of the file"),
    "etag": Column("", "ETag of the object, or the file's modification time in nanoseconds"),
    "content_sha256": Column("", "SHA-256 of the file's bytes, hex"),
    "duration_s": Column("s", "end of the last frame minus start of the first"),
    "first_frame_s": Column(
        "s",
        "time of the first frame on a player's clock, from which all other times count; above 0 if "
        "the pictures begin after the sound",
    ),
    "fps": Column("1/s", "decoded frames divided by duration"),
    "width": Column("px", "width of the first frame as a player shows it"),
    "height": Column("px", "height of the first frame as a player shows it"),
    "codec": Column("", "FFmpeg's name of the codec"),
    "subject_id": Column("", "person, from the label table"),
    "label": Column("", "label of the video, from the label table"),
    "corpus": Column("", "corpus, from the label table"),
    "split": Column("", "train, val or test; never null"),
    "fold": Column("", "fold of a cross-validation, from the label table"),
    "num_frames": Column("", "number of sampled frames"),
    "num_faceless_frames": Column("", "number of sampled frames without any face"),
    "num_faces": Column("", "number of faces in sampled frames"),
    "num_tracks": Column("", "number of tracks"),
    "num_identities": Column("", "number of people"),
    "num_clips": Column("", "number of clips"),
    "complete": Column("", "false if decoding broke off and the part before was kept"),
    "reason": Column("", "reason for having no clip: no_face or short_tracks; else null"),
    "frame_index": Column("", "number k of the sample at the first frame's time + k / sample_fps"),
    "pts_s": Column("s", "time of the frame that is on screen at the sample"),
    "brightness": Column("", "mean luma, 0 to 255"),
    "blur": Column("", "variance of the Laplacian; a small value means blurred"),
    "face_id": Column("", "video_id/frame_index/number"),
    "track_id": Column("", "one face followed over time, numbered from 0 in its video; null: none"),
    "identity_id": Column("", "one person, numbered from 0 in the video; null without a track"),
    "person": Column("", "name of the person: a given one, or person 1, person 2, ..."),
    "box": Column("px", "x0, y0, x1, y1 in the frame as a player shows it"),
    "box_x1_px": Column("px", "left edge of the box, in CSV"),
    "box_y1_px": Column("px", "upper edge of the box, in CSV"),
    "box_x2_px": Column("px", "right edge of the box, in CSV"),
    "box_y2_px": Column("px", "lower edge of the box, in CSV"),
    "score": Column("", "score of the detector: 0 to 1 by YuNet; a margin by dlib"),
    "landmarks": Column("px", "five points x0 y0 ... x4 y4; landmarks_by gives their order"),
    "landmarks_by": Column(
        "",
        "dlib: outer and inner corner of the left eye, of the right eye, nose base; yunet: right "
        "eye, left eye, nose tip, right and left mouth corner (the person's own left and right)",
    ),
    "yaw_deg": Column("degrees", "turn of the head to its side, estimated from the landmarks"),
    "roll_deg": Column("degrees", "tilt of the head, estimated from the landmarks"),
    "size_px": Column("px", "square root of the box's area"),
    "mean_size_px": Column("px", "mean of the faces' size_px"),
    "start_s": Column("s", "start of the row's time range"),
    "stop_s": Column("s", "end of the row's time range, which is not part of it"),
    "embedding": Column("", "128 numbers of unit length (dlib); near ones mean the same person"),
    "clip_id": Column("", "video_id/number"),
    "quality": Column("", "0 to 1: share of samples with the face, times mean detector score"),
    "crops": Column("", "JPEG pictures of the face, upright by eyes and nose, RGB"),
    "stage": Column("", "plan (before reading) or decode"),
    "detail": Column("", "reason in words"),
    "offset_s": Column("s", "time at which decoding broke; null: unknown"),
    "offset_bytes": Column("bytes", "file position of the last good packet; null: unknown"),
    "is_uncertain": Column("", "true if margin is below the margin in use; the label stays"),
    "confidence": Column("", "probability of the label, 0 to 1, calibrated by the temperature"),
    "second_label": Column("", "the next most probable label"),
    "margin": Column("", "difference of the two largest probabilities, 0 to 1"),
    "entropy": Column("bits", "entropy of the probabilities, 0 to log2 of the number of labels"),
    "prob_LABEL": Column("", "probability, 0 to 1; a row sums to 1, or all are null"),
    "share_LABEL": Column("", "share of the samples with a face whose segment has the label"),
    "delta_LABEL": Column("", "probability minus that of the person's rest, -1 to 1; else null"),
    "coverage": Column("", "share of sampled frames with a tracked face, 0 to 1"),
    "face_share": Column("", "share of the second's samples with the face, 0 to 1"),
    "segment_index": Column("", "number of the segment, from 0 in each track"),
    "face_s": Column("s", "time with a face of the person"),
    "usable_share": Column("", "share of the video's length with a usable face of the person"),
    "small_share": Column("", "share of the person's faces that are too small"),
    "turned_share": Column("", "share of the person's faces that are turned away"),
    "blurred_share": Column("", "share of the person's faces that are blurred"),
    "median_size_px": Column("px", "median size of the person's faces"),
    "median_yaw_deg": Column("degrees", "median turn of the head, to either side"),
    "median_blur": Column("", "median of blur of the person's faces"),
    "baseline_s": Column("s", "time from which the rest was measured; null: none"),
    "baseline_reason": Column("", "reason for having no rest: no_clip, too_short or never_leads"),
}
_OF_TABLE = {
    ("dataset", "tracks", "label"): Column("", "label of its video"),
    ("dataset", "clips", "label"): Column("", "label of its video"),
    ("dataset", "clips", "pts_s"): Column("s", "times of the crops' frames; repeated without face"),
    ("dataset", "clips", "num_faces"): Column("", "number of crops with their own sample's face"),
    ("dataset", "rejects", "reason"): Column("", "reason in one word, see docs/datasets.md"),
    ("scores", "rejects", "reason"): Column("", "reason in one word, see docs/datasets.md"),
    ("scores", "videos", "reason"): Column("", "reason for having no label, else null"),
    ("scores", "people", "face_share"): Column("", "face_s divided by the video's length"),
}
_LABEL = Column("", "most probable label; null without an answer")
_PREFIXES = ("prob_", "share_", "delta_")
LABEL_TABLE = Column("", "column of the label table")


def column(kind: Kind, table: str, name: str) -> Column:
    """Return unit and meaning of a column.

    A name that no table of this project has is a column of the user's label table.

    >>> column("scores", "timeline", "prob_happy").meaning
    'probability, 0 to 1; a row sums to 1, or all are null'
    >>> column("dataset", "videos", "age")
    Column(unit='', meaning='column of the label table')
    """
    if (kind, table, name) in _OF_TABLE:
        return _OF_TABLE[kind, table, name]
    if kind == "scores":
        if name == "label":
            return _LABEL
        name = next((f"{p}LABEL" for p in _PREFIXES if name.startswith(p)), name)
    return _COLUMNS.get(name, LABEL_TABLE)


def described(schema: pa.Schema, kind: Kind, table: str) -> pa.Schema:
    """Return a schema whose fields carry ``description`` and, where they have one, ``unit``."""
    fields = []
    for field in schema:
        unit, meaning = column(kind, table, field.name)
        metadata = {"description": meaning} | ({"unit": unit} if unit else {})
        fields.append(field.with_metadata(metadata))
    return pa.schema(fields, metadata=schema.metadata)


def _of_field(field: pa.Field) -> Column:
    stored = {key.decode(): text.decode() for key, text in (field.metadata or {}).items()}
    return Column(stored.get("unit", ""), stored["description"])


def readme(kind: Kind, tables: Mapping[str, pa.Schema]) -> str:
    """Return the text of README.txt: every table of an output, and the columns of each.

    Args:
        kind: kind of the output.
        tables: schemas of ``described``, by table.
    """
    lines = [
        "Columns of the tables in this folder. Times are seconds from the first frame of the",
        "video; ranges of time are half-open. Lists hold plain numbers.",
    ]
    for table, schema in tables.items():
        lines += ["", f"{table}: {ROWS[kind][table]}", ""]
        for field in schema:
            unit, meaning = _of_field(field)
            head = f"  {field.name} ({f'{field.type}, {unit}' if unit else field.type}): "
            lines += textwrap.wrap(head + meaning, 100, subsequent_indent="      ")
    return "\n".join(lines) + "\n"


def markdown(kind: Kind, tables: Mapping[str, pa.Schema]) -> str:
    """Return the same as Markdown tables, for docs/codebook.md."""
    lines: list[str] = []
    for table, schema in tables.items():
        lines += ["", f"### {table}: {ROWS[kind][table]}", ""]
        lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
        for field in schema:
            unit, meaning = _of_field(field)
            lines.append(f"| {field.name} | {field.type} | {unit} | {meaning} |")
    return "\n".join(lines) + "\n"
