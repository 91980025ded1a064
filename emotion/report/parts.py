"""The rows of a stored table, a row group at a time: memory does not grow with the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import InputError

_BLOCK_BYTES = 2**18  # read-ahead on S3; the default, 50 MB, would fetch the pictures too


@dataclass(frozen=True)
class Group:
    """Some columns of one row group, and where it lies.

    Attributes:
        part: uri of the Parquet file.
        number: of the row group in it.
        rows: the columns asked for.
    """

    part: str
    number: int
    rows: pa.Table


def read_groups(table_uri: str, columns: Sequence[str]) -> Iterator[Group]:
    """Every row group of the parts below a folder, in order of file name and row.

    Raises:
        InputError: if there is no part.
        pyarrow.ArrowInvalid: if a part is not Parquet.
    """
    parts = storage.list_files(table_uri, suffixes=(".parquet",))
    if not parts:
        raise InputError(f"{table_uri} holds no Parquet file; build the dataset")
    for part in parts:
        with storage.open_input(part.uri, block_bytes=_BLOCK_BYTES) as file:
            parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"))
            for number in range(parquet.num_row_groups):
                rows = parquet.read_row_group(number, columns=list(columns), use_threads=False)
                yield Group(part.uri, number, rows)


def read_group(part: str, number: int, *, columns: Sequence[str]) -> pa.Table:
    """Some columns of one row group."""
    with storage.open_input(part, block_bytes=_BLOCK_BYTES) as file:
        parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"))
        return parquet.read_row_group(number, columns=list(columns), use_threads=False)
