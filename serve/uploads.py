"""Storing of a request's body in a temporary file; the size is checked while the body arrives."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from serve.errors import RequestError

FORM_OVERHEAD_BYTES = 64 * 1024
"""Number of bytes that a form may have in addition to its file (boundaries and headers)."""
MAX_JSON_BYTES = 64 * 1024
"""Size in bytes of the largest JSON body of a request."""


@dataclass(frozen=True)
class Upload:
    """Received file.

    Attributes:
        path: temporary file with the received bytes.
        name: file name that the client gave, without folders; "upload" without a name.
    """

    path: Path
    name: str


async def read_body(request: Request, *, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield the body in pieces.

    Raises:
        RequestError: 413 if the body has more than ``max_bytes``; before the first piece if
            Content-Length is larger.
    """
    too_large = RequestError(413, "too_large", f"the body is over the limit of {max_bytes} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise too_large
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise too_large
        yield chunk


async def read_small(request: Request, *, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Return the whole body, read into memory.

    Raises:
        RequestError: 413 if the body has more than ``max_bytes``.
    """
    return b"".join([chunk async for chunk in read_body(request, max_bytes=max_bytes)])


@contextlib.asynccontextmanager
async def received_form(request: Request, *, max_bytes: int) -> AsyncIterator[Upload]:
    """Yield the field ``file`` of a form as a temporary file, which exists during the block.

    Raises:
        RequestError: 400 if the form is broken or has no such field, 413 if the file has more than
            ``max_bytes``.
    """
    body = read_body(request, max_bytes=max_bytes + FORM_OVERHEAD_BYTES)
    parser = MultiPartParser(request.headers, body, max_files=1, max_fields=8)
    try:
        form = await parser.parse()
    except MultiPartException as err:
        raise RequestError(400, "bad_form", err.message) from err
    try:
        field = form.get("file")
        if not isinstance(field, UploadFile):
            raise RequestError(400, "missing_field", "the form has no file in the field 'file'")
        if field.size is not None and field.size > max_bytes:
            raise RequestError(413, "too_large", f"{field.size} bytes, the limit is {max_bytes}")
        name = _plain_name(field.filename or "")
        with _temporary_path(name) as path:
            await run_in_threadpool(_copy, field, path)
            yield Upload(path, name)
    finally:
        await form.close()


@contextlib.asynccontextmanager
async def received_bytes(request: Request, *, max_bytes: int) -> AsyncIterator[Upload]:
    """Yield the whole body as a temporary file, which exists during the block.

    Raises:
        RequestError: 413 if the body has more than ``max_bytes``.
    """
    with _temporary_path("upload") as path:
        with path.open("wb") as file:
            async for chunk in read_body(request, max_bytes=max_bytes):
                await run_in_threadpool(file.write, chunk)
        yield Upload(path, "upload")


def _plain_name(filename: str) -> str:
    """Return a file name without folders: printable characters only, at most the last 200.

    Return "upload" if nothing is left, or only dots and spaces.

    >>> _plain_name("C:\\\\videos\\\\a b.mp4"), _plain_name("../../etc/passwd"), _plain_name("..")
    ('a b.mp4', 'passwd', 'upload')
    """
    last = filename.replace("\\", "/").rpartition("/")[2]
    kept = "".join(char for char in last if char.isprintable())[-200:]
    return "upload" if kept.strip(". ") == "" else kept


@contextlib.contextmanager
def _temporary_path(name: str) -> Iterator[Path]:
    suffix = Path(name).suffix
    with tempfile.TemporaryDirectory(prefix="video-emotion-") as folder:
        yield Path(folder) / ("upload" + (suffix if suffix[1:].isalnum() else ""))


def _copy(field: UploadFile, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(field.file, file, 1024 * 1024)
