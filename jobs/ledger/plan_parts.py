"""Making of a plan: an archive is listed, and joined with its label table, in bounded memory.

The list and the table are streamed into Parquet files. DuckDB joins them and spills to disk, so
that a plan of a million videos needs as much memory as a plan of a thousand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import InputError
from emotion.label_table import LabelRow, open_label_table
from emotion.splits import assign_split
from jobs.ledger.label_columns import LABELS, extra_column_names
from jobs.ledger.listed import labelled_entry, write_entries
from jobs.ledger.listing import stream_videos
from jobs.ledger.parts import BATCH_ROWS, Row, write_rows
from jobs.ledger.plan import LabelTable, Plan
from jobs.ledger.plan_files import ledger_files
from jobs.ledger.sql import (
    UNLABELLED_SQL,
    batches,
    database,
    manifest_sql,
    parquet,
    rejects_sql,
    unreadable_sql,
)
from schemas.tables import MANIFEST, REJECTS, with_columns

FIRST_PART = 10_000
"""Number of listed files of the first part of a plan; ten pages of S3's listing."""
NEXT_PART = 100_000
"""Number of listed files of every later part."""


def is_planned_whole(root: str, out: str) -> bool:
    """Return True if the archive ``root`` must be listed before the work on it begins.

    The archive of an output with a stored plan is compared with the plan. A local folder is listed
    in seconds, and links in it are compared with each other.
    """
    return storage.is_local(root) or bool(ledger_files(out, "plan"))


def plan_archive(root: str, folder: Path) -> Plan:
    """Plan every video below ``root``, without labels; what cannot be read becomes a reject.

    Args:
        root: address of the archive.
        folder: local folder for the plan's files.

    Raises:
        InputError: see ``jobs.ledger.listing.stream_videos``.
    """
    return next(plan_parts(root, folder, table=None, whole=True))


def plan_labelled(
    root: str, labels_uri: str, labels: Sequence[str], *, seed: int, folder: Path
) -> Plan:
    """Plan the videos that the label table names; other videos and rows become rejects.

    Args:
        root: address of the archive.
        labels_uri: address of the label table.
        labels: the label set.
        seed: seed of the split.
        folder: local folder for the plan's files.

    Raises:
        InputError: see ``plan_parts``.
    """
    table = LabelTable(labels_uri, tuple(labels), seed)
    return next(plan_parts(root, folder, table=table, whole=True))


def plan_parts(root: str, folder: Path, *, table: LabelTable | None, whole: bool) -> Iterator[Plan]:
    """Yield the plan of an archive in parts, while the storage still lists the archive.

    The first part holds the first ``FIRST_PART`` listed files, each later one ``NEXT_PART``. So the
    work can begin before a large archive is listed. A part without videos is left out, unless it is
    the last one. The rejects are known when all files are listed: only the last part has them.

    Args:
        root: address of the archive.
        folder: local folder for the files of the plan.
        table: the label table; None plans every video, without labels.
        whole: True makes one part of the whole archive.

    Raises:
        InputError: if the label table has no rows or gives one subject two splits; see also
            ``listing.stream_videos`` and ``emotion.label_table``.
    """
    columns = _write_labels(table, root, folder) if table else ()
    with database(folder) as db:
        if table:
            _open(db, "labels", folder, "labels")
            _check_one_split(db)
            db.execute("create table label_set(label varchar)")
            db.executemany("insert into label_set values (?)", [[label] for label in table.labels])
        for number, is_last in _listings(root, folder, whole=whole):
            name = f"listing-{number:04d}"
            _open(db, "listing", folder, name)
            if table and is_last:
                _add_elsewhere(db, root, folder, name)
            manifest = folder / f"manifest-{number:04d}.parquet"
            sql = manifest_sql(columns) if table else UNLABELLED_SQL
            _write(db, sql, manifest, with_columns(MANIFEST, columns))
            rejects = folder / f"rejects-{number:04d}.parquet"
            if is_last:
                _open(db, "listing", folder, "listing-*")
                _open(db, "unreadable", folder, "unreadable-*")
                sql = (
                    rejects_sql(root, table.labels) if table else f"{unreadable_sql()} order by uri"
                )
                _write(db, sql, rejects, REJECTS)
            else:
                pq.write_table(REJECTS.empty_table(), rejects)
            plan = _counted(db, manifest, rejects, columns)
            if plan.num_videos or is_last:
                yield replace(plan, is_whole=number == 0 and is_last, is_last=is_last)


