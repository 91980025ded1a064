"""Checks of the drawn videos that other tests use."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.drawing import Image, number_frame, number_video, read_number, write_video


def read_back(path: Path) -> list[tuple[float, Image, int]]:
    with av.open(str(path)) as container:
        return [
            (float(f.pts * f.time_base), f.to_ndarray(format="rgb24").astype(np.uint8), f.rotation)
            for f in container.decode(video=0)
            if f.pts is not None and f.time_base is not None
        ]


@pytest.mark.parametrize("number", [0, 1, 2**15, 12345, 65535])
def test_a_frame_spells_its_number(number: int) -> None:
    assert read_number(number_frame(number, hw=(48, 80))) == number


@pytest.mark.parametrize(
    "name, codec, b_frames",
    [
        ("a.mp4", "libx264", 0),
        ("a.mp4", "libx264", 2),
        ("a.mkv", "libx264", 0),
        ("a.avi", "mpeg4", 0),
        ("a.webm", "libvpx-vp9", 0),
    ],
)
def test_numbers_survive_every_codec(tmp_path: Path, name: str, codec: str, b_frames: int) -> None:
    path = number_video(tmp_path / name, 12, codec=codec, b_frames=b_frames)
    assert [read_number(image) for _, image, _ in read_back(path)] == list(range(12))


def test_times_are_those_asked_for(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.5, 2.0]
    path = write_video(tmp_path / "a.mp4", [number_frame(n) for n in range(4)], pts_s=times)
    assert [t for t, _, _ in read_back(path)] == pytest.approx(times, abs=1e-4)


def test_rate_gives_the_times(tmp_path: Path) -> None:
    path = number_video(tmp_path / "a.mp4", 4, fps=10)
    assert np.allclose([t for t, _, _ in read_back(path)], [0.0, 0.1, 0.2, 0.3], atol=1e-4)


@pytest.mark.parametrize("degrees, seen", [(90, -90), (180, -180), (270, 90)])
def test_rotation_is_in_the_header(tmp_path: Path, degrees: int, seen: int) -> None:
    """FFmpeg reports counter-clockwise degrees."""
    path = number_video(tmp_path / "a.mp4", 2, rotation=degrees)
    assert {rotation for _, _, rotation in read_back(path)} == {seen}
