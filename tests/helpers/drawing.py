"""Drawn videos: frames that show their own number, at chosen times, in any container."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.codec.context
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Image = NDArray[np.uint8]
CLOCK = Fraction(1, 90_000)
_GRID = 4  # 4 x 4 blocks: 16 bits, the lowest at the top left
_COUNT_FRAMES = ("mpeg4", "mpeg2video", "mpeg1video")  # the others take any clock
_WITH_B_FRAMES = ("mpeg4", "mpeg2video", "mpeg1video")
_MATRICES = {  # the tkhd matrix of a display turned clockwise by so many degrees
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}


def number_frame(number: int, *, hw: tuple[int, int] = (64, 64)) -> Image:
    """Draw an (H, W, 3) picture whose 4 x 4 black and white blocks show ``number``, below 65536."""
    height, width = hw
    bits = np.array([(number >> k) & 1 for k in range(_GRID * _GRID)]).reshape(_GRID, _GRID)
    rows = np.arange(height) * _GRID // height
    columns = np.arange(width) * _GRID // width
    plane = np.where(bits[rows][:, columns], 235, 16).astype(np.uint8)
    return np.repeat(plane[:, :, None], 3, axis=2)


def read_number(image: Image) -> int:
    """Read the number that ``number_frame`` drew; tolerates compression."""
    height, width = image.shape[:2]
    number = 0
    for k in range(_GRID * _GRID):
        y = (k // _GRID * 2 + 1) * height // (2 * _GRID)
        x = (k % _GRID * 2 + 1) * width // (2 * _GRID)
        number |= int(image[y - 1 : y + 2, x - 1 : x + 2].mean() > 126) << k
    return number


def write_video(
    path: Path,
    images: Sequence[Image],
    *,
    pts_s: Sequence[float] | None = None,
    fps: float = 25.0,
    codec: str = "libx264",
    b_frames: int = 0,
    rotation: int = 0,
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    interlaced: bool = False,
) -> Path:
    """Write RGB pictures of one size as a video; the container follows the suffix.

    Args:
        path: .mp4, .mov, .mkv, .webm, .avi, .mpg, .ts, .m2ts, .3gp, ...
        images: the frames.
        pts_s: when each is shown, rising; None: ``fps`` apart from 0.
        fps: used where ``pts_s`` is None, and as the container's nominal rate.
        codec: FFmpeg's name of the encoder: libx264, mpeg4, libvpx-vp9, ...
        b_frames: B-frames between two others, for codecs that have them.
        rotation: 90, 180 or 270 degrees clockwise that a player turns the picture; .mp4 and .mov.
        pix_fmt: FFmpeg's name of the pixel format.
        options: of the encoder, over those that are chosen here.
        interlaced: encode the even and the odd lines as two fields, for codecs that can.
    """
    times = [k / fps for k in range(len(images))] if pts_s is None else list(pts_s)
    with kept_scheduling(), av.open(str(path), "w") as container:
        stream = _stream(container, images[0], fps=fps, codec=codec, pix_fmt=pix_fmt)
        stream.options = {**_options(codec, b_frames), **(options or {})}
        if codec in _WITH_B_FRAMES:
            stream.codec_context.max_b_frames = b_frames
        if interlaced:
            flags = av.codec.context.Flags
            stream.codec_context.flags |= flags.interlaced_dct | flags.interlaced_me
        for image, time_s in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            time_base = stream.codec_context.time_base
            frame.time_base = time_base
            frame.pts = round(Fraction(time_s) / time_base)
            container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    if rotation:
        _turn(path, rotation)
    return path


@contextlib.contextmanager
def kept_scheduling() -> Iterator[None]:
    """Restore the calling thread's scheduling policy at the end of the block.

    SVT-AV1 makes the thread that opens it a real-time thread if root runs it. Every program that a
    later test starts would inherit this, and real-time programs keep each other from running.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def number_video(path: Path, count: int, **options: object) -> Path:
    """Write a video of the numbers 0 to ``count`` - 1; options as in ``write_video``."""
    images = [number_frame(number) for number in range(count)]
    return write_video(path, images, **options)  # type: ignore[arg-type]


def _stream(
    container: av.container.OutputContainer, image: Image, *, fps: float, codec: str, pix_fmt: str
) -> VideoStream:
    rate = Fraction(fps).limit_denominator(1001)
    stream = container.add_stream(codec, rate=rate)
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = image.shape[:2]
    stream.pix_fmt = pix_fmt
    stream.codec_context.thread_count = 1
    counts = codec in _COUNT_FRAMES or container.format.name == "avi"
    stream.codec_context.time_base = 1 / rate if counts else CLOCK
    if codec not in ("libx264", "libx265"):
        stream.codec_context.bit_rate = 2_000_000
    return stream


def _options(codec: str, b_frames: int) -> dict[str, str]:
    if codec == "libx264":
        return {"crf": "12", "preset": "veryfast", "bf": str(b_frames)}
    if codec == "libx265":
        params = f"log-level=none:pools=none:frame-threads=1:bframes={b_frames}"
        return {"crf": "12", "preset": "ultrafast", "x265-params": params}
    return {"preset": "12"} if codec == "libsvtav1" else {}


def _turn(path: Path, degrees: int) -> None:
    """Set the rotation in the track header of an .mp4 or .mov."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4
    offset = start + (52 if data[start] == 1 else 40)  # version 1 has 64-bit times
    a, b, c, d = _MATRICES[degrees]
    matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[offset : offset + 36] = b"".join((v & 0xFFFFFFFF).to_bytes(4, "big") for v in matrix)
    path.write_bytes(bytes(data))
