"""SQL of the plan's join, and the DuckDB database that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from emotion import storage


def database(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database in memory, at most 512 MB; it spills into ``folder``."""
    spill = str(folder / "spill")
    db = duckdb.connect(config={"memory_limit": "512MB", "temp_directory": spill, "threads": 2})
    db.execute("set enable_progress_bar = false")  # it would draw over the lines of the job
    return db


def batches(db: duckdb.DuckDBPyConnection, sql: str, num_rows: int) -> pa.RecordBatchReader:
    """Stream the rows of a query as Arrow batches of ``num_rows`` rows."""
    relation = db.sql(sql)
    if relation is None:
        raise RuntimeError(f"not a query: {sql}")
    return relation.to_arrow_reader(num_rows)


def quoted(value: object) -> str:
    """Return a value for use inside an SQL string."""
    return str(value).replace("'", "''")


_COUNTED = (
    "(select *, count(*) over (partition by uri) times from labels) l "
    "left join listing f using (uri)"
)


def manifest_sql(columns: Sequence[str]) -> str:
    """Return SQL for the videos in both views, ``labels`` and ``listing``, in order of uri."""
    extra = "".join(f', "{name}"' for name in columns)
    return (
        "select f.video_id, uri, f.size_bytes, f.etag, subject_id, label, corpus, split, "
        f"fold{extra} from {_COUNTED} where times = 1 and f.video_id is not null "
        "and label in (from label_set) order by uri"
    )


def reject_columns(uri: str, reason: str, detail: str) -> str:
    """Return SQL for the columns of a reject.

    Args:
        uri: SQL expression of its uri.
        reason: the reason as text.
        detail: SQL expression of its detail; empty gives null.
    """
    return (
        f"null::varchar video_id, {uri} uri, 'plan' stage, '{reason}' reason, {detail or 'null'} "
        "detail, null::double offset_s, null::bigint offset_bytes"
    )


def rejects_sql(root: str, labels: Sequence[str]) -> str:
    """Return SQL for the rows of ``labels`` and ``listing`` that become rejects, by uri."""
    names = quoted(", ".join(labels))
    cases = [
        ("duplicate_uri", "'the label table names it ' || times || ' times'", "times > 1"),
        ("missing", f"'not at {quoted(storage.join(root, ''))}' || uri", "f.video_id is null"),
        (
            "unknown_label",
            f"'''' || label || ''' is not one of {names}'",
            "not label in (from label_set)",
        ),
    ]
    parts = []
    earlier = "true"
    for reason, detail, condition in cases:
        columns = reject_columns("uri", reason, detail)
        parts.append(f"select {columns} from {_COUNTED} where {earlier} and {condition}")
        earlier += f" and not ({condition})"
    columns = reject_columns("uri", "unlabelled", "'no row in the label table'")
    parts.append(f"select {columns} from listing anti join labels using (uri)")
    return f"from ({' union all '.join(parts)}) order by uri, reason"
