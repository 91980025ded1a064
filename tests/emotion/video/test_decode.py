"""Sampling by presentation time, on drawn videos whose pixels hold the frame number."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emotion.errors import VideoError
from emotion.video.decode import Frame, Limits, VideoFacts, sample_frames
from tests.helpers.drawing import number_frame, number_video, read_number, write_video


def sampled(path: Path, fps: float, limits: Limits | None = None) -> tuple[list[Frame], VideoFacts]:
    facts = VideoFacts()
    frames = sample_frames(path, sample_fps=fps, limits=limits or Limits(), facts=facts)
    return list(frames), facts


def expected_frames(pts_s: list[float], stop_s: float, fps: float) -> list[tuple[int, int]]:
    """Return (sample k, frame number) by the definition: the frame shown at pts[0] + k / fps."""
    result: list[tuple[int, int]] = []
    k = 0
    while pts_s[0] + k / fps < stop_s - 1e-6:
        shown = max(n for n, pts in enumerate(pts_s) if pts <= pts_s[0] + k / fps + 1e-6)
        if not result or result[-1][1] != shown:
            result.append((k, shown))
        k += 1
    return result


STEADY = [n / 25 for n in range(30)]
VARIABLE = [0.0, 0.04, 0.08, 0.5, 0.54, 1.2, 1.24, 1.28, 1.32, 2.0, 2.04]


@pytest.mark.parametrize(
    "suffix, codec",
    [(".mp4", "libx264"), (".mkv", "libx264"), (".webm", "libvpx-vp9"), (".mov", "libx264")],
)
@pytest.mark.parametrize(
    "pts_s, fps",
    [
        (STEADY, 25.0),
        (STEADY, 8.0),
        (STEADY, 50.0),  # more samples than frames: each frame once
        (VARIABLE, 8.0),
        ([t + 3.0 for t in VARIABLE], 8.0),  # the clock does not start at 0
    ],
    ids=["every frame", "8 fps", "50 fps", "variable", "offset"],
)
def test_the_frame_shown_at_each_sample(
    tmp_path: Path, suffix: str, codec: str, pts_s: list[float], fps: float
) -> None:
    path = number_video(tmp_path / f"v{suffix}", len(pts_s), pts_s=pts_s, codec=codec)
    frames, facts = sampled(path, fps)
    stop_s = pts_s[0] + facts.duration_s
    assert [(f.index, read_number(f.image)) for f in frames] == expected_frames(pts_s, stop_s, fps)
    for frame in frames:
        at = pts_s[read_number(frame.image)] - pts_s[0]
        assert frame.pts_s == pytest.approx(at, abs=0.002)  # Matroska keeps milliseconds
    assert facts.num_decoded == len(pts_s)


@pytest.mark.parametrize(
    "suffix, codec", [(".avi", "mpeg4"), (".mp4", "mpeg4"), (".ts", "libx264")]
)
def test_containers_that_count_frames(tmp_path: Path, suffix: str, codec: str) -> None:
    path = number_video(tmp_path / f"v{suffix}", 25, fps=25, codec=codec)
    frames, facts = sampled(path, 5)
    assert [(f.index, read_number(f.image)) for f in frames] == [(k, 5 * k) for k in range(5)]
    assert facts.duration_s == pytest.approx(1.0, abs=0.05)


def test_b_frames_come_in_order_of_showing(tmp_path: Path) -> None:
    path = number_video(tmp_path / "v.mp4", 40, fps=25, b_frames=3)
    frames, _ = sampled(path, 25)
    assert [read_number(f.image) for f in frames] == list(range(40))


def test_uneven_rates_do_not_drift(tmp_path: Path) -> None:
    """29.97 fps at 10 samples per second over 20 s: sample k is frame floor(k / 10 * 29.97)."""
    path = number_video(tmp_path / "v.mp4", 600, fps=30000 / 1001)
    frames, facts = sampled(path, 10)
    expected = [int(Fraction(k, 10) * Fraction(30000, 1001)) for k in range(201)]
    assert [read_number(f.image) for f in frames] == expected
    assert facts.fps == pytest.approx(29.97, abs=0.01)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, degrees: int) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :48] = (255, 0, 0)  # red at the top left, before the player turns it clockwise
    path = write_video(tmp_path / "v.mp4", [image] * 3, rotation=degrees)
    frames, facts = sampled(path, 25)
    upright = np.rot90(image, -degrees // 90)
    assert frames[0].image.shape == upright.shape
    assert (facts.height, facts.width) == upright.shape[:2]
    np.testing.assert_allclose(frames[0].image.mean((0, 1)), upright.mean((0, 1)), atol=6)
    red, expected = (np.argwhere(i[:, :, 0] > 128).mean(0) for i in (frames[0].image, upright))
    np.testing.assert_allclose(red, expected, atol=1)


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    frames, facts = sampled(number_video(tmp_path / "v.mp4", 1), 8)
    assert [(f.index, f.pts_s) for f in frames] == [(0, 0.0)]
    assert facts.duration_s > 0


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda d: written(d / "v.mp4", b""), "empty_file"),
        (lambda d: written(d / "v.mp4", b"hello, I am text\n" * 99), "not_a_video"),
        (lambda d: written(d / "v.mp4", PLAYLIST), "not_a_video"),
        (lambda d: written(d / "v.mp4", b"ffconcat version 1.0\nfile 'a.mp4'\n"), "not_a_video"),
        (lambda d: audio_only(d / "v.mp4"), "no_video_stream"),
        (lambda d: cut(number_video(d / "v.mp4", 50), 0.6), "truncated"),
        (lambda d: cut(number_video(d / "v.avi", 250, codec="mpeg4"), 0.6), "truncated"),
        (lambda d: cut(number_video(d / "v.mkv", 50), 0.6), "truncated"),
    ],
    ids=["zero bytes", "text", "HLS", "concat", "sound", "cut mp4", "cut avi", "cut mkv"],
)
def test_unusable_videos_say_why(tmp_path: Path, make: object, reason: str) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(VideoError) as caught:
        sampled(path, 8)
    assert caught.value.reason == reason
    assert str(tmp_path) not in caught.value.detail


def test_a_playlist_does_not_open_the_file_it_names(tmp_path: Path) -> None:
    number_video(tmp_path / "secret.ts", 25)
    with pytest.raises(VideoError, match="not_a_video"):
        sampled(written(tmp_path / "v.m3u8", PLAYLIST), 8)


@pytest.mark.parametrize(
    "limits", [Limits(max_bytes=100), Limits(max_pixels=64 * 63), Limits(max_duration_s=1.5)]
)
def test_limits(tmp_path: Path, limits: Limits) -> None:
    path = number_video(tmp_path / "v.mp4", 50)
    with pytest.raises(VideoError, match="too_large"):
        sampled(path, 8, limits)


def test_the_drawing_itself() -> None:
    assert [read_number(number_frame(n)) for n in (0, 1, 599, 65535)] == [0, 1, 599, 65535]
