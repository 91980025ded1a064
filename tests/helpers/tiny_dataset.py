"""A hand-written dataset: two videos, their frames, faces, tracks and clips."""

from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from emotion import storage
from emotion.extract.spec import ExtractionSpec
from schemas.tables import DATASETS, MANIFEST, SCHEMA_VERSION, rows_table

Rows = dict[str, list[dict[str, Any]]]
LABELS = ("neutral", "happy")
CLIP_LEN = 3
SPEC = ExtractionSpec(
    detector="dlib",
    detector_sha256="0" * 64,
    crop_px=16,
    clip_len=CLIP_LEN,
    clip_stride=CLIP_LEN,
    min_clip_faces=2,
)
CROP = bytes(cv2.imencode(".jpg", np.full((16, 16, 3), 90, np.uint8))[1])


def clean() -> Rows:
    """Return the rows of two videos of two subjects in two splits, and of a missing file."""
    gone = {"video_id": None, "uri": "gone.mp4", "stage": "plan", "reason": "missing", "detail": ""}
    gone |= {"offset_s": None, "offset_bytes": None}
    return add(
        {name: [] for name in DATASETS} | {"rejects": [gone]},
        a_video("v1", "anna", "happy", "train"),
        a_video("v2", "bert", "neutral", "test"),
    )


def add(rows: Rows, *others: Rows) -> Rows:
    return {name: sum((other[name] for other in others), rows[name]) for name in DATASETS}


def a_video(video_id: str, subject_id: str, label: str, split: str) -> Rows:
    """Return the rows of one video: three frames with a face each, their track, and a clip."""
    rows: Rows = {name: [] for name in DATASETS}
    who = {"subject_id": subject_id, "label": label, "split": split}
    rows["videos"].append(
        {
            "video_id": video_id,
            "uri": f"{video_id}.mp4",
            "size_bytes": 1000,
            "etag": "1",
            "content_sha256": hashlib.sha256(video_id.encode()).hexdigest(),
            "duration_s": 0.5,
            "first_frame_s": 0.0,
            "fps": 25.0,
            "width": 320,
            "height": 240,
            "codec": "h264",
            "corpus": None,
            "num_frames": 3,
            "num_faceless_frames": 0,
            "num_faces": 3,
            "num_tracks": 1,
            "num_identities": 1,
            "num_clips": 1,
            "complete": True,
            "reason": None,
            "fold": None,
            **who,
        }
    )
    for k, pts_s in enumerate((0.0, 0.125, 0.25)):
        light = {"brightness": 100.0, "blur": 50.0}
        key = {"video_id": video_id, "frame_index": k, "pts_s": pts_s}
        rows["frames"].append({**key, "num_faces": 1, **light})
        rows["faces"].append(
            {
                **key,
                "face_id": f"{video_id}/{k}/0",
                "track_id": 0,
                "identity_id": 0,
                "box": [10.0, 10.0, 50.0, 60.0],
                "score": 0.9,
                "landmarks": [30.0] * 10,
                "landmarks_by": "dlib",
                "yaw_deg": None,
                "roll_deg": 2.0,
                "size_px": 44.7,
                **light,
            }
        )
    track = {"video_id": video_id, "track_id": 0, "identity_id": 0, "num_faces": 3}
    rows["tracks"].append(
        {
            **track,
            "start_s": 0.0,
            "stop_s": 0.375,
            "mean_size_px": 44.7,
            "embedding": embedding_of(subject_id),
            **who,
        }
    )
    rows["clips"].append(
        {
            **track,
            "clip_id": f"{video_id}/0/0",
            "start_s": 0.0,
            "stop_s": 0.375,
            "pts_s": [0.0, 0.125, 0.25],
            "box": [10.0, 10.0, 50.0, 60.0],
            "quality": 0.9,
            "crops": [CROP] * CLIP_LEN,
            "fold": None,
            **who,
        }
    )
    return rows


def embedding_of(name: str) -> list[float]:
    """Return 128 numbers of unit length; those of two names are about 1.4 apart."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    values = np.random.default_rng(seed).normal(size=128)
    return [float(value) for value in values / np.linalg.norm(values)]


def tables_of(rows: Rows) -> dict[str, pa.Table]:
    return {name: rows_table(rows[name], schema) for name, schema in DATASETS.items()}


def plan_of(rows: Rows, *, shard_id: str = "0") -> pa.Table:
    """Write a plan that asks for the existing videos."""
    more = {"shard_id": shard_id, "num_chunks": 1}
    known = [name for name in MANIFEST.names if name not in more]
    planned = [{name: row[name] for name in known} | more for row in rows["videos"]]
    return rows_table(planned, MANIFEST)


def write_dataset(uri: str, tables: dict[str, pa.Table], *, shard_id: str = "0") -> None:
    """Write the files of a dataset before its validation, each table in one part."""
    for name, table in tables.items():
        storage.write_table(storage.join(uri, name, f"part-{shard_id}.parquet"), table)
    config = {"labels": list(LABELS), "videos_root": "/v", "schema_version": SCHEMA_VERSION}
    storage.write_json(storage.join(uri, "config.json"), config)
    storage.write_json(storage.join(uri, "spec.json"), SPEC.to_json())
