"""Listing of the videos below an address, as a stream, so that memory stays constant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from emotion import storage
from emotion.errors import InputError
from emotion.storage import FileInfo, Unreadable
from jobs.ledger.recognise import NO_VIDEO, only_videos


def stream_videos(root: str) -> Iterator[FileInfo | Unreadable]:
    """Yield the video files below ``root``, in the order of the storage.

    ``jobs.ledger.recognise.only_videos`` recognises them. Their ``uri`` is a name below ``root``,
    see ``storage.name_of_key``. Hidden files and folders (``.x``) are left out. A closed folder and
    an entry that cannot be read come as ``Unreadable``.

    Raises:
        InputError: if ``root`` is not a folder, or holds no video.
    """
    root = storage.absolute(root)
    if not storage.is_folder(root):
        raise InputError(f"--videos {root} is not a folder that can be read")
    empty = True
    named = (replace(entry, uri=storage.name_of_key(entry.uri)) for entry in _stream(root))
    for entry in only_videos(named, root=root):
        empty = False
        yield entry
    if empty:
        raise InputError(f"--videos {root} {NO_VIDEO}")


def _stream(root: str) -> Iterator[FileInfo | Unreadable]:
    """Yield the entries below ``root``; their ``uri`` is the key below it."""
    if root.startswith("s3://"):
        yield from _s3(root)
        return
    for entry in storage.walk(root):
        if entry.uri == root:
            raise InputError(f"--videos {root} is not a folder that can be read")
        yield replace(entry, uri=storage.relative_to(entry.uri, root))


def _s3(root: str) -> Iterator[FileInfo]:
    import boto3  # takes half a second
    from botocore import UNSIGNED
    from botocore.config import Config

    bucket, _, key = storage.Address.parse(root).path.partition("/")
    prefix = f"{key}/" if key else ""
    config = Config(**storage.S3_CONFIG)
    if storage.is_unsigned():
        config = config.merge(Config(signature_version=UNSIGNED))
    client = boto3.client("s3", config=config)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", []):
            uri, etag = entry["Key"].removeprefix(prefix), entry["ETag"].strip('"')
            hidden = any(part.startswith(".") for part in uri.split("/"))
            if not uri.endswith("/") and not hidden:  # a key that ends in / only marks a folder
                yield FileInfo(uri, entry["Size"], etag)