def _listings(root: str, folder: Path, *, whole: bool) -> Iterator[tuple[int, bool]]:
    """Write listing-0000.parquet and so on; yield each number, and True for the last one."""
    entries = stream_videos(root)
    following = next(entries)
    for number in itertools.count():
        size = None if whole else (NEXT_PART if number else FIRST_PART) - 1
        some = itertools.chain([following], islice(entries, size))
        listing, unreadable = (
            folder / f"{kind}-{number:04d}.parquet" for kind in ("listing", "unreadable")
        )
        write_entries(some, listing, unreadable)
        left = next(entries, None)
        yield number, left is None
        if left is None:
            return
        following = left


def _write_labels(table: LabelTable, root: str, folder: Path) -> tuple[str, ...]:
    """Write labels.parquet; return the names of the additional columns in ``videos``."""
    with open_label_table(table.uri, videos_root=root) as (names, rows):
        columns = extra_column_names(names)
        labelled = (_label_row(row, columns, table.seed) for row in rows)
        schema = with_columns(LABELS, columns)
        if not write_rows(folder / "labels.parquet", labelled, schema):
            raise InputError(f"label table {table.uri} has a header and no rows")
    return columns


def _label_row(row: LabelRow, columns: tuple[str, ...], seed: int) -> Row:
    stored: Row = {
        "uri": row.uri,
        "subject_id": row.subject_id,
        "label": row.label,
        "corpus": row.corpus,
        "given": row.split,
        "split": row.split or assign_split(row.subject_id, seed=seed),
        "fold": row.fold,
    }
    return stored | dict(zip(columns, row.extra.values(), strict=True))


def _open(db: duckdb.DuckDBPyConnection, view: str, folder: Path, files: str) -> None:
    """Create a view of the local files ``files``.parquet, a name or a pattern."""
    found = parquet(folder, files=f"{files}.parquet")
    db.execute(f"create or replace view {view} as from {found}")


def _check_one_split(db: duckdb.DuckDBPyConnection) -> None:
    subjects = db.execute(
        "select subject_id, min(coalesce(given, 'none')), max(coalesce(given, 'none')) from labels "
        "group by subject_id having count(distinct coalesce(given, 'none')) > 1 "
        "order by subject_id limit 1"
    ).fetchall()
    for subject, one, other in subjects:
        raise InputError(
            f"the label table puts subject {subject} into splits {one} and {other}; "
            "a subject belongs to one"
        )


def _add_elsewhere(db: duckdb.DuckDBPyConnection, root: str, folder: Path, last: str) -> None:
    """Add labelled files that no listing has to the last one, ``last``.

    These are absolute addresses and files with unknown suffixes.
    """
    _open(db, "listing", folder, "listing-*")
    _open(db, "unreadable", folder, "unreadable-*")
    cursor = db.cursor()
    cursor.execute(
        "select distinct uri from labels anti join listing using (uri) "
        "anti join unreadable using (uri) order by uri"
    )
    with ThreadPoolExecutor(16) as pool:
        entries = (
            entry
            for rows in iter(lambda: cursor.fetchmany(1024), [])
            for entry in pool.map(lambda row: labelled_entry(root, row[0]), rows)
            if entry is not None
        )
        elsewhere = folder / "listing-elsewhere.parquet"
        write_entries(entries, elsewhere, folder / "unreadable-elsewhere.parquet")
    found = parquet(folder / f"{last}.parquet", elsewhere)
    db.execute(f"create or replace view listing as from {found}")


def _write(db: duckdb.DuckDBPyConnection, sql: str, path: Path, schema: pa.Schema) -> None:
    """Stream the rows of a query into a local Parquet file, with the column types of ``schema``."""
    reader = batches(db, sql, BATCH_ROWS)
    target = pa.schema([schema.field(name) for name in reader.schema.names])
    with pq.ParquetWriter(path, target, compression="zstd") as writer:
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]).cast(target))


def _counted(
    db: duckdb.DuckDBPyConnection, manifest: Path, rejects: Path, columns: tuple[str, ...]
) -> Plan:
    totals = db.execute(
        f"select count(*), coalesce(sum(size_bytes), 0) from {parquet(manifest)}"
    ).fetchall()
    reasons = db.execute(
        f"select reason, count(*) from {parquet(rejects)} group by 1 order by 1"
    ).fetchall()
    num_videos, size_bytes = totals[0]
    return Plan(manifest, rejects, int(num_videos), int(size_bytes), dict(reasons), columns)
