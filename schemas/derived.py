"""Frames for the validation suites: the stored tables, and beside each row what is wrong with it.

A rule that looks at more than one value (a key in another table, an order, two columns) becomes
a column of notes: null where the row keeps the rule, a line that names the row where it does not.
A suite then expects the column to be null, and its examples read as sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.tables import DATASETS

BOX_TOLERANCE_PX = 1.0
"""A box may end this far outside the frame: float32 rounding of a box clipped to the frame."""

STORED = {
    "videos": [
        name for name in DATASETS["videos"].names if name not in ("etag", "codec", "corpus")
    ],
    "frames": DATASETS["frames"].names,
    "faces": DATASETS["faces"].names,
    "clips": [name for name in DATASETS["clips"].names if name != "crops"],
    "rejects": DATASETS["rejects"].names,
}
"""The columns to read for validation: never image bytes."""


@dataclass(frozen=True)
class Footer:
    """What one Parquet part says of itself, known without reading its rows.

    Attributes:
        dataset: which of the five.
        part: file name.
        schema: columns and types.
        num_rows: rows.
        num_crops: values in the ``crops`` column; 0 in the other datasets.
    """

    dataset: str
    part: str
    schema: pa.Schema
    num_rows: int
    num_crops: int = 0


def notes(
    frame: pd.DataFrame, bad: pd.Series[bool] | NDArray[np.bool_], text: str
) -> NDArray[np.object_]:
    """``text`` filled with the row's values where ``bad``, else None.

    >>> notes(pd.DataFrame({"n": [1, 2]}), np.array([False, True]), "{n} is too many")
    array([None, '2 is too many'], dtype=object)
    """
    found = np.full(len(frame), None, dtype=object)
    where = np.flatnonzero(np.asarray(bad, dtype=bool))
    for position, row in zip(where, frame.iloc[where].to_dict("records"), strict=True):
        found[position] = text.format_map({str(key): value for key, value in row.items()})
    return found


def columns_frame(footers: Sequence[Footer]) -> pd.DataFrame:
    """One row per dataset and per column of a part, with a note where it is not as declared."""
    rows: dict[tuple[str, str, str], None] = {}
    for name in DATASETS:
        if not any(footer.dataset == name for footer in footers):
            rows[name, "", f"{name}/ holds no Parquet part"] = None
    for footer in footers:
        for column, problem in _column_problems(footer):
            where = f"{footer.dataset}/{footer.part}: {problem}" if problem else ""
            rows[footer.dataset, column, where] = None
    frame = pd.DataFrame(list(rows), columns=["dataset", "column", "problem"])
    return frame.assign(problem=frame["problem"].where(frame["problem"] != ""))


def _column_problems(footer: Footer) -> Iterable[tuple[str, str]]:
    declared, found = DATASETS[footer.dataset], footer.schema
    for field in declared:
        if field.name not in found.names:
            yield field.name, f"column {field.name} is missing"
        elif found.field(field.name).type != field.type:
            yield field.name, f"{field.name} is {found.field(field.name).type}, not {field.type}"
        else:
            yield field.name, ""
    for name in found.names:
        if name not in declared.names:
            kept = footer.dataset == "videos" and pa.types.is_string(found.field(name).type)
            yield name, "" if kept else f"column {name} is not declared"


def crops_frame(footers: Sequence[Footer], *, clip_len: int) -> pd.DataFrame:
    """One row per part of ``clips``, with a note where a clip has not ``clip_len`` crops."""
    rows = [(f.part, f.num_rows, f.num_crops) for f in footers if f.dataset == "clips"]
    frame = pd.DataFrame(rows, columns=["part", "num_clips", "num_crops"])
    bad = frame["num_crops"] != frame["num_clips"] * clip_len
    text = f"{{part}}: {{num_clips}} clips hold {{num_crops}} crops, not {clip_len} each"
    return frame.assign(wrong_crops=notes(frame, bad, text))


def videos_frame(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """``videos``, with notes where its counts are not those of the other tables."""
    frame = _frame(tables["videos"])
    for column, name in (("num_clips", "clips"), ("num_frames", "frames"), ("num_faces", "faces")):
        counts = tables[name]["video_id"].to_pandas().value_counts()
        frame["rows"] = frame["video_id"].map(counts).fillna(0).astype(int)
        text = f"{{uri}}: {column} is {{{column}}}, {name} has {{rows}}"
        frame[f"wrong_{column}"] = notes(frame, frame[column] != frame["rows"], text)
    bad = frame["reason"].isna() != (frame["num_clips"] > 0)
    frame["wrong_reason"] = notes(frame, bad, "{uri}: {num_clips} clips and reason {reason}")
    return frame.drop(columns="rows")


def groups_frame(videos: pa.Table, key: str) -> pd.DataFrame:
    """One row per value of ``key`` (subject_id, content_sha256): its splits, a note if several."""
    pairs = _frame(videos, [key, "split"]).dropna().drop_duplicates()
    several = pairs[pairs.duplicated(key, keep=False)].sort_values([key, "split"])
    joined = several.groupby(key)["split"].agg(" and ".join)
    frame = pairs.drop_duplicates(key)
    frame = frame.assign(splits=frame[key].map(joined))
    return frame.assign(
        several_splits=notes(frame, frame["splits"].notna(), f"{{{key}}} is in {{splits}}")
    )


def frames_frame(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """``frames`` in order of index, with notes on unknown videos and on time that stands still."""
    frame = _frame(tables["frames"]).sort_values(["video_id", "frame_index"], kind="stable")
    bad = frame.groupby("video_id")["pts_s"].diff() <= 0
    text = "{video_id} frame {frame_index}: pts_s {pts_s} is not after the frame before"
    return frame.assign(
        time_back=notes(frame, bad, text), unknown_video=_unknown_videos(frame, tables["videos"])
    )


def faces_frame(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """``faces`` in order of index, with notes on keys, boxes, landmarks and time along a track."""
    table = tables["faces"]
    frame = _frame(table.drop_columns(["box", "landmarks"]))
    frame["num_landmark_values"] = _lengths(table["landmarks"])
    frame["box_outside"] = _outside(frame, boxes(table["box"]), tables["videos"], "face {face_id}")
    frame["unknown_video"] = _unknown_videos(frame, tables["videos"])
    sampled = _frame(tables["frames"], ["video_id", "frame_index"])
    bad = _unmatched(frame, sampled)
    frame["unknown_frame"] = notes(frame, bad, "face {face_id}: no frame {frame_index}")
    frame = frame.sort_values(["video_id", "track_id", "frame_index"], kind="stable")
    back = frame.groupby(["video_id", "track_id"])["pts_s"].diff() <= 0  # null tracks give no group
    text = "face {face_id}: pts_s {pts_s} is not after the track's face before"
    return frame.assign(time_back=notes(frame, back, text))


def clips_frame(tables: Mapping[str, pa.Table], *, clip_len: int) -> pd.DataFrame:
    """``clips``, with notes on keys, copied video columns, boxes and the crops' times."""
    table = tables["clips"]
    frame = _frame(table.drop_columns(["box", "pts_s"]))
    frame["num_pts"] = _lengths(table["pts_s"])
    times = lists(table["pts_s"], clip_len)
    frame["time_back"] = notes(
        frame, np.any(np.diff(times, axis=1) < 0, axis=1), "clip {clip_id}: pts_s runs backwards"
    )
    frame["box_outside"] = _outside(frame, boxes(table["box"]), tables["videos"], "clip {clip_id}")
    frame["unknown_video"] = _unknown_videos(frame, tables["videos"])
    tracks = _frame(tables["faces"], ["video_id", "track_id"]).dropna()
    unknown = _unmatched(frame, tracks) & frame["track_id"].notna().to_numpy()
    frame["unknown_track"] = notes(frame, unknown, "clip {clip_id}: no face on track {track_id}")
    copied = ["subject_id", "label", "split", "fold"]
    videos = _frame(tables["videos"], ["video_id", *copied]).drop_duplicates("video_id")
    both = frame[["clip_id", "video_id", *copied]].merge(
        videos, how="inner", on="video_id", suffixes=("", "_video")
    )
    for name in copied:
        mine, other = both[name], both[f"{name}_video"]
        bad = (mine != other) & ~(mine.isna() & other.isna())
        text = f"clip {{clip_id}}: {name} is {{{name}}}, its video's {{{name}_video}}"
        found = pd.Series(notes(both, bad, text), index=both["clip_id"], dtype=object).dropna()
        frame[f"other_{name}"] = frame["clip_id"].map(found[~found.index.duplicated()])
    return frame


