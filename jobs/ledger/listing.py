"""Listing of the videos below an address, as a stream, so that memory stays constant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
from botocore.config import Config

from emotion import storage
from emotion.errors import InputError
from emotion.storage import FileInfo
from jobs.ledger.recognise import NO_VIDEO, only_videos


def stream_videos(root: str) -> Iterator[FileInfo]:
    """Yield the video files below ``root``: in order of uri on a disk and on S3.

    ``jobs.ledger.recognise.only_videos`` recognises them. Their ``uri`` is relative to ``root``.
    Hidden files and folders (``.x``) are left out.

    Raises:
        InputError: if ``root`` is not a folder, or holds no video.
    """
    if not storage.is_folder(root):
        raise InputError(f"--videos {root} is not a folder that can be read")
    empty = True
    for file in only_videos(_visible(root), root=root):
        empty = False
        yield file
    if empty:
        raise InputError(f"--videos {root} {NO_VIDEO}")


def _visible(root: str) -> Iterator[FileInfo]:
    for file in _stream(root):
        if not any(part.startswith(".") for part in file.uri.split("/")):
            yield file


def _stream(root: str) -> Iterator[FileInfo]:
    if storage.is_local(root):
        return _local(Path(root), "")
    if root.startswith("s3://"):
        return _s3(root)
    return _other(root)


def _local(folder: Path, prefix: str) -> Iterator[FileInfo]:
    with os.scandir(folder) as entries:
        # Sorted as S3 lists: a folder's name counts with the slash that follows it.
        found = sorted(entries, key=lambda e: f"{e.name}/" if e.is_dir() else e.name)
    for entry in found:
        if entry.is_dir():
            yield from _local(folder / entry.name, f"{prefix}{entry.name}/")
        elif entry.is_file():
            info = entry.stat()
            version = str(round(info.st_mtime * 1e9))
            yield FileInfo(prefix + entry.name, info.st_size, version)


def _s3(root: str) -> Iterator[FileInfo]:
    bucket, _, key = root.removeprefix("s3://").partition("/")
    prefix = f"{key.rstrip('/')}/" if key else ""
    client = boto3.client("s3", config=Config(**storage.S3_CONFIG))
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("/"):  # a key that ends in / only marks a folder
                uri, etag = entry["Key"].removeprefix(prefix), entry["ETag"].strip('"')
                yield FileInfo(uri, entry["Size"], etag)


def _other(root: str) -> Iterator[FileInfo]:
    fs, path = fsspec.core.url_to_fs(root)
    for folder, _, files in fs.walk(path, detail=True):
        for name, info in files.items():
            uri = f"{folder}/{name}".removeprefix(path).lstrip("/")
            version = str(info.get("ETag") or info.get("mtime") or info.get("created") or "")
            yield FileInfo(uri, int(info["size"] or 0), version)
