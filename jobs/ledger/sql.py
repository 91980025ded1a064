"""SQL of the plan's join, and the DuckDB database that runs it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa


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


def identifier(name: str) -> str:
    """Return the name of a column for use in SQL, in double quotes.

    >>> identifier('size (3" screen)')
    '"size (3"" screen)"'
    """
    return '"' + name.replace('"', '""') + '"'


def parquet(*paths: Path, files: str = "", options: str = "") -> str:
    """Return SQL that reads local Parquet files.

    Args:
        paths: the files, or with ``files`` one folder; no character of a path is a pattern.
        files: pattern of the files' names in the folder, such as ``plan-*.parquet``.
        options: further arguments of ``read_parquet``, such as ``filename = true``.

    >>> parquet(Path("/tmp/12[3].master/a.parquet"))
    "read_parquet(['/tmp/12[[]3].master/a.parquet'], hive_partitioning = false)"
    """
    named = [literal(path) + (f"/{files}" if files else "") for path in paths]
    given = ", ".join(f"'{quoted(name)}'" for name in named)
    # Otherwise a folder such as "uri=3" in the path would become a column.
    return f"read_parquet([{given}], {options and options + ', '}hive_partitioning = false)"


def literal(path: object) -> str:
    """Return a path in which DuckDB finds no pattern.

    >>> literal("/tmp/a*b?[7]")
    '/tmp/a[*]b[?][[]7]'
    """
    return re.sub(r"([\[*?])", r"[\1]", str(path))


_COUNTED = (
    "(select r.*, count(*) over (partition by uri) times, "
    "coalesce(min(label) over same <> max(label) over same, false) differ, "
    "min(uri) over same first_uri, max(uri) over same last_uri "
    "from (select * from labels left join listing using (uri)) r "
    "window same as (partition by coalesce(file_id, uri)))"
)
"""Rows of the label table with the facts of their files; those without a file have no video_id.

``differ`` is true if another row names the same file, through a link, with another label.
"""


def manifest_sql(columns: Sequence[str]) -> str:
    """Return SQL for the videos of a plan, in order of uri.

    These are the videos of the view ``listing`` with exactly one row in the view ``labels`` and
    with a label of the table ``label_set``.
    """
    extra = "".join(f", {identifier(name)}" for name in columns)
    return (
        "select video_id, uri, size_bytes, etag, subject_id, label, corpus, split, "
        f"fold{extra} from {_COUNTED} where times = 1 and not differ and video_id is not null "
        "and label in (from label_set) order by uri"
    )


def reject_columns(uri: str, reason: str, detail: str) -> str:
    """Return SQL for the columns of a row of ``rejects``.

    Args:
        uri: SQL expression for the uri.
        reason: SQL expression for the reason.
        detail: SQL expression for the detail.
    """
    return (
        f"null::varchar video_id, {uri} uri, 'plan' stage, {reason} reason, {detail} detail, "
        "null::double offset_s, null::bigint offset_bytes"
    )


def rejects_sql(root: str, labels: Sequence[str]) -> str:
    """Return SQL for the rejects of the views labels, listing and unreadable, in order of uri.

    A row of ``labels`` gets the first reason that applies: duplicate_uri, missing, unknown_label. A
    video of ``listing`` without a row in ``labels`` is unlabelled. An entry of ``unreadable`` has
    its own reason and no other one.
    """
    names = quoted(", ".join(labels))
    root_of = f"case when uri ^@ '/' or contains(uri, '://') then '' else '{quoted(root)}/' end"
    cases = [
        ("duplicate_uri", "'the label table names it ' || times || ' times'", "times > 1"),
        (
            "duplicate_uri",
            "'the same file as ' || case when uri = first_uri then last_uri else first_uri end "
            "|| ', which has another label'",
            "differ",
        ),
        ("missing", f"'not at ' || {root_of} || uri", "video_id is null"),
        (
            "unknown_label",
            f"'''' || label || ''' is not one of {names}'",
            "not label in (from label_set)",
        ),
    ]
    parts = [unreadable_sql()]
    earlier = "uri not in (select uri from unreadable)"
    for reason, detail, condition in cases:
        columns = reject_columns("uri", f"'{reason}'", detail)
        parts.append(f"select {columns} from {_COUNTED} where {earlier} and {condition}")
        earlier += f" and not ({condition})"
    columns = reject_columns("uri", "'unlabelled'", "'no row in the label table'")
    parts.append(f"select {columns} from listing anti join labels using (uri)")
    return f"from ({' union all '.join(parts)}) order by uri, reason"


def unreadable_sql() -> str:
    """Return SQL for the rejects of the view ``unreadable``, without an order."""
    return f"select {reject_columns('uri', 'reason', 'detail')} from unreadable"
