"""Odd but valid videos give right times, geometry and colours; damaged ones a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotion.video.decode import Limits, VideoFacts, sample_frames
from tests.helpers.odd_videos import (
    GREEN,
    RED,
    OddVideo,
    colour_error,
    draw,
    number_in,
    odd_video,
    patch_box,
    write_odd,
)

pytestmark = pytest.mark.large

HALF_FRAME_S = 0.02
GEOMETRY_PX = 2
COLOUR = 8.0


def check(path: Path, video: OddVideo) -> None:
    """Compare every sample of a file with what was drawn."""
    facts = VideoFacts()
    frames = list(sample_frames(path, sample_fps=50, limits=Limits(), facts=facts))
    pts_s = [t - video.pts_s[0] for t in video.pts_s]
    assert [number_in(f.image) for f in frames] == list(range(len(pts_s)))
    for frame, at_s in zip(frames, pts_s, strict=True):
        assert abs(frame.pts_s - at_s) <= HALF_FRAME_S
        assert abs(frame.index / 50 - at_s) <= HALF_FRAME_S
    for frame, after in zip(frames, frames[1:], strict=False):
        assert frame.index + frame.num_samples == after.index
    assert (facts.height, facts.width) == pytest.approx(video.hw, abs=GEOMETRY_PX)
    assert facts.num_decoded == len(pts_s)
    for frame in frames[:2]:
        for image in (frame.image, frame.thumbnail(max(frame.hw))):
            assert image.shape[:2] == frame.hw == (facts.height, facts.width)
            for colour in (RED, GREEN):
                wanted = patch_box(draw(0, video.hw), colour)
                assert np.abs(np.subtract(patch_box(image, colour), wanted)).max() <= GEOMETRY_PX
            assert colour_error(image) <= COLOUR


def check_numbers(folder: Path, numbers: range) -> None:
    """Write and check the videos with these numbers; name every one that is wrong."""
    wrong = []
    for number in numbers:
        video = odd_video(number)
        path = write_odd(folder / f"{number}{video.suffix}", video)
        try:
            check(path, video)
        except AssertionError as err:
            wrong.append(f"{number} {video}: {err}")
        path.unlink()
    assert not wrong, "\n".join(wrong)


def test_18_odd_videos(tmp_path: Path) -> None:
    """Check two videos of each codec."""
    check_numbers(tmp_path, range(18))


@pytest.mark.slow
def test_120_odd_videos(tmp_path: Path) -> None:
    check_numbers(tmp_path, range(18, 138))
