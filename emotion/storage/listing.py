"""Listing of the files below a folder, and of the entries that cannot be read as files."""

from __future__ import annotations

import os
import stat as file_modes
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emotion.errors import Reason
from emotion.storage.addresses import Address, absolute, is_local, join
from emotion.storage.remote import filesystem

_KINDS = (
    (file_modes.S_ISDIR, "folder"),
    (file_modes.S_ISFIFO, "named pipe"),
    (file_modes.S_ISSOCK, "socket"),
    (file_modes.S_ISCHR, "device"),
    (file_modes.S_ISBLK, "device"),
)
_FileId = tuple[int, int]


@dataclass(frozen=True)
class FileInfo:
    """One stored object.

    Attributes:
        uri: full address.
        size_bytes: size of the object, bytes.
        version: ETag, or the modification time (local files: in nanoseconds) if there is no ETag.
        file_id: device and inode of a local file, the same for every link to it; else empty.
    """

    uri: str
    size_bytes: int
    version: str
    file_id: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """Last part of the address, such as a.mp4."""
        return self.uri.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Unreadable:
    """Entry of a folder that cannot be read as a file.

    Attributes:
        uri: address; bytes that are not UTF-8 are written as ``\\xe9``.
        reason: reason for the table ``rejects``.
        detail: description for the user.
    """

    uri: str
    reason: Reason
    detail: str


class NotAFileError(OSError):
    """A path that names a pipe, a socket or a device."""


def list_files(uri: str, *, suffixes: tuple[str, ...] = ()) -> list[FileInfo]:
    """Return every file at any depth below the folder ``uri``, sorted by uri.

    Hidden files (``.x``) and files in hidden folders are left out, and entries that cannot be
    read; ``walk`` yields those too.

    Args:
        uri: a folder; the result is empty if it does not exist.
        suffixes: lower-case endings of the files to return, such as ``(".mp4",)``; the case of a
            file's name does not matter. Empty returns all files.
    """
    files = [f for f in walk(uri) if isinstance(f, FileInfo)]
    wanted = [f for f in files if f.uri.lower().endswith(suffixes or ("",))]
    return sorted(wanted, key=lambda f: f.uri)


def walk(uri: str) -> Iterator[FileInfo | Unreadable]:
    """Yield every file at any depth below the folder ``uri``, in the order of the storage.

    Also yield what cannot be read as a file: names that are not UTF-8, links in circles or to
    nothing, closed folders, pipes, sockets and devices. Hidden entries (``.x``) are left out.
    Nothing is yielded if the folder does not exist.
    """
    if is_local(uri):
        yield from _walk_local(absolute(uri))
        return
    fs, path = filesystem(uri)
    fs.invalidate_cache()
    if not fs.isdir(path):
        return
    scheme = Address.parse(uri).scheme
    for name, info in fs.find(path, detail=True).items():
        hidden = any(part.startswith(".") for part in name[len(path) :].split("/"))
        if info["type"] == "file" and not hidden:
            yield FileInfo(f"{scheme}://{name}", int(info["size"] or 0), version_of(info))


def _walk_local(root: str) -> Iterator[FileInfo | Unreadable]:
    """Yield the entries below a local folder; follow links, but no link to a folder above it."""
    if not Path(root).is_dir():
        return
    pending: list[tuple[str, frozenset[_FileId]]] = [(root, frozenset())]
    while pending:
        folder, above = pending.pop()
        try:
            own = _file_id(Path(folder).stat())
            if own in above:
                yield _unreadable(folder, "storage_error", "a link to a folder above it")
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    found = _entry(entry, join(folder, entry.name))
                    if isinstance(found, str):
                        pending.append((found, above | {own}))
                    elif found is not None:
                        yield found
        except OSError as err:
            yield _unreadable(folder, "storage_error", f"cannot list this folder: {err.strerror}")


def _entry(entry: os.DirEntry[str], path: str) -> FileInfo | Unreadable | str | None:
    """Return the file, the reason why it cannot be read, or the path if it is a folder.

    None: the entry was removed while the folder was listed.
    """
    try:
        info = entry.stat()
    except FileNotFoundError:
        if entry.is_symlink():
            return _unreadable(path, "missing", "a link to a file that does not exist")
        return None
    except OSError as err:
        return _unreadable(path, "storage_error", f"cannot be read: {err.strerror}")
    if file_modes.S_ISDIR(info.st_mode):
        return path
    if not file_modes.S_ISREG(info.st_mode):
        return _unreadable(path, "not_a_video", f"it is a {kind_of(info)}, not a file")
    if not is_text(path):
        return _unreadable(path, "bad_name", "its name is not UTF-8 text; rename it")
    return local_info(path, info)


def _unreadable(path: str, reason: Reason, detail: str) -> Unreadable:
    return Unreadable(printable(path), reason, detail)


def is_text(name: str) -> bool:
    """Return True if a name is Unicode text, so that tables and pages can hold it.

    Python reads other bytes of a name as lone surrogates.

    >>> is_text("café.mp4"), is_text(b"caf\\xe9.mp4".decode("utf-8", "surrogateescape"))
    (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def printable(name: str) -> str:
    """Return a name, or a line with names, as text that is safe in a terminal.

    ``\\xe9`` stands for a byte that is not UTF-8, and escapes such as ``\\n`` for control
    characters, line separators and marks of the direction of writing.

    >>> print(printable(b"caf\\xe9.mp4".decode("utf-8", "surrogateescape")))
    caf\\xe9.mp4
    >>> print(printable("a\\nb\\x1b[31m"))
    a\\nb\\x1b[31m
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c.encode("unicode_escape").decode() if _is_control(c) else c for c in text)


def _is_control(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in _DIRECTIONS


def local_info(path: str, info: os.stat_result) -> FileInfo:
    """Return the facts of a local file."""
    device, inode = _file_id(info)
    return FileInfo(
        path, info.st_size, str(round(info.st_mtime * 1e9)), f"{device}:{inode}" if inode else ""
    )


def kind_of(info: os.stat_result) -> str:
    """Return the kind of a path that is no file, such as "named pipe"."""
    return next((kind for is_kind, kind in _KINDS if is_kind(info.st_mode)), "special file")


def version_of(info: dict[str, object]) -> str:
    """Return the version of a remote object from fsspec's facts: its ETag, else its time."""
    if "ETag" in info:
        return str(info["ETag"]).strip('"')
    mtime = info.get("mtime", info.get("LastModified", 0))
    return str(round(mtime * 1e9)) if isinstance(mtime, float) else str(mtime)


def _file_id(info: os.stat_result) -> _FileId:
    return info.st_dev, info.st_ino
