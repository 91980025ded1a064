"""One video as the jobs see it: fetched from storage, and its row in ``videos``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from emotion import storage
from emotion.errors import VideoError
from emotion.extract.walk import VideoSummary
from emotion.video.container import Source
from jobs.ledger.plan import Row, reject

SourceT = TypeVar("SourceT")
READ_AHEAD_BYTES = 4 * 2**20


@contextlib.contextmanager
def fetched(video: Row, root: str) -> Iterator[Path]:
    """The video as a local file for the length of the block.

    An unexpected error in the block is a bug: it is let through with the uri noted on it.

    Args:
        video: a planned video: uri, size_bytes, etag.
        root: the archive.

    Raises:
        VideoError: missing, changed or storage_error, if its bytes cannot be had.
    """
    with _had(video, root, storage.local_copy) as path:
        yield path


@contextlib.contextmanager
def opened(video: Row, root: str) -> Iterator[Source]:
    """As ``fetched``, but of a remote video only what is read of it is fetched."""
    with _had(video, root, _open) as source:
        yield source


def _open(uri: str) -> AbstractContextManager[Source]:
    if storage.is_local(uri):
        return storage.local_copy(uri)
    return storage.open_input(uri, block_bytes=READ_AHEAD_BYTES)


@contextlib.contextmanager
def _had(
    video: Row, root: str, get: Callable[[str], AbstractContextManager[SourceT]]
) -> Iterator[SourceT]:
    uri = storage.join(root, str(video["uri"]))
    with contextlib.ExitStack() as stack:
        with _storage_errors(uri):
            _check_version(video, uri)
            source = stack.enter_context(get(uri))
        with _noted(uri):
            yield source


def content_sha256(video: Row, root: str) -> str:
    """Hex SHA-256 of the video's bytes, streamed; raises as ``fetched``."""
    uri = storage.join(root, str(video["uri"]))
    with _storage_errors(uri):
        _check_version(video, uri)
        return storage.sha256(uri)


def _check_version(video: Row, uri: str) -> None:
    now = storage.stat(uri)
    if (now.size_bytes, now.version) != (video["size_bytes"], video["etag"]):
        detail = f"{now.size_bytes} bytes of version {now.version}, planned were "
        detail += f"{video['size_bytes']} of {video['etag']}; run again to take it as it is"
        raise VideoError("changed", detail)


@contextlib.contextmanager
def _storage_errors(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as err:
        raise VideoError("missing", f"no longer at {uri}") from err
    except PermissionError as err:
        raise VideoError("storage_error", f"{uri}: {err}") from err


@contextlib.contextmanager
def _noted(uri: str) -> Iterator[None]:
    try:
        yield
    except VideoError:
        raise
    except Exception as err:  # noqa: BLE001  (noted and raised again, never swallowed)
        err.add_note(f"while reading {uri}")
        raise


def video_row(video: Row, content_sha256: str, summary: VideoSummary) -> Row:
    """What the manifest knows and what the decoding told, as a row of ``videos``."""
    facts = summary.facts
    of_plan = ("shard_id", "duration_s", "num_chunks")
    return {name: value for name, value in video.items() if name not in of_plan} | {
        "content_sha256": content_sha256,
        "duration_s": facts.duration_s,
        "fps": facts.fps,
        "width": facts.width,
        "height": facts.height,
        "codec": facts.codec,
        "num_frames": summary.num_frames,
        "num_faces": summary.num_faces,
        "num_tracks": summary.num_tracks,
        "num_identities": summary.num_identities,
        "num_clips": summary.num_clips,
        "complete": summary.broken is None,
        "reason": summary.reason,
    }


def reject_row(video: Row, err: VideoError) -> Row:
    """A video that cannot be used, as a row of ``rejects``."""
    row = reject(
        str(video["uri"]), err.reason, err.detail, stage="decode", video=str(video["video_id"])
    )
    return row | {"offset_s": err.offset_s, "offset_bytes": err.offset_bytes}
