"""Plan of an archive: the list of its videos joined with the label table, in bounded memory.

The list and the table are streamed into Parquet files. DuckDB joins them and spills to disk, so
that a plan of a million videos needs as much memory as a plan of a thousand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import InputError, Reason
from emotion.label_table import LabelRow, open_label_table
from emotion.splits import assign_split
from emotion.storage import FileInfo
from jobs.ledger.listing import stream_videos
from jobs.ledger.sql import batches, database, manifest_sql, quoted, reject_columns, rejects_sql
from schemas.tables import MANIFEST, REJECTS, VIDEOS, rows_table, with_columns

Row = dict[str, object]
BATCH_ROWS = 8192
LISTING = pa.schema(
    [(n, MANIFEST.field(n).type) for n in ("uri", "size_bytes", "etag", "video_id")]
)
LABELS = pa.schema(
    [(n, pa.string()) for n in ("uri", "subject_id", "label", "corpus", "given", "split", "fold")]
)


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


def video_id(file: FileInfo) -> str:
    """Return the id of one version of a file: 16 hex digits of a hash of uri, size and version.

    >>> video_id(FileInfo("a.mp4", 10, "v1")) == video_id(FileInfo("a.mp4", 10, "v2"))
    False
    """
    text = "\n".join([file.uri, str(file.size_bytes), file.version])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def extra_column_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that columns of the label table get in ``videos``.

    A name that ``videos`` already has gets the prefix ``label_``.

    >>> extra_column_names(["skin_tone", "fps"])
    ('skin_tone', 'label_fps')
    """
    return tuple(f"label_{n}" if n in VIDEOS.names else n for n in names)


def reject(uri: str, reason: Reason, detail: str, *, stage: str, video: str | None = None) -> Row:
    """Return one row of ``rejects`` without a position in the file; ``video`` is its video_id."""
    row: Row = {"video_id": video, "uri": uri, "stage": stage, "reason": reason, "detail": detail}
    return row | {"offset_s": None, "offset_bytes": None}


def write_rows(
    path: Path, rows: Iterable[Row], schema: pa.Schema, *, batch_rows: int = BATCH_ROWS
) -> int:
    """Stream rows into a local Parquet file, one row group per batch; return their number."""
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        remaining = iter(rows)
        while batch := list(islice(remaining, batch_rows)):
            writer.write_table(rows_table(batch, schema))
            count += len(batch)
    return count


def plan_archive(root: str, folder: Path) -> Plan:
    """Plan every video below ``root``, without labels and without rejects.

    Args:
        root: address of the archive.
        folder: local folder for the plan's files.

    Raises:
        InputError: see ``jobs.ledger.listing.stream_videos``.
    """
    write_rows(folder / "listing.parquet", _listing_rows(stream_videos(root)), LISTING)
    with database(folder) as db:
        _open(db, folder, "listing")
        nulls = ", ".join(f"null::varchar {n}" for n in ("subject_id", "label", "corpus"))
        _write(
            db,
            f"select video_id, uri, size_bytes, etag, {nulls}, null::varchar split, "
            "null::varchar fold from listing order by uri",
            folder / "manifest.parquet",
            MANIFEST,
        )
        _write(
            db,
            f"select {reject_columns('uri', '', '')} from listing where false",
            folder / "rejects.parquet",
            REJECTS,
        )
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
    write_rows(folder / "listing.parquet", _listing_rows(stream_videos(root)), LISTING)
    with database(folder) as db:
        _open(db, folder, "labels")
        _open(db, folder, "listing")
        _check_one_split(db)
        _add_elsewhere(db, root, folder)
        db.execute("create table label_set(label varchar)")
        db.executemany("insert into label_set values (?)", [[label] for label in labels])
        _write(
            db, manifest_sql(columns), folder / "manifest.parquet", with_columns(MANIFEST, columns)
        )
        _write(db, rejects_sql(root, labels), folder / "rejects.parquet", REJECTS)
        return _counted(db, folder, columns)


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


def _open(db: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    db.execute(
        f"create or replace view {name} as from read_parquet('{quoted(folder)}/{name}.parquet')"
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


def _add_elsewhere(db: duckdb.DuckDBPyConnection, root: str, folder: Path) -> None:
    """Add labelled files that the listing lacks: absolute addresses and unknown suffixes."""
    cursor = db.cursor()
    cursor.execute("select distinct uri from labels anti join listing using (uri) order by uri")
    with ThreadPoolExecutor(16) as pool:
        files = (
            file
            for rows in iter(lambda: cursor.fetchmany(1024), [])
            for file in pool.map(lambda row: _stat(root, row[0]), rows)
            if file is not None
        )
        write_rows(folder / "elsewhere.parquet", _listing_rows(files), LISTING)
    names = ", ".join(f"'{quoted(folder)}/{n}.parquet'" for n in ("listing", "elsewhere"))
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


def _counted(db: duckdb.DuckDBPyConnection, folder: Path, columns: tuple[str, ...]) -> Plan:
    manifest, rejects = folder / "manifest.parquet", folder / "rejects.parquet"
    totals = db.execute(
        f"select count(*), coalesce(sum(size_bytes), 0) from read_parquet('{quoted(manifest)}')"
    ).fetchall()
    reasons = db.execute(
        f"select reason, count(*) from read_parquet('{quoted(rejects)}') group by 1 order by 1"
    ).fetchall()
    num_videos, size_bytes = totals[0]
    return Plan(manifest, rejects, int(num_videos), int(size_bytes), dict(reasons), columns)
