"""Addresses of files and folders: a local path, or scheme://bucket/key."""

from __future__ import annotations

from pathlib import Path


def is_local(uri: str) -> bool:
    """Return True if ``uri`` is a path of this machine.

    >>> is_local("/data/a.mp4"), is_local("s3://bucket/a.mp4")
    (True, False)
    """
    return "://" not in uri or uri.startswith("file://")


def absolute(uri: str) -> str:
    """Return ``uri`` without a trailing slash, a local path as an absolute path.

    ``file://`` is removed, and ``~`` is replaced by the home folder. So all workers, which may
    have other current folders, get the same path.

    >>> absolute("s3://bucket/videos/")
    's3://bucket/videos'
    """
    if not is_local(uri):
        return uri.rstrip("/")
    return str(Path(uri.removeprefix("file://")).expanduser().absolute())


def join(uri: str, *parts: str) -> str:
    """Return the address of ``parts`` below ``uri``.

    An absolute part (``/...`` or ``scheme://...``) replaces everything before it.

    >>> join("s3://bucket/a/", "b", "c.parquet"), join("/data", "s3://other/x.mp4")
    ('s3://bucket/a/b/c.parquet', 's3://other/x.mp4')
    """
    for part in parts:
        absolute_part = part.startswith("/") or "://" in part
        uri = part if absolute_part else f"{uri.rstrip('/')}/{part}"
    return uri


def relative_to(uri: str, root: str) -> str:
    """Return ``uri`` relative to ``root``, or ``uri`` itself if it is not below ``root``.

    >>> relative_to("/data/videos/a/b.mp4", "/data/videos"), relative_to("/x/b.mp4", "/data")
    ('a/b.mp4', '/x/b.mp4')
    """
    prefix = root.rstrip("/") + "/"
    return uri.removeprefix(prefix)
