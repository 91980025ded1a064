"""Broken files: each ends in one ``VideoError`` with its reason and place."""

from __future__ import annotations

import struct
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from emotion.errors import VideoError
from emotion.video.decode import Limits, VideoFacts, probe, sample_frames
from tests.helpers.breaking import CODECS, NUM_FRAMES, Outcome, put, read, sound
from tests.helpers.drawing import number_frame, number_video, write_video


@pytest.mark.parametrize("suffix", CODECS)
def test_an_unbroken_video_is_read_to_its_end(tmp_path: Path, suffix: str) -> None:
    outcome = read(put(tmp_path, f"v{suffix}", sound(suffix)))
    assert outcome == Outcome(list(range(NUM_FRAMES)), None)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".ts", ".flv", ".mpg", ".webm"])
def test_a_truncated_video_says_where(tmp_path: Path, suffix: str) -> None:
    data = sound(suffix)
    size = len(data) * 6 // 10
    outcome = read(put(tmp_path, f"v{suffix}", data[:size]))
    assert outcome.reason == "truncated"
    complete = outcome.numbers[:-2]  # the last frames may lack their B-frames
    assert len(complete) > 50 and complete == list(range(len(complete)))
    assert outcome.error is not None
    assert outcome.error.offset_s == pytest.approx((outcome.numbers[-1] + 1) / 25, abs=0.01)
    assert outcome.error.offset_bytes is not None
    assert size * 0.9 < outcome.error.offset_bytes < size


