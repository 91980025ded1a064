"""Video containers: the formats that may be opened, limits, and facts from the header."""

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
from emotion.video.formats import FORMATS, SEEKABLE
from emotion.video.geometry import display_width, pixel_aspect
from emotion.video.other_files import HEAD_BYTES, other_kind
from emotion.video.streams import best_stream, film_streams

Source = Path | BinaryIO


@dataclass(frozen=True)
class Limits:
    """Upper bounds on one video's size and time.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width times height of a frame.
        max_duration_s: presentation time from the first frame to the end of the last.
        max_streams: number of streams of every kind in the container.
        max_wall_s: wall-clock time from opening the file to its last frame, including the caller's
            work between the frames; checked at each packet.
    """

    max_bytes: int = 16 * 2**30
    max_pixels: int = 8192 * 4320
    max_duration_s: float = 12 * 3600.0
    max_streams: int = 256
    max_wall_s: float = 4 * 3600.0


@dataclass(frozen=True)
class Probe:
    """Facts from a video's header. They may be wrong, because no frame is decoded.

    Attributes:
        duration_s: length, seconds; None if the header does not have it.
        width: width of the coded frame, before any rotation, pixels.
        height: height of the coded frame, before any rotation, pixels.
        codec: FFmpeg's name of the video codec.
        container: FFmpeg's names of the format, separated by commas.
        num_frames: number of frames; None if the header does not have it.
        seekable: True if reading can start in the middle; see ``can_seek``.
    """

    duration_s: float | None
    width: int
    height: int
    codec: str
    container: str
    num_frames: int | None
    seekable: bool


def probe(source: Source, limits: Limits) -> Probe:
    """Read a video's header. This takes milliseconds and reads a small part of the file.

    Args:
        source: a local file, or a seekable binary file object.
        limits: bounds on the video. The duration in the header is checked, too.

    Raises:
        VideoError: see ``open_video``; also too_large if the duration in the header is.
    """
    with open_video(source, limits) as (container, stream):
        duration = header_stop(container, stream)
        duration_s = None if duration is None else float(duration - _start(stream))
        if duration_s is None and container.duration is not None:
            duration_s = container.duration / av.time_base
        too_long = duration_s is not None and duration_s > limits.max_duration_s
        if too_long and not can_seek(container):
            duration_s = None  # of a clock that may jump; reading counts the time that is there
        elif duration_s is not None and too_long:
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
        )


def can_seek(container: InputContainer) -> bool:
    """Return True if reading can start in the middle of the video.

    Other containers (avi, mpeg, mpegts, flv) have no exact index of presentation times. A part of
    such a video has the same frames, but everything before the part must be read first.
    """
    return not SEEKABLE.isdisjoint(container.format.name.split(","))


def counts_frames(container: InputContainer) -> bool:
    """Return True if the header has the number of frames that the recorder wrote.

    This holds for AVI, even if the end and the index of the file are missing. In an mp4 the number
    also counts frames that an edit list hides.
    """
    return container.format.name == "avi"


