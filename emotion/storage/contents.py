"""What objects hold: JSON, Parquet tables, hashes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotion.errors import InputError
from emotion.storage.objects import list_files, open_input, read_bytes, write_bytes


def write_json(uri: str, value: object) -> None:
    """Write ``value`` as indented JSON with sorted keys; NaN is refused."""
    write_bytes(uri, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """What ``write_json`` writes.

    >>> json_bytes({"b": 1, "a": 2})
    b'{\\n "a": 2,\\n "b": 1\\n}\\n'
    """
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_json(uri: str) -> Any:
    """Read a JSON object.

    Raises:
        FileNotFoundError: if there is none.
        InputError: if it is not JSON.
    """
    try:
        return json.loads(read_bytes(uri))
    except ValueError as err:
        raise InputError(f"{uri} is not JSON: {err}") from err


def write_table(uri: str, table: pa.Table) -> None:
    """Write one Parquet file (zstd) in one step."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(uri, sink.getvalue().to_pybytes())


def read_tables(uri: str, *, columns: list[str] | None = None) -> pa.Table:
    """All Parquet parts below the folder ``uri`` as one table, in order of file name.

    Raises:
        InputError: if there is no part.
    """
    parts = list_files(uri, suffixes=(".parquet",))
    if not parts:
        raise InputError(f"{uri} holds no Parquet file")
    tables = []
    for part in parts:
        with open_input(part.uri) as file:
            tables.append(pq.read_table(pa.PythonFile(file, mode="r"), columns=columns))
    return pa.concat_tables(tables)


def sha256(uri: str) -> str:
    """Hex SHA-256 of an object's bytes, streamed.

    Raises:
        FileNotFoundError: if there is no such object.
    """
    digest = hashlib.sha256()
    with open_input(uri) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
