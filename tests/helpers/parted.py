"""Tables written in a chosen number of parts and row groups."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage


def write_parts(uri: str, tables: dict[str, pa.Table], *, num_parts: int, group_rows: int) -> None:
    for name, table in tables.items():
        step = -(-table.num_rows // num_parts)
        for part in range(num_parts):
            sink = io.BytesIO()
            pq.write_table(table.slice(part * step, step), sink, row_group_size=group_rows)
            storage.write_bytes(f"{uri}/{name}/part-{part:04d}.parquet", sink.getvalue())
