"""Making of a plan: an archive is listed, and joined with its label table, in bounded memory.

The list and the table are streamed into Parquet files. DuckDB joins them and spills to disk, so
that a plan of a million videos needs as much memory as a plan of a thousand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
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
from emotion.storage import FileInfo
from jobs.ledger.listing import stream_videos
from jobs.ledger.plan import (
    BATCH_ROWS,
    LABELS,
    LISTING,
    LabelTable,
    Plan,
    Row,
    extra_column_names,
    video_id,
    write_rows,
)
from jobs.ledger.sql import UNLABELLED_SQL, batches, database, manifest_sql, quoted, rejects_sql
from schemas.tables import MANIFEST, REJECTS, with_columns

FIRST_PART = 10_000
"""Number of listed files of the first part of a plan; ten pages of S3's listing."""
NEXT_PART = 100_000
"""Number of listed files of every later part."""


def plan_archive(root: str, folder: Path) -> Plan:
    """Plan every video below ``root``, without labels and without rejects.

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
        table: the label table; None plans every video, without labels and without rejects.
        whole: True makes one part of the whole archive.

    Raises:
        InputError: if the label table has no rows or gives one subject two splits; see also
            ``listing.stream_videos`` and ``emotion.label_table``.
    """
    columns = _write_labels(table, root, folder) if table else ()
    with database(folder) as db:
        if table:
            _open(db, folder, "labels", "labels")
            _check_one_split(db)
            db.execute("create table label_set(label varchar)")
            db.executemany("insert into label_set values (?)", [[label] for label in table.labels])
        for number, is_last in _listings(root, folder, whole=whole):
            name = f"listing-{number:04d}"
            _open(db, folder, "listing", name)
            if table and is_last:
                _add_elsewhere(db, root, folder, name)
            manifest = folder / f"manifest-{number:04d}.parquet"
            rejects = folder / f"rejects-{number:04d}.parquet"
            sql = manifest_sql(columns) if table else UNLABELLED_SQL
            _write(db, sql, manifest, with_columns(MANIFEST, columns))
            if table and is_last:
                _open(db, folder, "listing", "listing-*")
                _write(db, rejects_sql(root, table.labels), rejects, REJECTS)
            else:
                pq.write_table(REJECTS.empty_table(), rejects)
            plan = _counted(db, manifest, rejects, columns)
            if plan.num_videos or is_last:
                yield replace(plan, is_whole=number == 0 and is_last, is_last=is_last)


def _listings(root: str, folder: Path, *, whole: bool) -> Iterator[tuple[int, bool]]:
    """Write listing-0000.parquet and so on; yield each number, and True for the last one."""
    rows = _listing_rows(stream_videos(root))
    following = next(rows)
    for number in itertools.count():
        size = None if whole else (NEXT_PART if number else FIRST_PART) - 1
        some = itertools.chain([following], islice(rows, size))
        write_rows(folder / f"listing-{number:04d}.parquet", some, LISTING)
        left = next(rows, None)
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


def _listing_rows(files: Iterable[FileInfo]) -> Iterator[Row]:
    for file in files:
        yield {
            "uri": file.uri,
            "size_bytes": file.size_bytes,
            "etag": file.version,
            "video_id": video_id(file),
        }


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


def _open(db: duckdb.DuckDBPyConnection, folder: Path, view: str, files: str) -> None:
    db.execute(
        f"create or replace view {view} as from read_parquet('{quoted(folder)}/{files}.parquet')"
    )


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
    _open(db, folder, "listing", "listing-*")
    cursor = db.cursor()
    cursor.execute("select distinct uri from labels anti join listing using (uri) order by uri")
    with ThreadPoolExecutor(16) as pool:
        files = (
            file
            for rows in iter(lambda: cursor.fetchmany(1024), [])
            for file in pool.map(lambda row: _stat(root, row[0]), rows)
            if file is not None
        )
        write_rows(folder / "listing-elsewhere.parquet", _listing_rows(files), LISTING)
    names = ", ".join(f"'{quoted(folder)}/{n}.parquet'" for n in (last, "listing-elsewhere"))
    db.execute(f"create or replace view listing as from read_parquet([{names}])")


def _stat(root: str, uri: str) -> FileInfo | None:
    try:
        return replace(storage.stat(storage.join(root, uri)), uri=uri)
    except FileNotFoundError:
        return None


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
        f"select count(*), coalesce(sum(size_bytes), 0) from read_parquet('{quoted(manifest)}')"
    ).fetchall()
    reasons = db.execute(
        f"select reason, count(*) from read_parquet('{quoted(rejects)}') group by 1 order by 1"
    ).fetchall()
    num_videos, size_bytes = totals[0]
    return Plan(manifest, rejects, int(num_videos), int(size_bytes), dict(reasons), columns)