@contextlib.contextmanager
def open_video(source: Source, limits: Limits) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a container and its film, see ``best_stream``.

    Only the file itself is read: formats that name other files are not allowed, references of a
    QuickTime file to other files are not followed, and FFmpeg must not open an address.

    Args:
        source: a local file, or a seekable binary file object.
        limits: bounds on the video.

    Raises:
        VideoError: with the reason empty_file, too_large, not_a_video, truncated, no_video_stream
            or undecodable.
    """
    size = _size(source)
    if size == 0:
        raise VideoError("empty_file", "the file has 0 bytes")
    if size > limits.max_bytes:
        raise VideoError("too_large", f"{size} bytes, the limit is {limits.max_bytes}")
    chosen: int | None = None
    with _opened(source, limits) as container:
        _check_streams(container, limits)
        if len(film_streams(container)) == 1:
            yield container, _prepared(film_streams(container)[0], limits)
            return
        chosen = best_stream(container)
    if not isinstance(source, Path):
        source.seek(0)
    with _opened(source, limits) as container:
        streams = [s for s in container.streams.video if s.index == chosen]
        yield container, _prepared(streams[0], limits)


def _opened(source: Source, limits: Limits) -> InputContainer:
    try:
        return av.open(
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


def _check_streams(container: InputContainer, limits: Limits) -> None:
    count = len(container.streams)
    if count > limits.max_streams:
        raise VideoError("too_large", f"{count} streams, the limit is {limits.max_streams}")
    if not container.streams.video:
        raise VideoError("no_video_stream", f"streams: {count}, none of video")
    if not film_streams(container):
        raise VideoError("no_video_stream", f"streams: {count}, of video only pictures (a cover)")


def _prepared(stream: VideoStream, limits: Limits) -> VideoStream:
    context = stream.codec_context
    if context is None:
        raise VideoError("undecodable", "FFmpeg has no decoder for the video stream")
    stream.thread_type = "NONE"  # parallelism is one video per worker, not threads per video
    context.thread_count = 1  # by default dav1d starts one thread per processor
    check_size(stream, stream.width, stream.height, limits)
    # A stream may change its frame size later. The decoder refuses a frame above its own limit
    # before it allocates memory. That limit is twice as high, because it counts whole blocks.
    context.options = {"max_pixels": str(2 * limits.max_pixels)}
    return stream


def _size(source: Source) -> int:
    if isinstance(source, Path):
        return source.stat().st_size
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    return size


def _raise_unopened(source: Source, err: Exception, limits: Limits) -> NoReturn:
    """Raise the VideoError for a file that FFmpeg cannot open.

    Its reason is too_large if memory or streams exceed a limit, truncated for an mp4 without its
    index, which is written last, else not_a_video.
    """
    if isinstance(err, av.FFmpegError) and err.errno == errno.ENOMEM:
        detail = f"FFmpeg ran out of memory, or more than {limits.max_streams} streams"
        raise VideoError("too_large", detail) from err
    head = _head(source)
    kind = other_kind(head)
    if kind is None and head[4:8] == b"ftyp":
        detail = "an mp4 without its index (moov): its end is missing"
        raise VideoError("truncated", detail) from err
    detail = f"it is {kind}" if kind else "its content is of no video format that is read"
    raise VideoError("not_a_video", detail) from err


def _head(source: Source) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(HEAD_BYTES)
    source.seek(0)
    return source.read(HEAD_BYTES)


def check_size(stream: VideoStream, width: int, height: int, limits: Limits) -> None:
    """Check the size of a frame of a stream, coded and with square pixels.

    Raises:
        VideoError: too_large if it has more than ``max_pixels``.
    """
    width = max(width, display_width(width, pixel_aspect(stream)))
    if width * height > limits.max_pixels:
        raise VideoError("too_large", f"{width}x{height}, the limit is {limits.max_pixels} pixels")


def header_stop(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return the end of the video stream that the header states, or None if it states none.

    It is a presentation time of the stream in seconds, not a duration.
    """
    if stream.duration is not None and stream.time_base is not None:
        return _start(stream) + stream.duration * stream.time_base
    if container.duration is not None and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)  # Matroska: the end, not the length
    return None


def _start(stream: VideoStream) -> Fraction:
    return (stream.start_time or 0) * (stream.time_base or Fraction(1))


def zero_s(container: InputContainer) -> Fraction:
    """Return the presentation time at which players begin to count, seconds.

    It is 0 in containers that state times from the beginning (mp4, mkv). In the others it is the
    first time of any stream.
    """
    if can_seek(container) or container.start_time is None:
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)


def last_counted(container: InputContainer, stream: VideoStream) -> int:
    """Return the number of frames of an AVI that ends with empty frames, else 0.

    An empty frame holds the picture before it. It has no packet; the header counts it. The header
    is only trusted in a file with its index, which is written last. Call this before reading.
    """
    has_index = counts_frames(container) and len(stream.index_entries) > 1
    return stream.frames if has_index else 0
