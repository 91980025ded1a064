"""Videos that the arguments name, and names for them that cannot collide."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from emotion import storage
from emotion.errors import InputError
from emotion.storage import FileInfo, Unreadable
from jobs.ledger.recognise import NO_VIDEO, only_videos


def videos_of(argument: str) -> Iterator[str | Unreadable]:
    """Yield the addresses of the videos that an argument names, in order of their names.

    A folder gives every video below it (``jobs.ledger.recognise``); hidden files and folders are
    left out. Anything else is one video, and its name may end in any way. An entry of a folder that
    cannot be read as a file comes after the videos.

    Raises:
        InputError: if nothing is there, or a folder holds no video.
    """
    if not storage.is_folder(argument):
        if not storage.exists(argument):
            raise InputError(f"video {argument} does not exist; name a video file or a folder")
        yield argument
        return
    entries = list(only_videos(storage.walk(argument)))
    if not entries:
        raise InputError(f"folder {argument} {NO_VIDEO}")
    files = sorted(entry.uri for entry in entries if isinstance(entry, FileInfo))
    yield from (_as_named(argument, uri) for uri in files)
    yield from (entry for entry in entries if isinstance(entry, Unreadable))


def _as_named(folder: str, uri: str) -> str:
    """Return the address of a file in a folder: relative if the argument is relative."""
    inside = storage.relative_to(uri, storage.absolute(folder))
    return uri if inside == uri else storage.join(folder, inside)


def output_names(videos: Sequence[str]) -> list[str]:
    """Return a name for each video: its path below the folder common to all.

    Different videos have different names; ``storage.file_parts`` gives the file of each. If both
    local files and objects are named, the names begin with ``local`` or with the scheme of the
    address.

    >>> output_names(["/v/a/x.mp4", "/v/b/x.mp4"]), output_names(["/v/a/x.mp4"])
    (['a/x.mp4', 'b/x.mp4'], ['x.mp4'])
    >>> output_names(["/v/x.mp4", "s3://b/x.mp4"])
    ['local/v/x.mp4', 's3/b/x.mp4']
    """
    parts = [_parts(video) for video in videos]
    depth = len(os.path.commonprefix([one[:-1] for one in parts]))  # compared part by part
    return ["/".join(one[depth:]) for one in parts]


def _parts(video: str) -> list[str]:
    """Return the parts of an address; the first is ``local`` or the scheme."""
    if storage.is_local(video):
        return ["local", *os.path.normpath(storage.absolute(video)).split("/")[1:]]
    scheme, _, path = video.partition("://")
    return [scheme, *path.split("/")]
