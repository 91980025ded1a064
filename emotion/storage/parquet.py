"""Parquet files in a storage: reading of chosen columns, one row group at a time, and writing.

Only the byte ranges of the requested columns are fetched. So text columns are cheap to read even
if another column of the table holds pictures. The functions that yield do not need more memory for
more row groups.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emotion.errors import InputError
from emotion.storage.addresses import is_local
from emotion.storage.listing import list_files
from emotion.storage.objects import open_input, write_bytes

READ_AHEAD = 16
"""Number of parts that are read at a time from a remote storage: reading is mostly waiting."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Group:
    """One row group, with the requested columns.

    Attributes:
        part: uri of the Parquet file.
        number: index of the row group in the file, from 0.
        rows: the columns, in the requested order.
    """

    part: str
    number: int
    rows: pa.Table


def write_table(uri: str, table: pa.Table) -> None:
    """Write one Parquet file (zstd) in one step."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(uri, sink.getvalue().to_pybytes())


@contextlib.contextmanager
def open_parquet(uri: str) -> Iterator[pq.ParquetFile]:
    """Open one Parquet file for its metadata and its row groups.

    Reading a row group from S3 takes one request for each run of adjacent columns.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is not Parquet.
    """
    with open_input(uri, block_bytes=0) as file:
        source = pa.PythonFile(file, mode="r")
        try:
            parquet = pq.ParquetFile(source, pre_buffer=True)
        except pa.ArrowInvalid as err:
            raise InputError(f"{uri} is not a Parquet file: {err}") from err
        yield parquet


def list_parts(table_uri: str) -> list[str]:
    """Return the addresses of a table's parts (its Parquet files), in order of file name.

    Raises:
        InputError: if the folder has no part or does not exist.
    """
    parts = [file.uri for file in list_files(table_uri, suffixes=(".parquet",))]
    if not parts:
        raise InputError(f"{table_uri} holds no Parquet file")
    return parts


def read_groups(table_uri: str, columns: Sequence[str]) -> Iterator[Group]:
    """Yield every row group of the parts of a table, in order of file name and row.

    Raises:
        InputError: if there is no part, or a part is not Parquet or lacks a column.
    """
    yield from groups_of(list_parts(table_uri), columns)


def groups_of(parts: Sequence[str], columns: Sequence[str]) -> Iterator[Group]:
    """Yield every row group of some parts, in order.

    Parts on a remote storage are read ``READ_AHEAD`` at a time, so the columns of as many parts are
    in memory. On a disk one row group is.

    Raises:
        InputError: if a part is not Parquet or lacks a column.
    """

    def read(part: str) -> Iterable[pa.Table]:
        groups = part_groups(part, columns)
        return groups if is_local(part) else list(groups)

    remote = bool(parts) and not is_local(parts[0])
    for part, groups in zip(parts, in_order(read, parts, READ_AHEAD if remote else 0), strict=True):
        for number, rows in enumerate(groups):
            yield Group(part, number, rows)


def in_order(function: Callable[[T], R], items: Iterable[T], num_ahead: int) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order; threads compute up to ``num_ahead`` more.

    >>> list(in_order(abs, [-1, 2, -3], 2))
    [1, 2, 3]
    """
    if num_ahead == 0:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(num_ahead) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > num_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def part_groups(uri: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of one file, in order; None reads all columns.

    Raises:
        InputError: if the file is not Parquet or lacks a column.
    """
    with open_parquet(uri) as parquet:
        for number in range(parquet.num_row_groups):
            yield _group(uri, parquet, number, columns)


def read_group(part: str, number: int, *, columns: Sequence[str]) -> pa.Table:
    """Read some columns of one row group.

    Raises:
        InputError: if the file is not Parquet or lacks a column.
    """
    with open_parquet(part) as parquet:
        return _group(part, parquet, number, columns)


def read_part(
    uri: str, columns: Sequence[str] | None = None, *, keep: pc.Expression | None = None
) -> pa.Table:
    """Read one file as a table.

    Args:
        uri: address of the file.
        columns: names of the columns to read; None reads all.
        keep: condition on these columns for the rows to return, applied to one row group at a
            time; None returns every row.

    Raises:
        InputError: if the file is not Parquet or lacks a column.
    """
    with open_parquet(uri) as parquet:
        groups = [_empty(uri, parquet, columns)]
        for number in range(parquet.num_row_groups):
            rows = _group(uri, parquet, number, columns)
            groups.append(rows if keep is None else rows.filter(keep))
        return pa.concat_tables(groups)


def read_tables(uri: str, *, columns: Sequence[str] | None = None) -> pa.Table:
    """Read all parts of the table in the folder ``uri``, in order of file name.

    Raises:
        InputError: if there is no part, or a part is not Parquet or lacks a column.
    """
    return pa.concat_tables(read_parts(list_parts(uri), columns))


def read_parts(uris: Sequence[str], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield files as tables, in order; from a remote storage ``READ_AHEAD`` are read at a time.

    Raises:
        InputError: if a file is not Parquet or lacks a column.
    """
    remote = bool(uris) and not is_local(uris[0])
    yield from in_order(lambda uri: read_part(uri, columns), uris, READ_AHEAD if remote else 0)


def read_batches(
    uri: str, num_rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of one file in tables of ``num_rows`` rows; the last one may be shorter.

    The batches do not depend on the row groups of the file. A file without rows yields nothing.

    Raises:
        InputError: if the file is not Parquet or lacks a column.
    """
    yield from rebatch(part_groups(uri, columns), num_rows)


def rebatch(tables: Iterable[pa.Table], num_rows: int) -> Iterator[pa.Table]:
    """Yield the rows of tables in tables of ``num_rows`` rows; the last one may be shorter.

    >>> [t["k"].to_pylist() for t in rebatch([pa.table({"k": [1]}), pa.table({"k": [2, 3]})], 2)]
    [[1, 2], [3]]
    """
    waiting: pa.Table | None = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows >= num_rows:
            yield waiting.slice(0, num_rows)
            waiting = waiting.slice(num_rows)
    if waiting is not None and waiting.num_rows:
        yield waiting


def count_rows(uri: str) -> int:
    """Return the number of rows of one file; fetch only its footer.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is not Parquet.
    """
    with open_parquet(uri) as parquet:
        return int(parquet.metadata.num_rows)


def _group(
    uri: str, parquet: pq.ParquetFile, number: int, columns: Sequence[str] | None
) -> pa.Table:
    if columns is None:
        return parquet.read_row_group(number, use_threads=False)
    _check_columns(uri, parquet, columns)
    rows = parquet.read_row_group(number, columns=list(columns), use_threads=False)
    return rows.select(list(columns))


def _empty(uri: str, parquet: pq.ParquetFile, columns: Sequence[str] | None) -> pa.Table:
    """Return a table without rows, with the types of the columns."""
    empty = parquet.schema_arrow.empty_table()
    if columns is None:
        return empty
    _check_columns(uri, parquet, columns)
    return empty.select(list(columns))


def _check_columns(uri: str, parquet: pq.ParquetFile, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in parquet.schema_arrow.names]
    if missing:
        raise InputError(
            f"{uri} has no column {', '.join(missing)}; it must have been made by "
            "another version: build it again"
        )
