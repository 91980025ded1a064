"""Schemas of the rows that flow between the stages of scoring, and the functions that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from jobs.ledger.plan import Row
from schemas.scores import CLIP_FACTS, VIDEO_FACTS
from schemas.tables import FLOATS, REJECTS, TIMES, rows_table

CLIP = pa.schema([*CLIP_FACTS, ("pts_s", TIMES), ("crops", pa.list_(pa.binary()))])
"""A clip before the model: its columns in ``scores``, the times of its frames, its JPEGs."""
END = pa.struct(
    [
        ("videos", pa.list_(pa.struct([*VIDEO_FACTS, ("wall_s", pa.float64())]))),
        ("rejects", pa.list_(pa.struct(list(REJECTS)))),
        ("num_faces", pa.int64()),  # rows of the faces part
    ]
)
"""The end of a shard: the videos that were read, the others, and the rows of the faces part.

``wall_s`` is the time in seconds that reading the video took.
"""
_OF_EVERY_ROW = [("kind", pa.string()), ("shard_id", pa.string())]
_OF_THE_SHARD = [("end", END), ("fault", pa.string())]

READ_ROWS = pa.schema([*_OF_EVERY_ROW, *CLIP, *_OF_THE_SHARD])
"""Rows from the readers to the models. ``kind`` is one of:

- clip: one clip; ``end`` and ``fault`` are null.
- end: the shard is read; ``end`` is set, the columns of a clip are null.
- fault: the storage failed; ``fault`` is the message, all else is null.
"""
SCORED_ROWS = pa.schema(
    [
        *(field for field in READ_ROWS if field.name != "crops"),
        ("probs", FLOATS),  # K probabilities of the clip, in label order
        ("steps", FLOATS),  # S times K: those of S equal parts of the clip, in order of time
        ("busy_s", pa.float64()),  # time of the model call, on its first row; else 0
    ]
)
"""Rows from the models to the driver: no crops, and for a clip its probabilities."""


def clip_rows(shard_id: str, clips: pa.Table) -> pa.Table:
    """Return clips as ``READ_ROWS``; ``clips`` has at least the columns of ``CLIP``."""
    columns = clips.select(CLIP.names).cast(CLIP)
    return _read_rows("clip", shard_id, {name: columns[name] for name in CLIP.names}, len(clips))


def end_row(
    shard_id: str, *, videos: Sequence[Row], rejects: Sequence[Row], num_faces: int
) -> pa.Table:
    """Return the end of a shard as one row of ``READ_ROWS``; for the fields see ``END``."""
    end = {"videos": list(videos), "rejects": list(rejects), "num_faces": num_faces}
    return _read_rows("end", shard_id, {"end": pa.array([end], END)}, 1)


def fault_row(shard_id: str, line: str) -> pa.Table:
    """Return the message of a storage fault as one row of ``READ_ROWS``."""
    return _read_rows("fault", shard_id, {"fault": pa.array([line])}, 1)


def clips_table(rows: Sequence[Row]) -> pa.Table:
    """Return clips as a table of ``CLIP``; further keys of a row are left out.

    Raises:
        KeyError: if a row lacks a column.
    """
    return rows_table([{name: row[name] for name in CLIP.names} for row in rows], CLIP)


def _read_rows(
    kind: str, shard_id: str, columns: Mapping[str, pa.Array | pa.ChunkedArray], num_rows: int
) -> pa.Table:
    given = {"kind": pa.array([kind] * num_rows), "shard_id": pa.array([shard_id] * num_rows)}
    given |= columns
    arrays = [
        given[field.name] if field.name in given else pa.nulls(num_rows, field.type)
        for field in READ_ROWS
    ]
    return pa.table(arrays, schema=READ_ROWS)
