"""Clocks that jump and pictures that stay: joined recordings, empty frames, few frames a second."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from emotion.errors import VideoError
from emotion.video.decode import Limits, VideoFacts, probe, sample_frames
from tests.helpers.drawing import number_frame, read_number, write_video

pytestmark = pytest.mark.large


def recording(
    path: Path, first: int, count: int, *, begins_s: float = 0.0, b_frames: int = 0
) -> bytes:
    """Return a recording of ``count`` pictures from number ``first`` on, at 25 a second."""
    images = [number_frame(first + k) for k in range(count)]
    codec = "mpeg2video" if path.suffix == ".mpg" else "libx264"
    pts_s = [begins_s + k / 25 for k in range(count)]
    write_video(path, images, pts_s=pts_s, codec=codec, b_frames=b_frames)
    return path.read_bytes()


def read(path: Path, fps: float = 25) -> tuple[list[int], list[float], VideoFacts]:
    """Return the numbers and the times of the frames, and the facts."""
    facts = VideoFacts()
    frames = list(sample_frames(path, sample_fps=fps, limits=Limits(), facts=facts))
    return [read_number(f.image) for f in frames], [f.pts_s for f in frames], facts


@pytest.mark.parametrize("suffix", [".ts", ".m2ts", ".mpg"])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(
    "begins_s", [(0.0, 0.0), (50.0, 3.0), (0.0, 0.0, 0.0)], ids=["again", "back", "three"]
)
def test_recordings_that_were_joined(
    tmp_path: Path, suffix: str, b_frames: int, begins_s: tuple[float, ...]
) -> None:
    if suffix == ".mpg" and begins_s[0]:
        pytest.skip("MPEG's clock counts frames")
    parts = [
        recording(tmp_path / f"{k}{suffix}", 20 * k, 20, begins_s=at, b_frames=b_frames)
        for k, at in enumerate(begins_s)
    ]
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(b"".join(parts))
    numbers, times, facts = read(path)
    assert numbers == list(range(20 * len(parts)))
    np.testing.assert_allclose(times, np.arange(len(numbers)) / 25, atol=0.021)
    assert facts.duration_s == pytest.approx(len(numbers) / 25, abs=0.05)
    few, _, _ = read(path, fps=5)  # with frames that no sample needs
    assert few == list(range(0, len(numbers), 5))


def test_a_clock_that_jumps_ahead(tmp_path: Path) -> None:
    """A jump of 14 hours is a new recording, also for the header; a hold of 4 s is a hold."""
    parts = [
        recording(tmp_path / "a.ts", 0, 20),
        recording(tmp_path / "b.ts", 20, 20, begins_s=50_000),
        recording(tmp_path / "c.ts", 40, 20, begins_s=50_004.8),
    ]
    path = tmp_path / "v.ts"
    path.write_bytes(b"".join(parts))
    numbers, times, facts = read(path)
    assert numbers == list(range(60))
    assert times[20] == pytest.approx(0.8, abs=0.03)
    assert times[40] == pytest.approx(times[20] + 4.8, abs=0.03)
    assert facts.duration_s == pytest.approx(6.4, abs=0.1)
    assert probe(path, Limits()).duration_s is None


def test_a_joined_recording_that_begins_in_the_middle(tmp_path: Path) -> None:
    """Leave out packets without their keyframe after the joint; the picture before it is held."""
    one = recording(tmp_path / "a.ts", 0, 20)
    images = [number_frame(20 + k) for k in range(40)]
    write_video(tmp_path / "b.ts", images, options={"g": "20"})
    two = (tmp_path / "b.ts").read_bytes()
    tables, start = two[: 188 * 3], len(two) // 4 // 188 * 188
    path = tmp_path / "v.ts"
    path.write_bytes(one + tables + two[start:])
    numbers, _, _ = read(path)
    assert numbers == [*range(20), *range(40, 60)]


@pytest.mark.parametrize("fps", [1, 2, 3, 12])
def test_a_frame_is_shown_until_the_next(tmp_path: Path, fps: int) -> None:
    path = write_video(tmp_path / "v.mp4", [number_frame(k) for k in range(6)], fps=fps)
    frames = sample_frames(path, sample_fps=24, limits=Limits(), facts=VideoFacts())
    got = [(f.index, f.num_samples, read_number(f.image)) for f in frames]
    every = 24 // fps
    assert got == [(k * every, every, k) for k in range(6)]


@pytest.mark.parametrize("stop", [1, 8, 9, 20, 47])
def test_parts_of_a_video_with_long_frames(tmp_path: Path, stop: int) -> None:
    """A frame belongs to the part of its first sample, with all of its samples."""
    pts_s = [0.0, 0.04, 3.0, 3.04, 5.9]
    path = write_video(tmp_path / "v.mp4", [number_frame(k) for k in range(5)], pts_s=pts_s)

    def samples(start: int, end: int | None) -> list[tuple[int, int]]:
        frames = sample_frames(
            path, sample_fps=8, limits=Limits(), facts=VideoFacts(), start=start, stop=end
        )
        return [(f.index + k, read_number(f.image)) for f in frames for k in range(f.num_samples)]

    whole = samples(0, None)
    assert [k for k, _ in whole] == list(range(48))
    assert samples(0, stop) + samples(stop, None) == whole


def with_counted_frames(data: bytes, count: int) -> bytes:
    """Return an AVI whose header counts ``count`` frames: those without a packet are empty."""
    out = bytearray(data)
    main, stream = data.index(b"avih") + 8 + 16, data.index(b"strh") + 8 + 32
    for place in (main, stream):
        out[place : place + 4] = struct.pack("<I", count)
    return bytes(out)


def avi(folder: Path, pts_s: list[float], codec: str = "mpeg4") -> Path:
    images = [number_frame(k) for k in range(len(pts_s))]
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return write_video(folder / "v.avi", images, pts_s=pts_s, codec=codec, pix_fmt=pix_fmt)


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "wmv2"])
def test_empty_frames_of_an_avi_hold_the_picture(tmp_path: Path, codec: str) -> None:
    pts_s = [0.0, 0.04, 0.4, 0.44, 1.2, 1.24]
    path = avi(tmp_path, pts_s, codec)
    numbers, times, facts = read(path)
    assert numbers == list(range(6))
    np.testing.assert_allclose(times, pts_s, atol=0.001)
    assert facts.duration_s == pytest.approx(1.28, abs=0.001)


@pytest.mark.parametrize("more", [1, 30, 300])
def test_empty_frames_at_the_end_of_an_avi(tmp_path: Path, more: int) -> None:
    path = avi(tmp_path, [k / 25 for k in range(10)])
    path.write_bytes(with_counted_frames(path.read_bytes(), 10 + more))
    numbers, _, facts = read(path)
    assert numbers == list(range(10))
    assert facts.duration_s == pytest.approx((10 + more) / 25, abs=0.001)


def test_an_avi_without_its_end_is_truncated(tmp_path: Path) -> None:
    path = avi(tmp_path, [k / 25 for k in range(50)])
    data = with_counted_frames(path.read_bytes(), 80)
    path.write_bytes(data[: data.index(b"idx1") - 100])
    with pytest.raises(VideoError) as caught:
        read(path)
    assert caught.value.reason in ("truncated", "corrupt")
