"""One video as the jobs see it: fetched from storage, and its row in ``videos``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from emotion import storage
from emotion.errors import VideoError
from emotion.extract.extractor import VideoSummary
from jobs._plan import Row, reject


@contextlib.contextmanager
def fetched(uri: str) -> Iterator[Path]:
    """The video as a local file for the length of the block.

    An unexpected error in the block is a bug: it is let through with the uri noted on it.

    Raises:
        VideoError: missing or storage_error, if the bytes cannot be had.
    """
    with contextlib.ExitStack() as stack:
        try:
            path = stack.enter_context(storage.local_copy(uri))
        except FileNotFoundError as err:
            raise VideoError("missing", f"no longer at {uri}") from err
        except PermissionError as err:
            raise VideoError("storage_error", f"{uri}: {err}") from err
        try:
            yield path
        except VideoError:
            raise
        except Exception as err:  # noqa: BLE001  (noted and raised again, never swallowed)
            err.add_note(f"while reading {uri}")
            raise


def video_row(video: Row, path: Path, summary: VideoSummary) -> Row:
    """What the manifest knows and what the decoding told, as a row of ``videos``."""
    facts = summary.facts
    return video | {
        "content_sha256": storage.sha256_file(path),
        "duration_s": facts.duration_s,
        "fps": facts.fps,
        "width": facts.width,
        "height": facts.height,
        "codec": facts.codec,
        "num_frames": summary.num_frames,
        "num_faces": summary.num_faces,
        "num_tracks": summary.num_tracks,
        "num_clips": summary.num_clips,
        "reason": summary.reason,
    }


def reject_row(video: Row, err: VideoError) -> Row:
    """A video that cannot be used, as a row of ``rejects``."""
    return reject(
        str(video["uri"]), err.reason, err.detail, stage="decode", video=str(video["video_id"])
    )
