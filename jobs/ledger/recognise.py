"""Recognition of the videos among the files of a folder: by name, else by their first bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from emotion import storage
from emotion.storage import FileInfo, Unreadable
from emotion.video.formats import HEAD_BYTES, OTHER_SUFFIXES, SUFFIXES, is_video

NO_VIDEO = "holds no video: no file has the name (such as a.mp4) or the first bytes of one"
"""End of the message for a folder without a video."""
_THREADS = 16  # reading a file's beginning waits for the storage most of the time
_AHEAD = 256


def only_videos(
    entries: Iterable[FileInfo | Unreadable], *, root: str = ""
) -> Iterator[FileInfo | Unreadable]:
    """Yield the videos among the entries of a folder, in the same order.

    A file is a video if its name ends in one of the ``SUFFIXES``, in any letter case. If its name
    ends in none of them and in none of the ``OTHER_SUFFIXES``, its first bytes decide. A file that
    cannot be opened then is no video. Files with known names are not opened. An entry that cannot
    be read is yielded too if it has the name of a video or is a folder.

    Args:
        entries: files, and entries that cannot be read.
        root: folder below which their ``uri`` are names; empty: they are whole addresses.
    """
    waiting: deque[tuple[FileInfo | Unreadable, Future[bool] | None]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for entry in entries:
            name = entry.uri.lower()
            if name.endswith(SUFFIXES):
                waiting.append((entry, None))
            elif isinstance(entry, Unreadable):
                if entry.reason == "storage_error":
                    waiting.append((entry, None))
            elif not name.endswith(OTHER_SUFFIXES):
                address = storage.locate(root, entry.uri) if root else entry.uri
                waiting.append((entry, pool.submit(_begins_like_video, address)))
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD):
                yield from _if_video(*waiting.popleft())
        while waiting:
            yield from _if_video(*waiting.popleft())


def _if_video(
    entry: FileInfo | Unreadable, looked: Future[bool] | None
) -> Iterator[FileInfo | Unreadable]:
    if looked is None or looked.result():
        yield entry


def _begins_like_video(address: str) -> bool:
    try:
        with storage.open_input(address, block_bytes=HEAD_BYTES) as opened:
            return is_video(opened.read(HEAD_BYTES))
    except OSError:
        return False