def lists(column: pa.ChunkedArray, length: int) -> NDArray[np.float64]:
    """A list column as (N, length) float64; a row of another length is all NaN.

    >>> lists(pa.chunked_array([[[1.0, 2.0], [3.0], None]]), 2)
    array([[ 1.,  2.],
           [nan, nan],
           [nan, nan]])
    """
    good = _lengths(column) == length
    out = np.full((len(column), length), np.nan)
    flat = pc.list_flatten(column.filter(pa.array(good))).to_numpy()
    out[good] = flat.reshape(-1, length)
    return out


def _lengths(column: pa.ChunkedArray) -> NDArray[np.int32]:
    lengths: NDArray[np.int32] = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return lengths


def boxes(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """A box column as (N, 4) xyxy pixels; NaN where it is not four numbers."""
    return lists(column, 4)


def _frame(table: pa.Table, columns: list[str] | None = None) -> pd.DataFrame:
    frame: pd.DataFrame = (table.select(columns) if columns else table).to_pandas()
    return frame


def _outside(
    frame: pd.DataFrame, box: NDArray[np.float64], videos: pa.Table, name: str
) -> NDArray[np.object_]:
    """A note where a box is empty, not four numbers, or outside its video's frame."""
    sizes = _frame(videos, ["video_id", "width", "height"]).drop_duplicates("video_id")
    both = frame.merge(
        sizes, how="left", on="video_id"
    )  # an unknown video is another rule's matter
    width, height = both["width"].fillna(np.inf), both["height"].fillna(np.inf)
    x0, y0, x1, y1 = box.T
    inside = (np.minimum(x0, y0) >= -BOX_TOLERANCE_PX) & (x1 > x0) & (y1 > y0)
    inside &= x1 <= width.to_numpy() + BOX_TOLERANCE_PX
    inside &= y1 <= height.to_numpy() + BOX_TOLERANCE_PX
    both = both.assign(x0=x0, y0=y0, x1=x1, y1=y1)
    text = ": box {x0:.1f} {y0:.1f} {x1:.1f} {y1:.1f} in a frame of {width} x {height}"
    return notes(both, ~inside, name + text)


def _unknown_videos(frame: pd.DataFrame, videos: pa.Table) -> NDArray[np.object_]:
    known = videos["video_id"].to_pandas()
    return notes(frame, ~frame["video_id"].isin(known), "{video_id} is not in videos")


def _unmatched(frame: pd.DataFrame, other: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each row's key, the columns of ``other``, is missing there."""
    keys = list(other.columns)
    both = frame[keys].merge(other.drop_duplicates(), how="left", on=keys, indicator=True)
    return (both["_merge"] == "left_only").to_numpy()
