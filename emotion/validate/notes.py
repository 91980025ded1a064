"""Columns of notes, and the functions on Arrow columns from which they are made.

A rule on more than one value (a key in another table, an order, two columns) becomes a column of
notes. A note is null if the row keeps the rule; else it is a text that names the row and the error.
The suite then has a rule that the column has only nulls, and a result's examples are these texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BOX_TOLERANCE_PX = 1.0
"""Pixels by which a box may be outside the frame: a clipped box is rounded to float32."""

Tables = Mapping[str, pa.Table]
Notes = NDArray[np.object_]


def notes(frame: pd.DataFrame, bad: pd.Series[bool] | NDArray[np.bool_], text: str) -> Notes:
    """Return a note for each row: ``text`` with the row's values if ``bad``, else None.

    ``text`` names columns in braces, as ``str.format_map`` takes them.

    >>> notes(pd.DataFrame({"n": [1, 2]}), np.array([False, True]), "{n} is too many")
    array([None, '2 is too many'], dtype=object)
    """
    texts = np.full(len(frame), None, dtype=object)
    places = np.flatnonzero(np.asarray(bad, dtype=bool))
    for place, row in zip(places, frame.iloc[places].to_dict("records"), strict=True):
        texts[place] = text.format_map({str(key): value for key, value in row.items()})
    return texts


def to_frame(table: pa.Table, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the columns (None: all) as a pandas frame; integers with nulls become floats."""
    frame: pd.DataFrame = (table.select(list(columns)) if columns else table).to_pandas()
    return frame


def lengths(column: pa.ChunkedArray) -> NDArray[np.int32]:
    """Return the length of each list; 0 for null."""
    values: NDArray[np.int32] = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return values


def lists(column: pa.ChunkedArray, length: int) -> NDArray[np.float64]:
    """Return a list column as (N, length) float64; a list of another length, or null, gives NaN.

    >>> lists(pa.chunked_array([[[1.0, 2.0], [3.0], None]]), 2)
    array([[ 1.,  2.],
           [nan, nan],
           [nan, nan]])
    """
    good = lengths(column) == length
    out = np.full((len(column), length), np.nan)
    flat = pc.list_flatten(column.filter(pa.array(good))).to_numpy()
    out[good] = flat.reshape(-1, length)
    return out


def boxes(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a box column as (N, 4) xyxy pixels; NaN where it is not four numbers."""
    return lists(column, 4)


def outside(frame: pd.DataFrame, box: NDArray[np.float64], videos: pa.Table, name: str) -> Notes:
    """Return a note for each box that is empty, not four numbers, or outside its video's frame.

    ``name`` begins the note and may name columns in braces, such as "face {face_id}".
    """
    sizes = to_frame(videos, ["video_id", "width", "height"]).drop_duplicates("video_id")
    both = frame.merge(sizes, how="left", on="video_id")  # another rule checks for unknown videos
    width, height = both["width"].fillna(np.inf), both["height"].fillna(np.inf)
    x0, y0, x1, y1 = box.T
    inside = (np.minimum(x0, y0) >= -BOX_TOLERANCE_PX) & (x1 > x0) & (y1 > y0)
    inside &= x1 <= width.to_numpy() + BOX_TOLERANCE_PX
    inside &= y1 <= height.to_numpy() + BOX_TOLERANCE_PX
    both = both.assign(x0=x0, y0=y0, x1=x1, y1=y1)
    text = ": box {x0:.1f} {y0:.1f} {x1:.1f} {y1:.1f} in a frame of {width} x {height}"
    return notes(both, ~inside, name + text)


def unknown_videos(frame: pd.DataFrame, videos: pa.Table) -> Notes:
    """Return a note for each row whose video is not in ``videos``."""
    known = videos["video_id"].to_pandas()
    return notes(frame, ~frame["video_id"].isin(known), "{video_id} is not in videos")


def lookup(frame: pd.DataFrame, other: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return the columns of ``other`` for each row of ``frame``, matched by ``keys``.

    The column ``matched`` is True where ``other`` has the key; elsewhere the other columns are
    null. If ``other`` has a key twice, the first row is used. A null in a key never matches.
    """
    rows = other.dropna(subset=list(keys)).drop_duplicates(list(keys)).assign(matched=True)
    both = frame[list(keys)].merge(rows, how="left", on=list(keys))
    return both.assign(matched=both["matched"].eq(True).to_numpy())


def plain(column: pd.Series) -> Notes:
    """Return the values of a column as Python objects; None for null."""
    values = np.full(len(column), None, dtype=object)
    present = column.notna().to_numpy()
    values[present] = column[present].tolist()
    return values


def differ(one: pd.Series, other: pd.Series) -> NDArray[np.bool_]:
    """Return (N,) True where two columns of N values differ; a null equals only a null."""
    return np.asarray(plain(one) != plain(other), bool)
