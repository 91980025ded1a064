"""Videos to break, and a reader that returns frames and error."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotion.errors import VideoError
from emotion.video.decode import Limits, VideoFacts, sample_frames
from tests.helpers.drawing import Image, number_frame, read_number, write_video

NUM_FRAMES = 100  # of 4 s


@dataclass(frozen=True)
class Outcome:
    """Return the numbers of the decoded frames, and the error that ended decoding."""

    numbers: list[int]
    error: VideoError | None

    @property
    def reason(self) -> str:
        return self.error.reason if self.error else "none"


def read(path: Path, limits: Limits | None = None, *, start: int = 0) -> Outcome:
    numbers: list[int] = []
    try:
        for frame in sample_frames(
            path, sample_fps=25, limits=limits or Limits(), facts=VideoFacts(), start=start
        ):
            numbers.append(read_number(frame.image))
    except VideoError as err:
        return Outcome(numbers, err)
    return Outcome(numbers, None)


def noisy_images() -> list[Image]:
    """Return numbered frames with noise, so that each takes some kilobytes."""
    rng = np.random.default_rng(0)
    clean = [number_frame(n, hw=(96, 128)).astype(int) for n in range(NUM_FRAMES)]
    noise = [rng.integers(-16, 16, (96, 128, 3)) for _ in clean]
    return [np.clip(c + n, 0, 255).astype(np.uint8) for c, n in zip(clean, noise, strict=True)]


CODECS = {
    ".mp4": "libx264", ".mkv": "libx264", ".ts": "libx264", ".flv": "libx264",
    ".avi": "mpeg4", ".mpg": "mpeg2video", ".webm": "libvpx-vp9",
}  # fmt: skip


@functools.cache
def sound(suffix: str) -> bytes:
    """Return the bytes of an intact video of 4 s, with a keyframe each second."""
    codec = CODECS[suffix]
    b_frames = 2 if codec == "libx264" else 0
    options = {"g": "25"} | ({"deadline": "realtime", "cpu-used": "8"} if "vp9" in codec else {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"v{suffix}"
        write_video(path, noisy_images(), codec=codec, b_frames=b_frames, options=options)
        return path.read_bytes()


def put(folder: Path, name: str, data: bytes | bytearray | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path
