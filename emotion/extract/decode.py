"""A video file to the frames shown at regular moments of presentation time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from emotion.errors import VideoError

# FFmpeg also opens playlists (HLS, DASH, concat) that name other files and addresses: never here.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo"
SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".3gp",
)  # fmt: skip
"""File names that are taken for videos when a folder is listed."""

END_TOLERANCE_SHARE = 0.1
"""Decoding that stops this share before the stream's own end is a truncated file..."""
END_TOLERANCE_S = (0.2, 2.0)
"""... but never less than the first, and always from the second: headers round up a little."""


@dataclass(frozen=True)
class Limits:
    """What one video may cost.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width times height of a frame.
        max_duration_s: presentation time from the first frame to the end of the last.
    """

    max_bytes: int = 16 * 2**30
    max_pixels: int = 8192 * 4320
    max_duration_s: float = 12 * 3600.0


@dataclass(frozen=True)
class Frame:
    """One sampled frame.

    Attributes:
        index: k of the sample; skips where the same frame is shown at two sample times.
        pts_s: its presentation time, seconds from the first frame.
        image: (H, W, 3) uint8 RGB, upright.
    """

    index: int
    pts_s: float
    image: NDArray[np.uint8]


@dataclass
class VideoFacts:
    """What the container and the decoding told; complete once the frames are exhausted.

    Attributes:
        width: of the upright frame, pixels.
        height: of the upright frame, pixels.
        codec: FFmpeg's name of the video codec.
        num_decoded: frames decoded.
        duration_s: end of the last frame minus start of the first.
    """

    width: int = 0
    height: int = 0
    codec: str = ""
    num_decoded: int = 0
    duration_s: float = 0.0

    @property
    def fps(self) -> float:
        """Mean frames per second; 0 when nothing was decoded."""
        return self.num_decoded / self.duration_s if self.duration_s > 0 else 0.0


@dataclass(frozen=True)
class _Shown:
    """A decoded frame and when it is shown, exact seconds of the stream's clock."""

    frame: VideoFrame
    start: Fraction
    stop: Fraction


@contextlib.contextmanager
def open_video(path: Path, limits: Limits) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a container and its best video stream.

    Raises:
        VideoError: empty_file, too_large, not_a_video, no_video_stream.
    """
    size = path.stat().st_size
    if size == 0:
        raise VideoError("empty_file", "the file has 0 bytes")
    if size > limits.max_bytes:
        raise VideoError("too_large", f"{size} bytes, the limit is {limits.max_bytes}")
    try:
        container = av.open(
            f"file:{path}",
            options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError) as err:
        raise _open_error(path, err) from err
    with container:
        if not container.streams.video:
            raise VideoError("no_video_stream", f"streams: {len(container.streams)}, none of video")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # parallelism is one video per worker, not threads per video
        _check_pixels(stream.width, stream.height, limits)
        yield container, stream


def _open_error(path: Path, err: Exception) -> VideoError:
    """Tell a cut-off mp4, whose index is written last, from what never was a video."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:] == b"ftyp":
        return VideoError("truncated", "an mp4 without its index (moov): its end is missing")
    said = err.strerror if isinstance(err, av.FFmpegError) else str(err)
    return VideoError("not_a_video", said or "FFmpeg does not know the format")


