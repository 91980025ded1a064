"""Listing of an archive as local Parquet files: its videos, and entries that cannot be read."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.storage import FileInfo, NotAFileError, Unreadable
from jobs.ledger.parts import Row, write_rows
from schemas.tables import MANIFEST, rows_table

LISTING = pa.schema(
    [(n, MANIFEST.field(n).type) for n in ("uri", "size_bytes", "etag", "video_id")]
    + [("file_id", pa.string())]
)
UNREADABLE = pa.schema([(n, pa.string()) for n in ("uri", "reason", "detail")])


def video_id(file: FileInfo) -> str:
    """Return the id of one version of a file: 16 hex digits of a hash of uri, size and version.

    >>> video_id(FileInfo("a.mp4", 10, "v1")) == video_id(FileInfo("a.mp4", 10, "v2"))
    False
    """
    text = "\n".join([file.uri, str(file.size_bytes), file.version])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_entries(
    entries: Iterable[FileInfo | Unreadable], listing: Path, unreadable: Path
) -> None:
    """Stream the files into one local Parquet file, and the entries that are none into another."""
    with pq.ParquetWriter(unreadable, UNREADABLE, compression="zstd") as others:

        def files() -> Iterator[Row]:
            for entry in entries:
                if isinstance(entry, FileInfo):
                    yield _listing_row(entry)
                else:
                    others.write_table(rows_table([vars(entry)], UNREADABLE))

        write_rows(listing, files(), LISTING)


def _listing_row(file: FileInfo) -> Row:
    return {
        "uri": file.uri,
        "size_bytes": file.size_bytes,
        "etag": file.version,
        "video_id": video_id(file),
        "file_id": file.file_id or None,
    }


def labelled_entry(root: str, uri: str) -> FileInfo | Unreadable | None:
    """Return the facts of the file that a row of the label table names; None: there is none."""
    try:
        return replace(storage.stat(storage.locate(root, uri)), uri=uri)
    except FileNotFoundError:
        return None
    except NotAFileError as err:
        return Unreadable(uri, "not_a_video", str(err))
    except PermissionError as err:
        return Unreadable(uri, "storage_error", f"may not be read: {err}")
    except OSError as err:
        if err.errno != errno.ELOOP:
            raise
        return Unreadable(uri, "storage_error", f"cannot be read: {err.strerror}")
