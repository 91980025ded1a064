"""Recognition of the videos among the files of a folder: by name, else by their first bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from emotion import storage
from emotion.storage import FileInfo
from emotion.video.formats import HEAD_BYTES, OTHER_SUFFIXES, SUFFIXES, is_video

NO_VIDEO = "holds no video: no file has the name (such as a.mp4) or the first bytes of one"
"""End of the message for a folder without a video."""
_THREADS = 16  # reading a file's beginning waits for the storage most of the time
_AHEAD = 256


def only_videos(files: Iterable[FileInfo], *, root: str = "") -> Iterator[FileInfo]:
    """Yield the videos among files, in the same order.

    A file is a video if its name ends in one of the ``SUFFIXES``, in any letter case. If its name
    ends in none of them and in none of the ``OTHER_SUFFIXES``, its first bytes decide. A file that
    cannot be opened then is no video. Files with known names are not opened.

    Args:
        files: the files.
        root: folder to which their ``uri`` are relative; empty: they are whole addresses.
    """
    waiting: deque[tuple[FileInfo, Future[bool] | None]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for file in files:
            name = file.uri.lower()
            if name.endswith(SUFFIXES):
                waiting.append((file, None))
            elif not name.endswith(OTHER_SUFFIXES):
                address = storage.join(root, file.uri) if root else file.uri
                waiting.append((file, pool.submit(_begins_like_video, address)))
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD):
                yield from _if_video(*waiting.popleft())
        while waiting:
            yield from _if_video(*waiting.popleft())


def _if_video(file: FileInfo, looked: Future[bool] | None) -> Iterator[FileInfo]:
    if looked is None or looked.result():
        yield file


def _begins_like_video(address: str) -> bool:
    try:
        with storage.open_input(address, block_bytes=HEAD_BYTES) as opened:
            return is_video(opened.read(HEAD_BYTES))
    except OSError:
        return False
