"""Objects on a disk or in a bucket: listing, reading, and writing in one step.

"In one step" means that no reader ever sees an incomplete object.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from emotion.errors import InputError
from emotion.storage.addresses import absolute, is_local, join

S3_CONFIG: dict[str, Any] = {
    # Standard mode waits up to 20 s between tries, with jitter: about 45 s in all.
    "retries": {"mode": "standard", "max_attempts": 10},
    "connect_timeout": 10,
    "read_timeout": 60,
}
"""botocore settings of every S3 client of the project; a client retries for about 45 s."""


@dataclass(frozen=True)
class FileInfo:
    """One stored object.

    Attributes:
        uri: full address.
        size_bytes: size of the object, bytes.
        version: ETag, or the modification time (local files: in nanoseconds) if there is no ETag.
    """

    uri: str
    size_bytes: int
    version: str

    @property
    def name(self) -> str:
        """Last part of the address, such as a.mp4."""
        return self.uri.rsplit("/", 1)[-1]


def _filesystem(uri: str) -> tuple[Any, str]:
    """Return the fsspec filesystem of ``uri`` and the path inside it (fsspec is untyped)."""
    options: dict[str, Any] = {} if is_local(uri) else {"use_listings_cache": False}
    if uri.startswith("s3://"):
        options["config_kwargs"] = S3_CONFIG
    try:
        fs, path = fsspec.core.url_to_fs(uri, **options)
    except ImportError as err:
        raise InputError(f"{uri}: {err}; install the package that reads this address") from err
    except ValueError as err:
        raise InputError(f"{uri}: {err}") from err
    return fs, path


def open_input(uri: str, *, block_bytes: int | None = None) -> BinaryIO:
    """Open an object for reading; the file is seekable.

    Args:
        uri: address of the object.
        block_bytes: read-ahead on remote storage, bytes. None takes the default of the storage's
            client (s3fs: 50 MB). 0 fetches exactly the bytes that are read.

    Raises:
        FileNotFoundError: if there is no such object.
    """
    fs, path = _filesystem(uri)
    options: dict[str, Any] = {}
    if block_bytes is not None and not is_local(uri):
        options = {"block_size": block_bytes} if block_bytes else {"cache_type": "none"}
    return cast(BinaryIO, fs.open(path, "rb", **options))


def exists(uri: str) -> bool:
    """Return True if ``uri`` is an object or a folder (on S3: a prefix with objects below it)."""
    fs, path = _filesystem(uri)
    fs.invalidate_cache()
    return bool(fs.exists(path))


def is_folder(uri: str) -> bool:
    """Return True if ``uri`` is a folder (on S3: a prefix with objects below it)."""
    fs, path = _filesystem(uri)
    fs.invalidate_cache()
    return bool(fs.isdir(path))


def is_file(uri: str) -> bool:
    """Return True if ``uri`` is a file or an object."""
    fs, path = _filesystem(uri)
    fs.invalidate_cache()
    return bool(fs.isfile(path))


def _version(info: dict[str, Any]) -> str:
    if "ETag" in info:
        return str(info["ETag"]).strip('"')
    mtime = info.get("mtime", info.get("LastModified", 0))
    return str(round(mtime * 1e9)) if isinstance(mtime, float) else str(mtime)


def stat(uri: str) -> FileInfo:
    """Return the size and version of one object.

    Raises:
        FileNotFoundError: if it does not exist or is a folder.
    """
    fs, path = _filesystem(uri)
    info = fs.info(path)
    if info["type"] != "file":
        raise FileNotFoundError(uri)
    return FileInfo(uri=uri, size_bytes=int(info["size"]), version=_version(info))


def list_files(uri: str, *, suffixes: tuple[str, ...] = ()) -> list[FileInfo]:
    """Return every file at any depth below the folder ``uri``, sorted by uri.

    Hidden files (``.x``) and files in hidden folders are left out.

    Args:
        uri: a folder; the result is empty if it does not exist.
        suffixes: lower-case endings of the files to return, such as ``(".mp4",)``; the case of a
            file's name does not matter. Empty returns all files.
    """
    fs, path = _filesystem(uri)
    fs.invalidate_cache()
    if not fs.isdir(path):
        return []
    base = "" if is_local(uri) else uri.split("://", 1)[0] + "://"
    files = []
    for name, info in fs.find(path, detail=True).items():
        hidden = any(part.startswith(".") for part in name[len(path) :].split("/"))
        if info["type"] == "file" and not hidden and name.lower().endswith(suffixes or ("",)):
            files.append(FileInfo(base + name, int(info["size"] or 0), _version(info)))
    return sorted(files, key=lambda f: f.uri)


@contextlib.contextmanager
def local_copy(uri: str) -> Iterator[Path]:
    """Yield a local path of the file: its own path if it is local, else a temporary copy.

    The copy is removed at the end of the ``with`` block.

    Raises:
        FileNotFoundError: if there is no such object.
    """
    if is_local(uri):
        path = Path(absolute(uri))
        if not path.is_file():
            raise FileNotFoundError(uri)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="video-emotion-") as folder:
        path = Path(folder) / ("object" + Path(uri).suffix)
        fs, remote = _filesystem(uri)
        fs.get_file(remote, str(path))
        yield path


def put_file(path: Path, uri: str) -> None:
    """Move a complete local file to ``uri`` in one step: by rename, or as one S3 object."""
    fs, target = _filesystem(uri)
    if not is_local(uri):
        fs.put_file(str(path), target)
        path.unlink()
        return
    final = Path(target)
    with _partial(final) as partial:
        try:
            path.replace(final)
            return
        except OSError as err:
            if err.errno != errno.EXDEV:  # another disk, or another mount of the same one
                raise
        fs.get_file(str(path), str(partial))
        partial.replace(final)
    path.unlink()


@contextlib.contextmanager
def _partial(final: Path) -> Iterator[Path]:
    """Yield a hidden path beside ``final`` for an incomplete file, and make the folder.

    What is left of the file at the end of the block is removed, so that a full disk does not stay
    full of halves.
    """
    _make_folder(final.parent)
    partial = final.with_name(f".{final.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise InputError(f"cannot write into {path}: {err.strerror}; name another --out") from err


def check_writable(uri: str) -> None:
    """Check that files can be written below ``uri``: write an empty file and remove it.

    Raises:
        InputError: if not; the message has the address and the error of the storage.
    """
    probe = join(uri, ".write-check")
    try:
        write_bytes(probe, b"")
        remove(probe)
    except (OSError, PermissionError) as err:
        raise InputError(f"cannot write to {uri}: {err}; name another --out") from err


def write_bytes(uri: str, data: bytes) -> None:
    """Write one object in one step; replace an existing one, and make missing local folders."""
    fs, target = _filesystem(uri)
    if not is_local(uri):
        fs.pipe_file(target, data)
        return
    final = Path(target)
    with _partial(final) as partial:
        partial.write_bytes(data)
        partial.replace(final)


def remove(uri: str) -> None:
    """Remove one object; an object that does not exist is no error."""
    fs, path = _filesystem(uri)
    with contextlib.suppress(FileNotFoundError):
        fs.rm_file(path)


def read_bytes(uri: str) -> bytes:
    """Read all bytes of one object.

    Raises:
        FileNotFoundError: if it does not exist.
    """
    fs, path = _filesystem(uri)
    if is_local(uri):
        return Path(path).read_bytes()
    data: bytes = fs.cat_file(path)  # one request, so the object may be replaced meanwhile
    return data


def create_bytes(uri: str, data: bytes) -> bool:
    """Write one object in one step, but only if it does not exist yet.

    On S3 this is a conditional write (``If-None-Match: *``).

    Returns:
        True if it was written, False if it existed before.
    """
    fs, target = _filesystem(uri)
    if not is_local(uri):
        try:
            fs.pipe_file(target, data, mode="create")
        except OSError:
            if fs.exists(target):
                return False
            raise
        return True
    final = Path(target)
    with _partial(final) as partial:
        partial.write_bytes(data)
        try:
            os.link(partial, final)  # fails if ``final`` exists; readers see only complete files
        except FileExistsError:
            return False
    return True


def read_many(uris: Sequence[str]) -> list[bytes]:
    """Read several objects of the same storage and return the bytes of each, in order.

    Remote objects are fetched in one call.

    Raises:
        FileNotFoundError: if an object does not exist.
    """
    if not uris or is_local(uris[0]):
        return [read_bytes(uri) for uri in uris]
    fs, _ = _filesystem(uris[0])
    paths = [_filesystem(uri)[1] for uri in uris]
    contents = fs.cat(paths)
    # fsspec returns bytes for one path and a dict for several.
    return [contents] if isinstance(contents, bytes) else [contents[path] for path in paths]
