"""Names of files that are made for a video, on any file system."""

from __future__ import annotations

import hashlib
import re

MOST_BYTES = 255
"""Largest length in bytes of a file's name on Linux."""
_STANDS_FOR = {"": "%00", ".": "%2E", "..": "%2E%2E"}
_LOOKS_MADE = re.compile(r"%00|%2E|%2E%2E|.*~[0-9a-f]{16}", re.DOTALL)


def file_parts(name: str, suffix: str) -> list[str]:
    """Return the folders and the file's name for the file of one video.

    The parts are those of ``name``. A part that no folder can have is replaced: an empty one, ``.``
    and ``..`` by ``%00``, ``%2E`` and ``%2E%2E``; one with more than ``MOST_BYTES`` bytes or a NUL
    by its start, ``~`` and 16 hex digits of its SHA-256. So different names give different files.

    Args:
        name: name of the video, such as a key or an address.
        suffix: text at the end of the file's name, such as ``.vtt``.

    >>> file_parts("s1/a.mp4", ".vtt"), file_parts("/../a.mp4", ".vtt")
    (['s1', 'a.mp4.vtt'], ['%00', '%2E%2E', 'a.mp4.vtt'])
    """
    *folders, last = name.split("/")
    return [_part(folder, "") for folder in folders] + [_part(last, suffix)]


def _part(part: str, suffix: str) -> str:
    if part in _STANDS_FOR:
        return _STANDS_FOR[part] + suffix
    data, most = part.encode("utf-8", "surrogateescape"), MOST_BYTES - len(suffix.encode())
    if len(data) <= most and "\0" not in part and not _LOOKS_MADE.fullmatch(part):
        return part + suffix
    end = f"~{hashlib.sha256(data).hexdigest()[:16]}"
    start = data[: most - len(end)].decode("utf-8", "ignore").replace("\0", "%00")
    while len(start.encode()) > most - len(end):
        start = start[:-1]
    return start + end + suffix
