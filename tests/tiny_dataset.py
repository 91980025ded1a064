"""A dataset small enough to write by hand: two videos, their frames, faces and clips."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa

from emotion import storage
from emotion.extract.spec import ExtractionSpec
from schemas.tables import DATASETS, rows_table

Rows = dict[str, list[dict[str, Any]]]
LABELS = ("neutral", "happy")
CLIP_LEN = 3
SPEC = ExtractionSpec(
    detector="dlib",
    detector_sha256="0" * 64,
    clip_len=CLIP_LEN,
    clip_stride=CLIP_LEN,
    min_clip_faces=2,
)


def clean() -> Rows:
    """Two videos of two subjects in two splits, and a file that was not there."""
    gone = {"video_id": None, "uri": "gone.mp4", "stage": "plan", "reason": "missing", "detail": ""}
    return add(
        {name: [] for name in DATASETS} | {"rejects": [gone]},
        a_video("v1", "anna", "happy", "train"),
        a_video("v2", "bert", "neutral", "test"),
    )


def add(rows: Rows, *others: Rows) -> Rows:
    return {name: sum((other[name] for other in others), rows[name]) for name in DATASETS}


def a_video(video_id: str, subject_id: str, label: str, split: str) -> Rows:
    """One video, its three frames with a face each, and its clip."""
    rows: Rows = {name: [] for name in DATASETS}
    who = {"subject_id": subject_id, "label": label, "split": split, "fold": None}
    rows["videos"].append(
        {
            "video_id": video_id,
            "uri": f"{video_id}.mp4",
            "size_bytes": 1000,
            "etag": "1",
            "content_sha256": hashlib.sha256(video_id.encode()).hexdigest(),
            "duration_s": 0.5,
            "fps": 25.0,
            "width": 320,
            "height": 240,
            "codec": "h264",
            "corpus": None,
            "num_frames": 3,
            "num_faces": 3,
            "num_tracks": 1,
            "num_clips": 1,
            "reason": None,
            **who,
        }
    )
    for k, pts_s in enumerate((0.0, 0.125, 0.25)):
        light = {"brightness": 100.0, "blur": 50.0}
        key = {"video_id": video_id, "frame_index": k, "pts_s": pts_s}
        rows["frames"].append({**key, "n_faces": 1, **light})
        rows["faces"].append(
            {
                **key,
                "face_id": f"{video_id}/{k}/0",
                "track_id": 0,
                "box": [10.0, 10.0, 50.0, 60.0],
                "score": 0.9,
                "landmarks": [1.0] * 10,
                "yaw_deg": None,
                "roll_deg": 2.0,
                "size_px": 44.7,
                **light,
            }
        )
    rows["clips"].append(
        {
            "clip_id": f"{video_id}/0/0",
            "video_id": video_id,
            "track_id": 0,
            "start_s": 0.0,
            "stop_s": 0.375,
            "pts_s": [0.0, 0.125, 0.25],
            "box": [10.0, 10.0, 50.0, 60.0],
            "num_faces": 3,
            "quality": 0.9,
            "crops": [b"jpeg"] * CLIP_LEN,
            **who,
        }
    )
    return rows


def tables_of(rows: Rows) -> dict[str, pa.Table]:
    return {name: rows_table(rows[name], schema) for name, schema in DATASETS.items()}


def write_dataset(uri: str, tables: dict[str, pa.Table]) -> None:
    """The files of a dataset before its validation, each table in one part."""
    for name, table in tables.items():
        storage.write_table(storage.join(uri, name, "part-0.parquet"), table)
    storage.write_json(
        storage.join(uri, "config.json"), {"labels": list(LABELS), "videos_root": "/v"}
    )
    storage.write_json(storage.join(uri, "spec.json"), SPEC.to_json())
