"""SQL of the plan's join, and the DuckDB database that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from emotion import storage


def database(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database in memory, limited to 512 MB; it spills to ``folder``/spill."""
    spill = str(folder / "spill")
    db = duckdb.connect(config={"memory_limit": "512MB", "temp_directory": spill, "threads": 2})
    db.execute("set enable_progress_bar = false")  # it would overwrite the job's output
    return db


def batches(db: duckdb.DuckDBPyConnection, sql: str, num_rows: int) -> pa.RecordBatchReader:
    """Stream the rows of a query as Arrow batches of ``num_rows`` rows."""
    relation = db.sql(sql)
    if relation is None:
        raise RuntimeError(f"not a query: {sql}")
    return relation.to_arrow_reader(num_rows)


def quoted(value: object) -> str:
    """Return a value as text for use inside an SQL string; single quotes are doubled."""
    return str(value).replace("'", "''")


UNLABELLED_SQL = (
    "select video_id, uri, size_bytes, etag, null::varchar subject_id, null::varchar label, "
    "null::varchar corpus, null::varchar split, null::varchar fold from listing order by uri"
)
"""SQL for the videos of a plan without labels: all of the view ``listing``, in order of uri."""

_COUNTED = (
    "(select *, count(*) over (partition by uri) times from labels) l "
    "left join listing f using (uri)"
)


def manifest_sql(columns: Sequence[str]) -> str:
    """Return SQL for the videos of a plan, in order of uri.

    These are the videos of the view ``listing`` with exactly one row in the view ``labels`` and
    with a label of the table ``label_set``.
    """
    extra = "".join(f', "{name}"' for name in columns)
    return (
        "select f.video_id, uri, f.size_bytes, f.etag, subject_id, label, corpus, split, "
        f"fold{extra} from {_COUNTED} where times = 1 and f.video_id is not null "
        "and label in (from label_set) order by uri"
    )


def _reject_columns(uri: str, reason: str, detail: str) -> str:
    """Return SQL for the columns of a row of ``rejects``.

    Args:
        uri: SQL expression for the uri.
        reason: the reason as text.
        detail: SQL expression for the detail; an empty text gives null.
    """
    return (
        f"null::varchar video_id, {uri} uri, 'plan' stage, '{reason}' reason, {detail or 'null'} "
        "detail, null::double offset_s, null::bigint offset_bytes"
    )


def rejects_sql(root: str, labels: Sequence[str]) -> str:
    """Return SQL for the rejects of the views ``labels`` and ``listing``, in order of uri.

    A row of ``labels`` gets the first reason that applies: duplicate_uri, missing, unknown_label. A
    video of ``listing`` without a row in ``labels`` is unlabelled.
    """
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
        columns = _reject_columns("uri", reason, detail)
        parts.append(f"select {columns} from {_COUNTED} where {earlier} and {condition}")
        earlier += f" and not ({condition})"
    columns = _reject_columns("uri", "unlabelled", "'no row in the label table'")
    parts.append(f"select {columns} from listing anti join labels using (uri)")
    return f"from ({' union all '.join(parts)}) order by uri, reason"
