"""Access to one video of an archive, and its rows in ``videos`` and ``rejects``."""

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
from jobs.ledger.parts import Row
from jobs.ledger.plan import reject

SourceT = TypeVar("SourceT")
READ_AHEAD_BYTES = 4 * 2**20


@contextlib.contextmanager
def fetched(video: Row, root: str) -> Iterator[Path]:
    """Yield the video as a local file, which exists during the block.

    Any exception of the block other than VideoError is a bug. It is raised with a note that names
    the video.

    Args:
        video: row of the plan with uri, size_bytes and etag.
        root: address of the archive.

    Raises:
        VideoError: with reason missing, changed (since the plan), not_a_video (a pipe, a socket) or
            storage_error (no permission).
    """
    with _located(video, root, storage.local_copy) as path:
        yield path


@contextlib.contextmanager
def opened(video: Row, root: str) -> Iterator[Source]:
    """Yield the video as ``fetched`` does, but download only the parts of it that are read."""
    with _located(video, root, _open) as source:
        yield source


def _open(uri: str) -> AbstractContextManager[Source]:
    if storage.is_local(uri):
        return storage.local_copy(uri)
    return storage.open_input(uri, block_bytes=READ_AHEAD_BYTES)


@contextlib.contextmanager
def _located(
    video: Row, root: str, get: Callable[[str], AbstractContextManager[SourceT]]
) -> Iterator[SourceT]:
    uri = storage.locate(root, str(video["uri"]))
    with contextlib.ExitStack() as stack:
        with _storage_errors(uri):
            _check_version(video, uri)
            source = stack.enter_context(get(uri))
        with _noted(uri):
            yield source


def content_sha256(video: Row, root: str) -> str:
    """Return the hex SHA-256 of the video file, read in blocks; raise the errors of ``fetched``."""
    uri = storage.locate(root, str(video["uri"]))
    with _storage_errors(uri):
        _check_version(video, uri)
        return storage.sha256(uri)


def _check_version(video: Row, uri: str) -> None:
    now = storage.stat(uri)
    if (now.size_bytes, now.version) != (video["size_bytes"], video["etag"]):
        detail = f"{now.size_bytes} bytes of version {now.version}, planned were "
        detail += f"{video['size_bytes']} of {video['etag']}; run again to use the new version"
        raise VideoError("changed", detail)


@contextlib.contextmanager
def _storage_errors(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as err:
        raise VideoError("missing", f"no longer at {uri}") from err
    except storage.NotAFileError as err:
        raise VideoError("not_a_video", str(err)) from err
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
    """Return the row of ``videos`` for a video: columns of the plan and facts of the decoding."""
    facts = summary.facts
    of_plan = ("shard_id", "duration_s", "num_chunks")
    return {name: value for name, value in video.items() if name not in of_plan} | {
        "content_sha256": content_sha256,
        "duration_s": facts.duration_s,
        "first_frame_s": facts.first_frame_s,
        "fps": facts.fps,
        "width": facts.width,
        "height": facts.height,
        "codec": facts.codec,
        "num_frames": summary.num_frames,
        "num_faceless_frames": summary.num_faceless_frames,
        "num_faces": summary.num_faces,
        "num_tracks": summary.num_tracks,
        "num_identities": summary.num_identities,
        "num_clips": summary.num_clips,
        "complete": summary.broken is None,
        "reason": summary.reason,
    }


def reject_row(video: Row, err: VideoError) -> Row:
    """Return the row of ``rejects`` for a video of which all or a part cannot be used."""
    row = reject(
        str(video["uri"]), err.reason, err.detail, stage="decode", video=str(video["video_id"])
    )
    return row | {"offset_s": err.offset_s, "offset_bytes": err.offset_bytes}
