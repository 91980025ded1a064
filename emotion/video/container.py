"""Opening a video file: what may be opened, what it may cost, what its header says."""

from __future__ import annotations

import contextlib
import errno
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NoReturn

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from emotion.errors import VideoError

# FFmpeg also opens playlists (HLS, DASH, concat) that name other files and addresses: never here.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv"
SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".3gp",
    ".flv",
)  # fmt: skip
"""File names that are taken for videos when a folder is listed."""

SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})
"""Containers with an index of keyframes by time: a video in them can be read from the middle."""

Source = Path | BinaryIO


@dataclass(frozen=True)
class Limits:
    """What one video may cost.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width times height of a frame.
        max_duration_s: presentation time from the first frame to the end of the last.
        max_streams: of every kind, in the container.
        max_wall_s: from opening the file to its last frame, whatever is done between the frames;
            looked at between packets.
    """

    max_bytes: int = 16 * 2**30
    max_pixels: int = 8192 * 4320
    max_duration_s: float = 12 * 3600.0
    max_streams: int = 256
    max_wall_s: float = 4 * 3600.0


@dataclass(frozen=True)
class Probe:
    """What the header of a video says; nothing is decoded, so it may be wrong.

    Attributes:
        duration_s: length; None where the header does not tell.
        width: as coded, before any rotation, pixels.
        height: as coded, before any rotation, pixels.
        codec: FFmpeg's name of the video codec.
        container: FFmpeg's names of the format, with commas.
        num_frames: None where the header does not tell.
        seekable: see ``can_seek``.
        is_key_only: every frame of this codec stands alone.
    """

    duration_s: float | None
    width: int
    height: int
    codec: str
    container: str
    num_frames: int | None
    seekable: bool
    is_key_only: bool


def probe(source: Source, limits: Limits) -> Probe:
    """Read the header: milliseconds, and a small part of the file.

    Args:
        source: a local file, or a seekable binary file object.
        limits: what the video may cost; its duration is checked as the header has it.

    Raises:
        VideoError: see ``open_video``; too_large also where the header's duration is.
    """
    with open_video(source, limits) as (container, stream):
        duration = header_stop(container, stream)
        duration_s = None if duration is None else float(duration - _start(stream))
        if duration_s is None and container.duration is not None:
            duration_s = container.duration / av.time_base
        if duration_s is not None and duration_s > limits.max_duration_s:
            raise VideoError(
                "too_large", f"{duration_s:.1f} s long, the limit is {limits.max_duration_s:g} s"
            )
        context = stream.codec_context
        return Probe(
            duration_s=duration_s,
            width=stream.width,
            height=stream.height,
            codec=context.name,
            container=container.format.name,
            num_frames=stream.frames or None,
            seekable=can_seek(container),
            is_key_only=context.codec.intra_only,
        )


def can_seek(container: InputContainer) -> bool:
    """Whether a part of the video can be read, exactly, without what comes before it.

    Other containers (avi, mpeg, mpegts, flv) have no exact index of presentation times: a part of
    a video in them is exact too, but costs as much as all that comes before.
    """
    return not SEEKABLE.isdisjoint(container.format.name.split(","))


def counts_frames(container: InputContainer) -> bool:
    """Whether the header's number of frames is that of the file as it was written.

    An AVI that lost its end and its index still has it. In an mp4 it also counts the frames that an
    edit list hides.
    """
    return container.format.name == "avi"


@contextlib.contextmanager
def open_video(source: Source, limits: Limits) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a container and its first video stream.

    Only the file itself is read: formats that name other files are not known here, references of a
    QuickTime file to others are not followed, and FFmpeg may open no address.

    Args:
        source: a local file, or a seekable binary file object.
        limits: what the video may cost.

    Raises:
        VideoError: empty_file, too_large, not_a_video, truncated, no_video_stream, undecodable.
    """
    size = _size(source)
    if size == 0:
        raise VideoError("empty_file", "the file has 0 bytes")
    if size > limits.max_bytes:
        raise VideoError("too_large", f"{size} bytes, the limit is {limits.max_bytes}")
    try:
        container = av.open(
            f"file:{source}" if isinstance(source, Path) else source,
            "r",
            options={
                "format_whitelist": FORMATS,
                "protocol_whitelist": "file",
                "enable_drefs": "0",
                "max_streams": str(limits.max_streams + 1),
                "max_pixels": str(2 * limits.max_pixels),
            },
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError) as err:
        _raise_unopened(source, err, limits)
    with container:
        yield container, _video_stream(container, limits)


def _video_stream(container: InputContainer, limits: Limits) -> VideoStream:
    count = len(container.streams)
    if count > limits.max_streams:
        raise VideoError("too_large", f"{count} streams, the limit is {limits.max_streams}")
    if not container.streams.video:
        raise VideoError("no_video_stream", f"streams: {count}, none of video")
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None:
        raise VideoError("undecodable", "FFmpeg has no decoder for the video stream")
    stream.thread_type = "NONE"  # parallelism is one video per worker, not threads per video
    context.thread_count = 1  # dav1d takes as many as there are processors otherwise
    check_pixels(stream.width, stream.height, limits)
    # A stream may change its size on the way: the decoder refuses before it allocates. It counts
    # whole blocks of pixels, so it gets some room.
    context.options = {"max_pixels": str(2 * limits.max_pixels)}
    return stream


def _size(source: Source) -> int:
    if isinstance(source, Path):
        return source.stat().st_size
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    return size


def _raise_unopened(source: Source, err: Exception, limits: Limits) -> NoReturn:
    """Tell a cut-off mp4, whose index is written last, from what never was a video."""
    if isinstance(err, av.FFmpegError) and err.errno == errno.ENOMEM:
        detail = f"FFmpeg ran out of memory, or more than {limits.max_streams} streams"
        raise VideoError("too_large", detail) from err
    if _head(source)[4:] == b"ftyp":
        detail = "an mp4 without its index (moov): its end is missing"
        raise VideoError("truncated", detail) from err
    said = err.strerror if isinstance(err, av.FFmpegError) else str(err)
    raise VideoError("not_a_video", said or "FFmpeg does not know the format") from err


def _head(source: Source) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(8)
    source.seek(0)
    return source.read(8)


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Refuse a frame of more than ``max_pixels``.

    Raises:
        VideoError: too_large.
    """
    if width * height > limits.max_pixels:
        raise VideoError("too_large", f"{width}x{height}, the limit is {limits.max_pixels} pixels")


def header_stop(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """When the video stream ends by its header, seconds of its clock; None: it does not tell."""
    if stream.duration is not None and stream.time_base is not None:
        return _start(stream) + stream.duration * stream.time_base
    if container.duration is not None and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)  # Matroska: the end, not the length
    return None


def _start(stream: VideoStream) -> Fraction:
    return (stream.start_time or 0) * (stream.time_base or Fraction(1))
