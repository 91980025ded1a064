"""Access to stored videos that a client names; only addresses below allowed prefixes are read.

A server that reads any address would open its disk and network to every client. Without an allowed
prefix the server accepts only uploads.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from emotion import storage
from emotion.errors import VideoError
from serve.errors import RequestError, video_request_error


def allowed_uri(uri: str, prefixes: Sequence[str]) -> str:
    """Return the address to open for ``uri``, if it is below one of ``prefixes``.

    Every character of an address is literal, see ``emotion.storage.addresses``. Local paths are
    resolved first, so that ``..`` and symbolic links cannot leave the folder.

    Args:
        uri: ``s3://bucket/key`` or an absolute local path.
        prefixes: ``s3://`` (any bucket), ``s3://bucket/folder`` or local folders.

    Raises:
        RequestError: 403 if ``uri`` is not allowed; the message does not show whether the file
            exists.

    >>> allowed_uri("s3://bucket/in/a.mp4", ["s3://bucket/in"])
    's3://bucket/in/a.mp4'
    >>> allowed_uri("s3://bucket/inside/a.mp4", ["s3://bucket/in"])
    Traceback (most recent call last):
    serve.errors.RequestError: 403 uri_not_allowed: this server does not read 's3://bucket/inside/a.mp4'
    """
    refused = RequestError(403, "uri_not_allowed", f"this server does not read {uri!r}")
    if "\0" in uri or any("\ud800" <= c <= "\udfff" for c in uri):  # no file can have them
        raise refused
    if uri.startswith("s3://"):
        bucket, *parts = uri.removeprefix("s3://").split("/")
        clean = bucket and not {".", ".."} & set(parts)
        if clean and any(_below_s3(uri, prefix) for prefix in prefixes):
            return uri
    elif uri.startswith("/"):
        try:
            path = Path(uri).resolve()
        except (OSError, RuntimeError):  # links in a circle
            raise refused from None
        if any(path.is_relative_to(root) for root in _local_roots(prefixes)):
            return str(path)
    raise refused


def _below_s3(uri: str, prefix: str) -> bool:
    if prefix == "s3://":
        return True
    return prefix.startswith("s3://") and uri.startswith(prefix.rstrip("/") + "/")


def _local_roots(prefixes: Sequence[str]) -> list[Path]:
    return [Path(storage.absolute(p)).resolve() for p in prefixes if storage.is_local(p)]


@contextlib.contextmanager
def fetched(uri: str, prefixes: Sequence[str], *, max_bytes: int) -> Iterator[Path]:
    """Yield a local file with the bytes of ``uri``; remove a download at the end of the block.

    Args:
        uri: address that the client named.
        prefixes: allowed prefixes, see ``allowed_uri``.
        max_bytes: largest allowed file.

    Raises:
        RequestError: 403 if the address is not allowed.
        VideoError: with reason missing, too_large, not_a_video or storage_error.
    """
    source = allowed_uri(uri, prefixes)
    with contextlib.ExitStack() as stack:
        try:
            size = storage.stat(source).size_bytes
            if size > max_bytes:
                raise VideoError("too_large", f"{size} bytes, the limit is {max_bytes}")
            path = stack.enter_context(storage.local_copy(source))
        except FileNotFoundError as err:
            raise VideoError("missing", f"there is no {uri!r}") from err
        except storage.NotAFileError as err:
            raise VideoError("not_a_video", str(err)) from err
        except OSError as err:
            raise VideoError("storage_error", f"{uri!r} could not be read: {err}") from err
        yield path


@contextlib.asynccontextmanager
async def fetched_async(
    uri: str, prefixes: tuple[str, ...], *, max_bytes: int
) -> AsyncIterator[Path]:
    """Yield the file of ``fetched``; the download runs in a thread beside the event loop.

    Raises:
        RequestError: 403 not allowed, 404 missing, 413 too large, 502 storage error.
    """
    with contextlib.ExitStack() as stack:
        source = fetched(uri, prefixes, max_bytes=max_bytes)
        try:
            path = await run_in_threadpool(stack.enter_context, source)
        except VideoError as err:
            raise video_request_error(err) from err
        yield path