def _check_pixels(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise VideoError("too_large", f"{width}x{height}, the limit is {limits.max_pixels} pixels")


def sample_frames(
    path: Path, *, sample_fps: float, limits: Limits, facts: VideoFacts
) -> Iterator[Frame]:
    """Yield the frame shown at ``first_pts + k / sample_fps`` for k = 0, 1, ...

    A frame is shown from its own presentation time until the next frame's, the last one for its
    duration. It is yielded once, under the first k that falls on it::

        frames    |0     |1     |2           |3     |     (variable frame rate)
        samples   k0        k1        k2        k3
        yields    0,k0      1,k1      2,k2      3,k3

    Args:
        path: a local file.
        sample_fps: samples per second of presentation time.
        limits: what the video may cost.
        facts: filled in while the frames are read.

    Raises:
        VideoError: see ``open_video``; also undecodable, truncated, too_large.
    """
    step = 1 / Fraction(sample_fps).limit_denominator(1001)
    with open_video(path, limits) as (container, stream):
        facts.codec = stream.codec_context.name
        first: Fraction | None = None
        k = 0
        for shown in _shown_frames(container, stream, facts, limits):
            if first is None:
                first = shown.start
            if first + k * step >= shown.stop:
                continue
            yield Frame(k, float(shown.start - first), _upright(shown.frame))
            k = -((first - shown.stop) // step)  # first k whose time is not before shown.stop


def _shown_frames(
    container: InputContainer, stream: VideoStream, facts: VideoFacts, limits: Limits
) -> Iterator[_Shown]:
    """Frames in presentation order with their half-open time of showing; counts into ``facts``."""
    previous: VideoFrame | None = None
    start, first = Fraction(0), Fraction(0)
    gap = _nominal_gap(stream)
    failure = ""
    try:
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None:
                continue
            now = frame.pts * frame.time_base
            if previous is None:
                first = now
                _note_size(frame, facts, limits)
            elif now <= start:  # a broken clock: time never runs backwards
                continue
            else:
                gap = now - start
                yield _Shown(previous, start, now)
            previous, start = frame, now
            facts.num_decoded += 1
            facts.duration_s = float(now + gap - first)
            if facts.duration_s > limits.max_duration_s:
                raise VideoError("too_large", f"longer than {limits.max_duration_s:g} s")
    except av.FFmpegError as err:
        failure = f"; {err.strerror}"
    if previous is None:
        raise VideoError("undecodable", f"no frame comes out of the {facts.codec} stream{failure}")
    stop = start + (_duration(previous) or gap)
    facts.duration_s = float(stop - first)
    yield _Shown(previous, start, stop)
    _check_end(container, stream, stop=stop, facts=facts, failure=failure)


def _nominal_gap(stream: VideoStream) -> Fraction:
    rate = stream.average_rate
    return 1 / rate if rate else Fraction(1, 25)


def _duration(frame: VideoFrame) -> Fraction | None:
    ticks = frame.duration
    return ticks * frame.time_base if ticks and frame.time_base else None


def _note_size(frame: VideoFrame, facts: VideoFacts, limits: Limits) -> None:
    _check_pixels(frame.width, frame.height, limits)
    turned = frame.rotation % 180 == 90
    facts.width = frame.height if turned else frame.width
    facts.height = frame.width if turned else frame.height


def _check_end(
    container: InputContainer,
    stream: VideoStream,
    *,
    stop: Fraction,
    facts: VideoFacts,
    failure: str,
) -> None:
    """Compare where decoding stopped with what the header says of time and number of frames."""
    if failure:
        raise VideoError("truncated", f"decoding stopped at {float(stop):.3f} s{failure}")
    lacking_s = float((_header_stop(container, stream) or stop) - stop)
    if stream.frames > facts.num_decoded:  # an AVI whose index is lost still has the number
        each_s = facts.duration_s / facts.num_decoded
        lacking_s = max(lacking_s, (stream.frames - facts.num_decoded) * each_s)
    low, high = END_TOLERANCE_S
    if lacking_s > min(max(low, END_TOLERANCE_SHARE * (float(stop) + lacking_s)), high):
        raise VideoError(
            "truncated",
            f"decoding stopped at {float(stop):.3f} s, {lacking_s:.3f} s before the header's end",
        )


def _header_stop(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """When the video stream ends by its header, or None if the header does not tell."""
    if stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    if container.duration is not None and len(container.streams) == 1:
        return Fraction(container.duration, av.time_base)  # Matroska: the end, not the length
    return None


def _upright(frame: VideoFrame) -> NDArray[np.uint8]:
    """The frame as RGB with its display rotation applied (FFmpeg's angle is counter-clockwise)."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
