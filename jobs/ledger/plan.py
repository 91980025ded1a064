"""Plan of an archive: the list of its videos joined with the label table, in bounded memory.

The list and the table are streamed into Parquet files. DuckDB joins them and spills to disk, so
that a plan of a million videos needs as much memory as a plan of a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emotion.errors import InputError, Reason
from emotion.label_table import LabelRow, open_label_table
from emotion.splits import assign_split
from jobs.ledger.label_columns import LABELS, extra_column_names
from jobs.ledger.listed import labelled_entry, write_entries, write_listing
from jobs.ledger.parts import BATCH_ROWS, Row, write_rows
from jobs.ledger.sql import batches, database, manifest_sql, parquet, rejects_sql, unreadable_sql
from schemas.tables import MANIFEST, REJECTS, with_columns


@dataclass(frozen=True)
class Plan:
    """Videos that a job will read, and videos that it rejects before reading.

    Attributes:
        manifest: local Parquet file with one row per video, in order of uri. It has the columns of
            ``MANIFEST`` without shard_id, duration_s and num_chunks, then ``extra_columns``.
        rejects: local Parquet file with the schema ``schemas.tables.REJECTS``.
        num_videos: number of rows of the manifest.
        size_bytes: total size of the videos of the manifest.
        reasons: number of rejects by reason.
        extra_columns: names that the additional columns of the label table get in ``videos``.
    """

    manifest: Path
    rejects: Path
    num_videos: int
    size_bytes: int
    reasons: dict[str, int]
    extra_columns: tuple[str, ...] = ()


def reject(uri: str, reason: Reason, detail: str, *, stage: str, video: str | None = None) -> Row:
    """Return one row of ``rejects`` without a position in the file; ``video`` is its video_id."""
    row: Row = {"video_id": video, "uri": uri, "stage": stage, "reason": reason, "detail": detail}
    return row | {"offset_s": None, "offset_bytes": None}


def plan_archive(root: str, folder: Path) -> Plan:
    """Plan every video below ``root``, without labels; what cannot be read becomes a reject.

    Args:
        root: address of the archive.
        folder: local folder for the plan's files.

    Raises:
        InputError: see ``jobs.ledger.listing.stream_videos``.
    """
    write_listing(root, folder)
    with database(folder) as db:
        _open(db, folder, "listing")
        _open(db, folder, "unreadable")
        nulls = ", ".join(f"null::varchar {n}" for n in ("subject_id", "label", "corpus"))
        _write(
            db,
            f"select video_id, uri, size_bytes, etag, {nulls}, null::varchar split, "
            "null::varchar fold from listing order by uri",
            folder / "manifest.parquet",
            MANIFEST,
        )
        _write(db, f"{unreadable_sql()} order by uri", folder / "rejects.parquet", REJECTS)
        return _counted(db, folder, ())


def plan_labelled(
    root: str, labels_uri: str, labels: Sequence[str], *, seed: int, folder: Path
) -> Plan:
    """Plan the videos that the label table names; other videos and rows become rejects.

    The label table may give the split of a subject. Otherwise a stable hash of the subject's name
    and ``seed`` gives it.

    Args:
        root: address of the archive.
        labels_uri: address of the label table.
        labels: the label set.
        seed: seed of the split.
        folder: local folder for the plan's files.

    Raises:
        InputError: if the label table has no rows or gives one subject two splits; see also
            ``listing.stream_videos`` and ``emotion.label_table``.
    """
    with open_label_table(labels_uri, videos_root=root) as (names, rows):
        columns = extra_column_names(names)
        table = with_columns(LABELS, columns)
        labelled = (_label_row(row, columns, seed) for row in rows)
        if not write_rows(folder / "labels.parquet", labelled, table):
            raise InputError(f"label table {labels_uri} has a header and no rows")
    write_listing(root, folder)
    with database(folder) as db:
        _open(db, folder, "labels")
        _open(db, folder, "listing")
        _open(db, folder, "unreadable")
        _check_one_split(db)
        _add_elsewhere(db, root, folder)
        db.execute("create table label_set(label varchar)")
        db.executemany("insert into label_set values (?)", [[label] for label in labels])
        _write(
            db, manifest_sql(columns), folder / "manifest.parquet", with_columns(MANIFEST, columns)
        )
        _write(db, rejects_sql(root, labels), folder / "rejects.parquet", REJECTS)
        return _counted(db, folder, columns)


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


def _open(db: duckdb.DuckDBPyConnection, folder: Path, *names: str) -> None:
    """Create the view that the first name names, of the files NAME.parquet."""
    files = parquet(*(folder / f"{name}.parquet" for name in names))
    db.execute(f"create or replace view {names[0]} as from {files}")


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


def _add_elsewhere(db: duckdb.DuckDBPyConnection, root: str, folder: Path) -> None:
    """Add labelled files that the listing lacks: absolute addresses and unknown suffixes."""
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
        write_entries(
            entries, folder / "elsewhere.parquet", folder / "unreadable-elsewhere.parquet"
        )
    _open(db, folder, "listing", "elsewhere")
    _open(db, folder, "unreadable", "unreadable-elsewhere")


def _write(db: duckdb.DuckDBPyConnection, sql: str, path: Path, schema: pa.Schema) -> None:
    """Stream the rows of a query into a local Parquet file, with the column types of ``schema``."""
    reader = batches(db, sql, BATCH_ROWS)
    target = pa.schema([schema.field(name) for name in reader.schema.names])
    with pq.ParquetWriter(path, target, compression="zstd") as writer:
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]).cast(target))


def _counted(db: duckdb.DuckDBPyConnection, folder: Path, columns: tuple[str, ...]) -> Plan:
    manifest, rejects = folder / "manifest.parquet", folder / "rejects.parquet"
    totals = db.execute(
        f"select count(*), coalesce(sum(size_bytes), 0) from {parquet(manifest)}"
    ).fetchall()
    reasons = db.execute(
        f"select reason, count(*) from {parquet(rejects)} group by 1 order by 1"
    ).fetchall()
    num_videos, size_bytes = totals[0]
    return Plan(manifest, rejects, int(num_videos), int(size_bytes), dict(reasons), columns)
