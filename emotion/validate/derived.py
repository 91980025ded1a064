"""Frames for the validation suites: videos, frames and faces, and beside each row what is wrong.

The tables that go in are those of some whole videos, without image bytes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from emotion.validate.notes import (
    Tables,
    boxes,
    lengths,
    lists,
    looked_up,
    notes,
    outside,
    to_frame,
    unknown_videos,
)
from schemas.tables import DATASETS

LANDMARK_MARGIN = 0.5
"""Landmarks may lie this share of the box's side outside it: a turned head's, a tight box's."""

_SIZE_TOLERANCE = 0.01
_UNUSED = {"videos": {"etag", "codec", "corpus"}, "clips": {"crops"}, "rejects": {"detail"}}
STORED = {
    name: [column for column in schema.names if column not in _UNUSED.get(name, ())]
    for name, schema in DATASETS.items()
}
"""The columns to read for validation: never image bytes."""


def videos_frame(tables: Tables) -> pd.DataFrame:
    """``videos``, with notes where its counts are not those of the other tables."""
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
    """``frames`` in order of index, with notes on unknown videos, time, and counts of faces."""
    frame = to_frame(tables["frames"])
    keys = ["video_id", "frame_index"]
    faces = to_frame(tables["faces"], keys).groupby(keys).size().rename("rows").reset_index()
    frame["rows"] = looked_up(frame, faces, keys)["rows"].fillna(0).astype(int).to_numpy()
    text = "{video_id} frame {frame_index}: num_faces is {num_faces}, faces has {rows}"
    frame["wrong_num_faces"] = notes(frame, frame["num_faces"] != frame["rows"], text)
    frame["unknown_video"] = unknown_videos(frame, tables["videos"])
    frame = frame.drop(columns="rows").sort_values(keys, kind="stable")
    bad = frame.groupby("video_id")["pts_s"].diff() <= 0
    text = "{video_id} frame {frame_index}: pts_s {pts_s} is not after the frame before"
    return frame.assign(time_back=notes(frame, bad, text))


def faces_frame(tables: Tables) -> pd.DataFrame:
    """``faces`` in order of index, with notes on keys, boxes, landmarks, identity and time."""
    table = tables["faces"]
    frame = to_frame(table.drop_columns(["box", "landmarks"]))
    frame["num_landmark_values"] = lengths(table["landmarks"])
    frame["box_outside"] = outside(frame, boxes(table["box"]), tables["videos"], "face {face_id}")
    frame = _with_shape(frame, tables)
    frame = _with_keys(frame, tables)
    frame["unknown_video"] = unknown_videos(frame, tables["videos"])
    frame = frame.sort_values(["video_id", "track_id", "frame_index"], kind="stable")
    back = frame.groupby(["video_id", "track_id"])["pts_s"].diff() <= 0  # null tracks give no group
    text = "face {face_id}: pts_s {pts_s} is not after the track's face before"
    return frame.assign(time_back=notes(frame, back, text))


def _with_shape(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Notes on a box's size, and on the landmarks beside it; other rules see odd lengths."""
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
    """Notes on what a face says of its frame and of its track."""
    keys = ["video_id", "frame_index"]
    seen = looked_up(frame, to_frame(tables["frames"], [*keys, "pts_s"]), keys)
    known = seen["found"].to_numpy()
    frame["unknown_frame"] = notes(frame, ~known, "face {face_id}: no frame {frame_index}")
    late = known & (seen["pts_s"].to_numpy() != frame["pts_s"].to_numpy())
    text = "face {face_id}: pts_s is {pts_s}, its frame's {frame_pts}"
    with_pts = frame.assign(frame_pts=seen["pts_s"].to_numpy())
    frame["other_pts"] = notes(with_pts, late & frame["pts_s"].notna().to_numpy(), text)
    keys = ["video_id", "track_id"]
    track = looked_up(frame, to_frame(tables["tracks"], [*keys, "identity_id"]), keys)
    tracked, known = frame["track_id"].notna().to_numpy(), track["found"].to_numpy()
    text = "face {face_id}: no track {track_id:.0f}"
    frame["unknown_track"] = notes(frame, tracked & ~known, text)
    named = frame["identity_id"].notna().to_numpy()
    text = "face {face_id}: track {track_id} and identity {identity_id}"
    frame["identity_apart"] = notes(frame, tracked != named, text)
    theirs = track["identity_id"].to_numpy(float, na_value=np.nan)
    other = known & named & (theirs != frame["identity_id"].to_numpy(float))
    text = "face {face_id}: identity {identity_id:.0f}, its track's {theirs:.0f}"
    frame["other_identity"] = notes(frame.assign(theirs=theirs), other, text)
    return frame
