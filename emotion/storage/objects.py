"""Objects on a disk or in a bucket: listing, reading, and writing in one step.

"In one step" means that no reader ever sees an incomplete object.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat as file_modes
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from emotion.errors import InputError
from emotion.storage.addresses import absolute, is_local, join
from emotion.storage.listing import FileInfo, NotAFileError, kind_of, local_info, version_of
from emotion.storage.remote import filesystem


def open_input(uri: str, *, block_bytes: int | None = None) -> BinaryIO:
    """Open an object for reading; the file is seekable.

    Args:
        uri: address of the object.
        block_bytes: read-ahead on remote storage, bytes. None takes the default of the storage's
            client (s3fs: 50 MB). 0 fetches exactly the bytes that are read.

    Raises:
        FileNotFoundError: if there is no such object.
    """
    if is_local(uri):
        return Path(absolute(uri)).open("rb")
    fs, path = filesystem(uri)
    options: dict[str, Any] = {}
    if block_bytes is not None:
        options = {"block_size": block_bytes} if block_bytes else {"cache_type": "none"}
    return cast(BinaryIO, fs.open(path, "rb", **options))


def exists(uri: str) -> bool:
    """Return True if ``uri`` is an object or a folder (on S3: a prefix with objects below it)."""
    if is_local(uri):
        return Path(absolute(uri)).exists()
    fs, path = filesystem(uri)
    fs.invalidate_cache()
    return bool(fs.exists(path))


def is_folder(uri: str) -> bool:
    """Return True if ``uri`` is a folder (on S3: a prefix with objects below it)."""
    if is_local(uri):
        return Path(absolute(uri)).is_dir()
    fs, path = filesystem(uri)
    fs.invalidate_cache()
    return bool(fs.isdir(path))


def is_file(uri: str) -> bool:
    """Return True if ``uri`` is a file or an object."""
    if is_local(uri):
        return Path(absolute(uri)).is_file()
    fs, path = filesystem(uri)
    fs.invalidate_cache()
    return bool(fs.isfile(path))


def stat(uri: str) -> FileInfo:
    """Return the size and version of one object.

    Raises:
        FileNotFoundError: if it does not exist or is a folder, or no file can have this name.
        NotAFileError: if it is a named pipe, a socket or a device.
    """
    if is_local(uri):
        return _local_stat(absolute(uri))
    fs, path = filesystem(uri)
    info = fs.info(path)
    if info["type"] != "file":
        raise FileNotFoundError(uri)
    return FileInfo(uri=uri, size_bytes=int(info["size"]), version=version_of(info))


def _local_stat(path: str) -> FileInfo:
    try:
        info = Path(path).stat()
    except ValueError as err:  # a NUL byte
        raise FileNotFoundError(path) from err
    except OSError as err:
        if err.errno in (errno.ENAMETOOLONG, errno.ENOTDIR):
            raise FileNotFoundError(path) from err
        raise
    if file_modes.S_ISDIR(info.st_mode):
        raise FileNotFoundError(path)
    if not file_modes.S_ISREG(info.st_mode):
        raise NotAFileError(f"{path} is a {kind_of(info)}, not a file")
    return local_info(path, info)


@contextlib.contextmanager
def local_copy(uri: str) -> Iterator[Path]:
    """Yield a local path of the file: its own path if it is local, else a temporary copy.

    The copy is removed at the end of the ``with`` block.

    Raises:
        FileNotFoundError: if there is no such object.
        NotAFileError: if it is a named pipe, a socket or a device.
        PermissionError: if it may not be read.
    """
    if is_local(uri):
        path = Path(_local_stat(absolute(uri)).uri)
        path.open("rb").close()  # raises if the file may not be read
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="video-emotion-") as folder:
        path = Path(folder) / ("object" + _suffix(uri))
        fs, remote = filesystem(uri)
        fs.get_file(remote, str(path))
        yield path


def _suffix(uri: str) -> str:
    """Return the ending of a name, such as ".mp4"; empty if it is no ordinary one."""
    suffix = Path(uri).suffix
    return suffix if len(suffix) <= 8 and suffix[1:].isalnum() else ""


def put_file(path: Path, uri: str) -> None:
    """Move a complete local file to ``uri`` in one step: by rename, or as one S3 object."""
    if not is_local(uri):
        fs, target = filesystem(uri)
        fs.put_file(str(path), target)
        path.unlink()
        return
    final = Path(absolute(uri))
    with _partial(final) as partial:
        try:
            path.replace(final)
            return
        except OSError as err:
            if err.errno != errno.EXDEV:  # another disk, or another mount of the same one
                raise
        shutil.copyfile(path, partial)
        partial.replace(final)
    path.unlink()


@contextlib.contextmanager
def _partial(final: Path) -> Iterator[Path]:
    """Yield a hidden path beside ``final`` for an incomplete file, and make the folder.

    What is left of the file at the end of the block is removed, so that a full disk does not stay
    full of halves.
    """
    _make_folder(final.parent)
    # The name is not a part of it: with a name of 255 bytes it would be too long.
    partial = final.with_name(f".part.{os.getpid()}.{threading.get_ident()}.{time.monotonic_ns()}")
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
    if not is_local(uri):
        fs, target = filesystem(uri)
        fs.pipe_file(target, data)
        return
    final = Path(absolute(uri))
    with _partial(final) as partial:
        partial.write_bytes(data)
        partial.replace(final)


def remove(uri: str) -> None:
    """Remove one object; an object that does not exist is no error."""
    with contextlib.suppress(FileNotFoundError):
        if is_local(uri):
            Path(absolute(uri)).unlink()
            return
        fs, path = filesystem(uri)
        fs.rm_file(path)


def read_bytes(uri: str) -> bytes:
    """Read all bytes of one object.

    Raises:
        FileNotFoundError: if it does not exist.
    """
    if is_local(uri):
        return Path(absolute(uri)).read_bytes()
    fs, path = filesystem(uri)
    data: bytes = fs.cat_file(path, **_one_request(fs))
    return data


def _one_request(fs: Any) -> dict[str, int]:
    """Return the option of a read that makes one request, so that the object may be replaced.

    s3fs would first ask for the size, and then for the parts of a large object at once.
    """
    return {"max_concurrency": 1} if "s3" in fs.protocol else {}


def create_bytes(uri: str, data: bytes) -> bool:
    """Write one object in one step, but only if it does not exist yet.

    On S3 this is a conditional write (``If-None-Match: *``).

    Returns:
        True if it was written, False if it existed before.
    """
    if not is_local(uri):
        fs, target = filesystem(uri)
        try:
            fs.pipe_file(target, data, mode="create")
        except OSError:
            if fs.exists(target):
                return False
            raise
        return True
    final = Path(absolute(uri))
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
    fs, _ = filesystem(uris[0])
    paths = [filesystem(uri)[1] for uri in uris]
    contents: list[bytes | Exception] = fs.cat_ranges(  # cat() would expand patterns
        paths, None, None, **_one_request(fs)
    )
    for content in contents:
        if isinstance(content, Exception):
            raise content
    return cast(list[bytes], contents)
