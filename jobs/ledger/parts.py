"""Parts of a shard: one Parquet file per table, which holds all rows of a video or none."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import InputError
from emotion.storage import FileInfo
from schemas.tables import rows_table

Row = dict[str, object]
BATCH_ROWS = 8192
"""Rows of a row group of the plan's files."""
_ROWS_PER_GROUP = {"clips": 64}  # a clip is about 64 KB of JPEG; rows of other tables are small


PLAN = "plan"
"""Name in place of a shard's: the part of ``rejects`` with the videos that the plan rejected."""


def part_name(shard_id: str) -> str:
    """Return the file name of a shard's parts; it is the same in every table."""
    return f"part-{shard_id}.parquet"


def part_uri(out: str, table: str, shard_id: str) -> str:
    """Return the address of a shard's part in a table; a repeated run writes the same address."""
    return storage.join(out, table, part_name(shard_id))


def shard_versions(out: str, tables: Iterable[str], shard_id: str) -> dict[str, str]:
    """Return the version of a shard's part in each table: its size, and its ETag or time.

    Raises:
        FileNotFoundError: if a part is missing.
    """
    return {table: _version(storage.stat(part_uri(out, table, shard_id))) for table in tables}


def part_versions(out: str, table: str) -> dict[str, str]:
    """Return the versions of all parts of a table by file name, from the storage's listing."""
    files = storage.list_files(storage.join(out, table), suffixes=(".parquet",))
    return {file.name: _version(file) for file in files}


def part_sizes(out: str, table: str) -> dict[str, str]:
    """Return the sizes in bytes of all parts of a table by file name, as in their versions."""
    return {name: version_size(version) for name, version in part_versions(out, table).items()}


def version_size(version: str) -> str:
    """Return the size in bytes in a version of a part, as text.

    >>> version_size("120 etag")
    '120'
    """
    return version.split(" ", 1)[0]


def _version(file: FileInfo) -> str:
    return f"{file.size_bytes} {file.version}"


@contextlib.contextmanager
def required_parts(flag: str, address: str, job: str) -> Iterator[None]:
    """Turn a missing part of an input into an InputError.

    Args:
        flag: flag that names the input, without dashes.
        address: address of the input.
        job: job that made it.
    """
    try:
        yield
    except FileNotFoundError as err:
        raise InputError(
            f"--{flag} {address} lacks a part ({err}): run {job} again with the same options, "
            "which makes it again"
        ) from err


def write_part(out: str, table: str, shard_id: str, rows: Sequence[Row], schema: pa.Schema) -> None:
    """Write rows that fit in memory as one part."""
    storage.write_table(part_uri(out, table, shard_id), rows_table(rows, schema))


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


def without_videos(source: str, target: Path, video_ids: Sequence[str], schema: pa.Schema) -> int:
    """Copy a part without the rows of some videos, one row group at a time.

    Args:
        source: address of a Parquet file with a column video_id.
        target: local file to write.
        video_ids: ids of the videos whose rows are left out.
        schema: schema of both files.

    Returns:
        The number of rows kept.
    """
    removed, kept = pa.array(video_ids, pa.string()), 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for group in storage.part_groups(source):
            rows = group.filter(pc.invert(pc.is_in(group["video_id"], value_set=removed)))
            kept += rows.num_rows
            if rows.num_rows:
                writer.write_table(rows.cast(schema))
    return kept


class ShardWriter:
    """Writer of the parts of one shard.

    It collects rows in local temporary files, one row group at a time, so that memory does not grow
    with the length of a video. ``close`` completes the parts, without the rows of dropped videos.
    ``commit`` stores them.

    Attributes:
        counts: number of rows so far, by table. It may count rows of dropped videos until
            ``close``, and is exact after it.
    """

    def __init__(self, schemas: Mapping[str, pa.Schema]) -> None:
        self._schemas = dict(schemas)
        self._temporary = tempfile.TemporaryDirectory(prefix="video-emotion-shard-")
        self._folder = Path(self._temporary.name)
        self._rows: dict[str, list[Row]] = {name: [] for name in schemas}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._dropped: set[object] = set()
        self.counts = dict.fromkeys(schemas, 0)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()
        self._temporary.cleanup()

    def add(self, table: str, row: Row) -> None:
        """Add one row to a table."""
        self._rows[table].append(row)
        self.counts[table] += 1
        if len(self._rows[table]) >= _ROWS_PER_GROUP.get(table, 4096):
            self._flush(table)

    def drop_video(self, video_id: object, tables: Sequence[str]) -> None:
        """Leave out every row of a video in ``tables``: rows in memory now, others in ``close``."""
        for table in tables:
            kept = [r for r in self._rows[table] if r["video_id"] != video_id]
            self.counts[table] -= len(self._rows[table]) - len(kept)
            self._rows[table] = kept
        self._dropped.add(video_id)

    def close(self, shard_id: str) -> Path:
        """Complete the files of all tables; a table without rows gets an empty part.

        Returns:
            The local folder of the parts, laid out as an output.
        """
        for table, schema in self._schemas.items():
            self._flush(table)
            part = self._folder / table / part_name(shard_id)
            part.parent.mkdir()
            if table not in self._writers:
                pq.write_table(schema.empty_table(), part, compression="zstd")
                continue
            self._writers.pop(table).close()
            if self._dropped and table != "rejects":
                dropped = sorted(map(str, self._dropped))
                source = str(self._path(table))
                self.counts[table] = without_videos(source, part, dropped, schema)
            else:
                self._path(table).replace(part)
        return self._folder

    def commit(self, out: str, shard_id: str) -> None:
        """Move every part to its final address, after ``close``."""
        for table in self._schemas:
            path = self._folder / table / part_name(shard_id)
            storage.put_file(path, part_uri(out, table, shard_id))

    def _path(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"

    def _flush(self, table: str) -> None:
        if not self._rows[table]:
            return
        schema = self._schemas[table]
        if table not in self._writers:
            self._writers[table] = pq.ParquetWriter(self._path(table), schema, compression="zstd")
        self._writers[table].write_table(rows_table(self._rows[table], schema))
        self._rows[table] = []
