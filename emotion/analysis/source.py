"""The video to analyze: a path, an address or an open file, as a local file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from emotion import storage
from emotion.errors import InputError

Source = str | os.PathLike[str] | BinaryIO
"""A path, an address such as s3://bucket/clip.mp4, or an open binary file."""


@dataclass(frozen=True)
class LocalVideo:
    """A video as a local file.

    Attributes:
        path: the file; a copy exists only inside the block of ``local_video``.
        uri: path or address that the caller gave; of an open file its name.
        content_sha256: hex SHA-256 of the bytes.
    """

    path: Path
    uri: str
    content_sha256: str

    @property
    def video_id(self) -> str:
        """Id of this content at this address: 16 hex digits."""
        return hashlib.sha256(f"{self.uri}\n{self.content_sha256}".encode()).hexdigest()[:16]


def source_name(source: Source) -> str:
    """Return the path or address of a source; of an open file its name, or "video".

    >>> import io
    >>> source_name("s3://bucket/clip.mp4"), source_name(io.BytesIO())
    ('s3://bucket/clip.mp4', 'video')
    """
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and name else "video"


def short_name(source: Source) -> str:
    """Return the last part of ``source_name``, for a title.

    >>> short_name("s3://bucket/clip.mp4")
    'clip.mp4'
    """
    return source_name(source).rstrip("/").rsplit("/", 1)[-1]


def check_source(source: Source) -> None:
    """Check, without reading it, that a source can be a video; a remote object is not asked for.

    Raises:
        InputError: if it is neither a path nor a binary file, or a local path names no file.
    """
    if not isinstance(source, str | os.PathLike):
        if not hasattr(source, "read"):
            raise _not_a_source(source)
        return
    path = os.fspath(source)
    if storage.is_local(path):
        file = Path(storage.absolute(path))
        if file.is_dir() or not file.exists():
            raise _no_file(path)


def _not_a_source(source: object) -> InputError:
    return InputError(
        f"a video must be a path, an address or a file opened with mode 'rb', got {source!r}"
    )


def _no_file(uri: str) -> InputError:
    kind = "is a folder" if storage.is_folder(uri) else "does not exist"
    return InputError(f"video {uri} {kind}; name a video file")


@contextlib.contextmanager
def local_video(source: Source) -> Iterator[LocalVideo]:
    """Yield a video as a local file during the block.

    A remote object and an open file are copied to a temporary file. An open file is read from its
    start if it can seek, else from its position.

    Raises:
        InputError: if there is no file, or an open file gives text or is closed.
    """
    uri = source_name(source)
    with _local_path(source, uri) as path:
        yield LocalVideo(path, uri, storage.sha256(str(path)))


@contextlib.contextmanager
def _local_path(source: Source, uri: str) -> Iterator[Path]:
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(source, str | os.PathLike):
                path = stack.enter_context(storage.local_copy(uri))
            else:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="video-emotion-"))
                path = Path(folder) / ("video" + Path(uri).suffix)
                _copy(source, path)
        except FileNotFoundError as err:
            raise _no_file(uri) from err
        yield path


def _copy(file: BinaryIO, path: Path) -> None:
    """Copy an open file to ``path``."""
    try:
        if file.seekable():
            file.seek(0)
        with path.open("wb") as target:
            shutil.copyfileobj(file, target, 2**20)
    except (AttributeError, TypeError) as err:
        raise _not_a_source(file) from err
    except ValueError as err:
        raise InputError(f"{file!r} cannot be read: {err}") from err
