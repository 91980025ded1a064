"""Schemas of the rows that pass between the stages of scoring, and functions that make the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from jobs.ledger.parts import Row
from schemas.scores import CLIP_FACTS, VIDEO_FACTS
from schemas.tables import FLOATS, REJECTS, TIMES, rows_table

CLIP = pa.schema([*CLIP_FACTS, ("pts_s", TIMES), ("crops", pa.list_(pa.binary()))])
"""Schema of a clip before the model: its columns in ``scores``, the times of its frames, its T
JPEGs."""
END = pa.struct(
    [
        ("videos", pa.list_(pa.struct([*VIDEO_FACTS, ("wall_s", pa.float64())]))),
        ("rejects", pa.list_(pa.struct(list(REJECTS)))),
        ("num_faces", pa.int64()),  # rows of the faces part
    ]
)
"""Type of the end of a shard: videos that were read, rejects, number of rows of the faces part.

``wall_s`` is the time in seconds that it took to read the video.
"""
_OF_EVERY_ROW = [("kind", pa.string()), ("shard_id", pa.string())]
_OF_THE_SHARD = [("end", END), ("fault", pa.string())]

READ_ROWS = pa.schema([*_OF_EVERY_ROW, *CLIP, *_OF_THE_SHARD])
"""Schema of the rows from the readers to the models. ``kind`` is one of:

- clip: one clip; ``end`` and ``fault`` are null.
- end: the shard was read; ``end`` is set, the columns of a clip are null.
- fault: an expected failure, such as unreachable storage; ``fault`` is its message, all columns
  except kind and shard_id are null.
"""
SCORED_ROWS = pa.schema(
    [
        *(field for field in READ_ROWS if field.name != "crops"),
        ("probs", FLOATS),  # K probabilities of the clip, in label order
        ("steps", FLOATS),  # S times K: probabilities of S equal parts of the clip, in time order
        ("busy_s", pa.float64()),  # seconds of a model call, on the first row of its batch; else 0
    ]
)
"""Schema of the rows from the models to the driver: without crops, with probabilities of clips."""


def clip_rows(shard_id: str, clips: pa.Table) -> pa.Table:
    """Return clips as ``READ_ROWS``; ``clips`` has at least the columns of ``CLIP``."""
    columns = clips.select(CLIP.names).cast(CLIP)
    return _read_rows("clip", shard_id, {name: columns[name] for name in CLIP.names}, len(clips))


def end_row(
    shard_id: str, *, videos: Sequence[Row], rejects: Sequence[Row], num_faces: int
) -> pa.Table:
    """Return the end of a shard as one row of ``READ_ROWS``; ``END`` explains the arguments."""
    end = {"videos": list(videos), "rejects": list(rejects), "num_faces": num_faces}
    return _read_rows("end", shard_id, {"end": pa.array([end], END)}, 1)


def fault_row(shard_id: str, line: str) -> pa.Table:
    """Return the message of an expected failure as one row of ``READ_ROWS``."""
    return _read_rows("fault", shard_id, {"fault": pa.array([line])}, 1)


def clips_table(rows: Sequence[Row]) -> pa.Table:
    """Return clips as a table with the schema ``CLIP``; other keys of a row are left out.

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
