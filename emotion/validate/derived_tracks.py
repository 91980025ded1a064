"""Pandas frames for the validation suites: tracks and clips, with columns of notes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emotion.validate.notes import (
    Tables,
    boxes,
    differ,
    lengths,
    lists,
    lookup,
    notes,
    outside,
    plain,
    to_frame,
    unknown_videos,
)
from schemas.tables import EMBEDDING_LENGTH, VIDEO_COLUMNS

TIME_TOLERANCE_S = 1e-6
"""Seconds by which a clip may exceed its track, or overlap the clip before it."""
_UNIT_TOLERANCE = 1e-3
_TRACK = ["video_id", "track_id"]


def tracks_frame(tables: Tables) -> pd.DataFrame:
    """Return ``tracks`` with notes on counts, embeddings, unknown videos and copied columns."""
    table = tables["tracks"]
    frame = to_frame(table.drop_columns(["embedding"]))
    faces = to_frame(tables["faces"], _TRACK).dropna()
    counts = faces.groupby(_TRACK).size().rename("rows").reset_index()
    frame["rows"] = lookup(frame, counts, _TRACK)["rows"].fillna(0).astype(int).to_numpy()
    text = "{video_id} track {track_id}: num_faces is {num_faces}, faces has {rows}"
    frame["wrong_num_faces"] = notes(frame, frame["num_faces"] != frame["rows"], text)
    values = lengths(table["embedding"])
    text = "{video_id} track {track_id}: embedding of {values} numbers"
    bad = (values != 0) & (values != EMBEDDING_LENGTH)
    frame["wrong_embedding"] = notes(frame.assign(values=values), bad, text)
    norm = np.linalg.norm(lists(table["embedding"], EMBEDDING_LENGTH), axis=1)
    bad = (values == EMBEDDING_LENGTH) & ~(np.abs(norm - 1) <= _UNIT_TOLERANCE)
    text = "{video_id} track {track_id}: embedding of length {norm:.3f}"
    frame["wrong_length"] = notes(frame.assign(norm=norm), bad, text)
    frame["unknown_video"] = unknown_videos(frame, tables["videos"])
    return _with_copies(frame.drop(columns="rows"), tables, "tracks", "{video_id} track {track_id}")


def clips_frame(tables: Tables, *, clip_len: int, clip_stride: int) -> pd.DataFrame:
    """Return ``clips`` by track and time, with notes.

    The notes are on boxes, times, unknown videos and tracks, copied columns, and on overlaps if
    ``clip_stride`` is at least ``clip_len``.
    """
    table = tables["clips"]
    frame = to_frame(table.drop_columns(["box", "pts_s"]))
    frame["num_pts"] = lengths(table["pts_s"])
    back = np.any(np.diff(lists(table["pts_s"], clip_len), axis=1) < 0, axis=1)
    frame["time_back"] = notes(frame, back, "clip {clip_id}: pts_s runs backwards")
    frame["box_outside"] = outside(frame, boxes(table["box"]), tables["videos"], "clip {clip_id}")
    frame["unknown_video"] = unknown_videos(frame, tables["videos"])
    frame = _with_copies(_with_track(frame, tables), tables, "clips", "clip {clip_id}")
    frame = frame.sort_values([*_TRACK, "start_s"], kind="stable")
    before = frame.groupby(_TRACK)["stop_s"].shift()
    overlap = (frame["start_s"] < before - TIME_TOLERANCE_S) & (clip_stride >= clip_len)
    text = "clip {clip_id}: starts at {start_s}, the track's clip before stops at {before}"
    return frame.assign(overlap=notes(frame.assign(before=before), overlap, text))


def _with_track(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Add notes where a clip does not fit its track."""
    columns = [*_TRACK, "identity_id", "start_s", "stop_s"]
    track = lookup(frame, to_frame(tables["tracks"], columns), _TRACK)
    has_track, tracked = track["matched"].to_numpy(), frame["track_id"].notna().to_numpy()
    text = "clip {clip_id}: no track {track_id:.0f}"
    frame["unknown_track"] = notes(frame, tracked & ~has_track, text)
    beside = frame.assign(
        identity=track["identity_id"].to_numpy(float, na_value=np.nan),
        low=track["start_s"].to_numpy(),
        high=track["stop_s"].to_numpy(),
    )
    early = beside["start_s"] < beside["low"] - TIME_TOLERANCE_S
    late = beside["stop_s"] > beside["high"] + TIME_TOLERANCE_S
    text = "clip {clip_id}: {start_s} to {stop_s}, its track {low} to {high}"
    frame["outside_track"] = notes(beside, early | late, text)
    named = frame["identity_id"].notna().to_numpy()
    other = has_track & named & (beside["identity"] != beside["identity_id"]).to_numpy()
    text = "clip {clip_id}: identity {identity_id:.0f}, its track's {identity:.0f}"
    frame["other_identity"] = notes(beside, other, text)
    return frame


def _with_copies(frame: pd.DataFrame, tables: Tables, name: str, row: str) -> pd.DataFrame:
    """Add notes where a column that was copied from ``videos`` differs from the row's video."""
    columns = VIDEO_COLUMNS[name]
    videos = lookup(frame, to_frame(tables["videos"], ["video_id", *columns]), ["video_id"])
    has_video = videos["matched"].to_numpy()
    for column in columns:
        beside = frame.assign(video_value=plain(videos[column]))
        bad = has_video & differ(frame[column], videos[column])
        text = f"{row}: {column} is {{{column}}}, its video's {{video_value}}"
        frame[f"other_{column}"] = notes(beside, bad, text)
    return frame