def test_an_mp4_without_its_index_has_no_frame(tmp_path: Path) -> None:
    data = sound(".mp4")
    outcome = read(put(tmp_path, "v.mp4", data[: len(data) * 6 // 10]))
    assert (outcome.numbers, outcome.reason) == ([], "truncated")
    assert "moov" in str(outcome.error)


@pytest.mark.parametrize("flags", ["faststart", "frag_keyframe+empty_moov"])
def test_an_mp4_with_its_index_first_keeps_its_beginning(tmp_path: Path, flags: str) -> None:
    source, path = put(tmp_path, "v.mp4", sound(".mp4")), tmp_path / "f.mp4"
    with av.open(str(source)) as old, av.open(str(path), "w", options={"movflags": flags}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    data = path.read_bytes()
    outcome = read(put(tmp_path, "cut.mp4", data[: len(data) * 6 // 10]))
    assert outcome.reason == "truncated"
    assert outcome.numbers == list(range(len(outcome.numbers)))
    assert 50 < len(outcome.numbers) <= 60


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".ts", ".mpg"])
def test_damage_in_the_middle_ends_the_video_there(tmp_path: Path, suffix: str) -> None:
    """Replace two frames' bytes at half of the file, near frame 50; no later frame is shown."""
    data = bytearray(sound(suffix))
    middle = len(data) // 2
    data[middle : middle + 10_000] = np.random.default_rng(0).bytes(10_000)
    outcome = read(put(tmp_path, f"v{suffix}", data))
    assert outcome.reason == "corrupt"
    assert outcome.numbers == list(range(len(outcome.numbers)))
    assert 45 <= len(outcome.numbers) <= 53
    assert outcome.error is not None
    assert outcome.error.offset_s == pytest.approx(len(outcome.numbers) / 25, abs=0.01)
    assert outcome.error.offset_bytes is not None
    assert middle - 20_000 < outcome.error.offset_bytes <= middle


@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
def test_what_a_container_skips_itself_is_a_gap(tmp_path: Path, suffix: str) -> None:
    """Check that frames are missing: FFmpeg skips damaged packets without an error."""
    data = bytearray(sound(suffix))
    middle = len(data) // 2
    data[middle : middle + 10_000] = np.random.default_rng(0).bytes(10_000)
    outcome = read(put(tmp_path, f"v{suffix}", data))
    assert outcome.reason == "none"
    assert outcome.numbers[:46] == list(range(46))
    assert outcome.numbers[-36:] == list(range(64, NUM_FRAMES))
    assert 80 < len(outcome.numbers) < NUM_FRAMES


def test_a_recording_may_begin_anywhere(tmp_path: Path) -> None:
    """Cut off the first half second: the frames from the next keyframe on come without an error."""
    data = sound(".ts")
    start = len(data) // 8 // 188 * 188
    tables = data[: 188 * 3]  # stations repeat them several times a second
    outcome = read(put(tmp_path, "v.ts", tables + data[start:]))
    assert outcome.reason == "none"
    assert outcome.numbers == list(range(26, NUM_FRAMES))  # the encoder's second keyframe


@pytest.mark.parametrize("seconds, reason", [(40, "truncated"), (1, "none")])
def test_a_header_that_lies_about_the_duration(tmp_path: Path, seconds: int, reason: str) -> None:
    """Change the duration: too long looks like a lost end, too short loses no frame."""
    data = bytearray(number_video(tmp_path / "v.mkv", 50).read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # Duration, a double of 8 bytes, milliseconds
    assert struct.unpack(">d", data[at : at + 8]) == (2000.0,)
    data[at : at + 8] = struct.pack(">d", seconds * 1000.0)
    outcome = read(put(tmp_path, "v.mkv", data))
    assert (outcome.reason, outcome.numbers) == (reason, list(range(50)))


def no_frames(path: Path) -> Path:
    with av.open(str(path), "w", options={"movflags": "empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    return path


def huge(path: Path) -> Path:
    """Write a JPEG with 16000 x 16000 in its own header and in the container's."""
    data = bytearray(number_video(path, 3, codec="mjpeg", pix_fmt="yuvj420p").read_bytes())
    size = (16_000).to_bytes(2, "big") * 2
    at = -1
    while (at := data.find(b"\xff\xc0\x00\x11\x08", at + 1)) >= 0:
        data[at + 5 : at + 9] = size
    at = data.index(b"jpeg", data.index(b"stsd")) + 28
    data[at : at + 4] = size
    path.write_bytes(data)
    return path


def many_streams(path: Path, count: int) -> Path:
    """Write an mp4 that repeats its only track ``count`` times."""
    data = number_video(path, 3).read_bytes()
    moov, track = data.index(b"moov") - 4, data.index(b"trak") - 4
    moov_size, size = (int.from_bytes(data[k : k + 4], "big") for k in (moov, track))
    head = (moov_size + size * (count - 1)).to_bytes(4, "big") + data[moov + 4 : track]
    tracks = data[track : track + size] * count
    return put(path.parent, path.name, data[:moov] + head + tracks + data[track + size :])


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    return path


@pytest.mark.parametrize(
    "make, limits, reason",
    [
        (lambda d: put(d, "v.mp4", ""), Limits(), "empty_file"),
        (lambda d: put(d, "v.mp4", "hello, I am text\n" * 99), Limits(), "not_a_video"),
        (lambda d: zipped(d / "v.mp4"), Limits(), "not_a_video"),
        (lambda d: put(d, "v.mkv", bytes(100_000)), Limits(), "not_a_video"),
        (lambda d: no_frames(d / "v.mp4"), Limits(), "undecodable"),
        (lambda d: no_frames(d / "v.mkv"), Limits(), "not_a_video"),
        (lambda d: huge(d / "v.mov"), Limits(), "undecodable"),
        (lambda d: number_video(d / "v.mp4", 3), Limits(max_pixels=64 * 63), "too_large"),
        (lambda d: number_video(d / "v.mp4", 3), Limits(max_bytes=99), "too_large"),
        (lambda d: number_video(d / "v.mp4", 50), Limits(max_duration_s=1.9), "too_large"),
        (lambda d: many_streams(d / "v.mp4", 9), Limits(max_streams=8), "too_large"),
        (lambda d: many_streams(d / "v.mp4", 300), Limits(), "too_large"),
        (lambda d: many_streams(d / "v.mp4", 3000), Limits(), "too_large"),
        (lambda d: number_video(d / "v.mp4", 3), Limits(max_wall_s=0), "timeout"),
    ],
    ids=[
        "nothing", "text", "zip", "zeros", "mp4 without frames", "mkv without frames", "huge",
        "pixels", "bytes", "seconds", "9 streams", "300 streams", "3000 streams", "wall time",
    ],
)  # fmt: skip
def test_unusable_files_say_why(
    tmp_path: Path, make: Callable[[Path], Path], limits: Limits, reason: str
) -> None:
    outcome = read(make(tmp_path), limits)
    assert outcome.reason == reason
    assert str(tmp_path) not in str(outcome.error)


def test_streams_up_to_the_limit_are_read(tmp_path: Path) -> None:
    assert read(many_streams(tmp_path / "v.mp4", 8), Limits(max_streams=8)).numbers == [0, 1, 2]


def test_the_time_spent_between_frames_counts(tmp_path: Path) -> None:
    path = number_video(tmp_path / "v.mp4", 200)
    limits = Limits(max_wall_s=0.3)
    wait = threading.Event()
    with pytest.raises(VideoError, match="timeout"):
        for _ in sample_frames(path, sample_fps=25, limits=limits, facts=VideoFacts()):
            wait.wait(0.1)


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda d: put(d, "v.mp4", ""), "empty_file"),
        (lambda d: put(d, "v.mp4", "text " * 99), "not_a_video"),
        (lambda d: number_video(d / "v.mp4", 50), "too_large"),
    ],
)
@pytest.mark.parametrize("as_file", [False, True], ids=["path", "file"])
def test_a_probe_refuses_what_reading_does(
    tmp_path: Path, make: Callable[[Path], Path], reason: str, as_file: bool
) -> None:
    path = make(tmp_path)
    with path.open("rb") as file, pytest.raises(VideoError, match=reason):
        probe(file if as_file else path, Limits(max_duration_s=1.9))


@pytest.mark.parametrize("as_file", [False, True], ids=["path", "file"])
def test_a_probe_tells_what_the_header_says(tmp_path: Path, as_file: bool) -> None:
    path = write_video(tmp_path / "v.mp4", [number_frame(n, hw=(48, 64)) for n in range(50)])
    with path.open("rb") as file:
        result = probe(file if as_file else path, Limits())
    assert result.duration_s == pytest.approx(2.0)
    assert result.num_frames == 50
    assert (result.width, result.height, result.codec) == (64, 48, "h264")
    assert result.seekable
