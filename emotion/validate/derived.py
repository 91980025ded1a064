"""Pandas frames for the validation suites: videos, frames and faces, with columns of notes.

``emotion.validate.notes`` explains notes. The argument ``tables`` holds, by name, the rows of the
dataset's tables for some whole videos, without image bytes (columns ``STORED``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from emotion.validate.notes import (
    Tables,
    boxes,
    lengths,
    lists,
    lookup,
    notes,
    outside,
    to_frame,
    unknown_videos,
)
from schemas.tables import DATASETS

LANDMARK_MARGIN = 0.5
"""Distance by which a landmark may be outside its box, as a share of the box's side.

Landmarks of a turned head, or in a tight box, can be outside the box.
"""

_SIZE_TOLERANCE = 0.01
_UNUSED = {"videos": {"etag", "codec", "corpus"}, "clips": {"crops"}, "rejects": {"detail"}}
STORED = {
    name: [column for column in schema.names if column not in _UNUSED.get(name, ())]
    for name, schema in DATASETS.items()
}
"""Columns that validation reads, by table; without the columns of image bytes."""


def videos_frame(tables: Tables) -> pd.DataFrame:
    """Return ``videos`` with notes on counts that differ from the rows of the other tables.

    A further note is on videos that have both clips and a reason for having none, or neither.
    """
    frame = to_frame(tables["videos"])
    for name in ("clips", "frames", "faces", "tracks"):
        counts = tables[name]["video_id"].to_pandas().value_counts()
        frame = _counted(frame, f"num_{name}", counts, f"{name} has {{rows}}")
    people = to_frame(tables["tracks"], ["video_id", "identity_id"]).dropna().drop_duplicates()
    counts = people["video_id"].value_counts()
    frame = _counted(frame, "num_identities", counts, "its tracks have {rows}")
    bad = frame["reason"].isna() != (frame["num_clips"] > 0)
    frame["wrong_reason"] = notes(frame, bad, "{uri}: {num_clips} clips and reason {reason}")
    return frame.drop(columns="rows")


def _counted(frame: pd.DataFrame, column: str, counts: pd.Series[int], text: str) -> pd.DataFrame:
    frame = frame.assign(rows=frame["video_id"].map(counts).fillna(0).astype(int))
    wrong = notes(
        frame, frame[column] != frame["rows"], f"{{uri}}: {column} is {{{column}}}, {text}"
    )
    return frame.assign(**{f"wrong_{column}": wrong})


def frames_frame(tables: Tables) -> pd.DataFrame:
    """Return ``frames`` by video and index, with notes on face counts, unknown videos and times."""
    frame = to_frame(tables["frames"])
    keys = ["video_id", "frame_index"]
    faces = to_frame(tables["faces"], keys).groupby(keys).size().rename("rows").reset_index()
    frame["rows"] = lookup(frame, faces, keys)["rows"].fillna(0).astype(int).to_numpy()
    text = "{video_id} frame {frame_index}: num_faces is {num_faces}, faces has {rows}"
    frame["wrong_num_faces"] = notes(frame, frame["num_faces"] != frame["rows"], text)
    frame["unknown_video"] = unknown_videos(frame, tables["videos"])
    frame = frame.drop(columns="rows").sort_values(keys, kind="stable")
    bad = frame.groupby("video_id")["pts_s"].diff() <= 0
    text = "{video_id} frame {frame_index}: pts_s {pts_s} is not after the frame before"
    return frame.assign(time_back=notes(frame, bad, text))


def faces_frame(tables: Tables) -> pd.DataFrame:
    """Return ``faces`` by video, track and index, with notes.

    The notes are on boxes, landmarks, missing frames, tracks and videos, identities and times.
    """
    table = tables["faces"]
    frame = to_frame(table.drop_columns(["box", "landmarks"]))
    frame["num_landmark_values"] = lengths(table["landmarks"])
    frame["box_outside"] = outside(frame, boxes(table["box"]), tables["videos"], "face {face_id}")
    frame = _with_shape(frame, tables)
    frame = _with_keys(frame, tables)
    frame["unknown_video"] = unknown_videos(frame, tables["videos"])
    frame = frame.sort_values(["video_id", "track_id", "frame_index"], kind="stable")
    back = (
        frame.groupby(["video_id", "track_id"])["pts_s"].diff() <= 0
    )  # a null track_id is in no group
    text = "face {face_id}: pts_s {pts_s} is not after the track's face before"
    return frame.assign(time_back=notes(frame, back, text))


def _with_shape(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Add notes on the size of the box and on the landmarks.

    Rows whose lists have a wrong length get no note here, because other rules check the lengths.
    """
    x0, y0, x1, y1 = boxes(tables["faces"]["box"]).T
    side = np.sqrt(np.maximum((x1 - x0) * (y1 - y0), 0))
    off = np.abs(frame["size_px"].to_numpy(float) - side) > _SIZE_TOLERANCE * side
    text = "face {face_id}: size_px is {size_px:.1f}, its box's {side:.1f}"
    wrong = notes(frame.assign(side=side), off & (side > 0), text)
    points = lists(tables["faces"]["landmarks"], 10)
    x, y = points[:, ::2].T, points[:, 1::2].T
    wide, high = LANDMARK_MARGIN * (x1 - x0), LANDMARK_MARGIN * (y1 - y0)
    away = (x < x0 - wide) | (x > x1 + wide) | (y < y0 - high) | (y > y1 + high)
    text = "face {face_id}: a landmark lies away from its box"
    return frame.assign(
        wrong_size=wrong, landmarks_away=notes(frame, away.any(axis=0) & (side > 0), text)
    )


def _with_keys(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Add notes where a face does not fit its frame or its track."""
    keys = ["video_id", "frame_index"]
    frames = lookup(frame, to_frame(tables["frames"], [*keys, "pts_s"]), keys)
    has_frame = frames["matched"].to_numpy()
    frame["unknown_frame"] = notes(frame, ~has_frame, "face {face_id}: no frame {frame_index}")
    late = has_frame & (frames["pts_s"].to_numpy() != frame["pts_s"].to_numpy())
    text = "face {face_id}: pts_s is {pts_s}, its frame's {frame_pts}"
    with_pts = frame.assign(frame_pts=frames["pts_s"].to_numpy())
    frame["other_pts"] = notes(with_pts, late & frame["pts_s"].notna().to_numpy(), text)
    keys = ["video_id", "track_id"]
    track = lookup(frame, to_frame(tables["tracks"], [*keys, "identity_id"]), keys)
    tracked, has_track = frame["track_id"].notna().to_numpy(), track["matched"].to_numpy()
    text = "face {face_id}: no track {track_id:.0f}"
    frame["unknown_track"] = notes(frame, tracked & ~has_track, text)
    named = frame["identity_id"].notna().to_numpy()
    text = "face {face_id}: track {track_id} and identity {identity_id}"
    frame["identity_apart"] = notes(frame, tracked != named, text)
    identity = track["identity_id"].to_numpy(float, na_value=np.nan)
    other = has_track & named & (identity != frame["identity_id"].to_numpy(float))
    text = "face {face_id}: identity {identity_id:.0f}, its track's {track_identity:.0f}"
    frame["other_identity"] = notes(frame.assign(track_identity=identity), other, text)
    return frame
