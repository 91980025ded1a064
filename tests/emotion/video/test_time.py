"""Times of frames, on drawn videos whose pixels hold the frame number, by codec and container.

The expected values come from the times that were written. Pixels are compared with those of PyAV,
which decodes every frame without code of this project.
"""

from __future__ import annotations

import math
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from emotion.video.decode import Frame, Limits, VideoFacts, sample_frames
from emotion.video.packets import Reader
from tests.helpers.drawing import read_number
from tests.helpers.timed import WHOLE, Case, expected, same, sampled

pytestmark = pytest.mark.large


@pytest.mark.parametrize(
    "pts_s, fps, samples",
    [
        ([0.0], 5, [(0, 0)]),
        ([0.0, 0.1, 0.2], 10, [(0, 0), (1, 1), (2, 2)]),
        ([7.0, 7.3, 7.4], 5, [(0, 0), (2, 2)]),
        ([0.0, 0.5], 10, [(0, 0), (5, 1)]),
    ],
    ids=["one frame", "as many", "from 7 s", "a long frame"],
)
def test_what_is_expected(pts_s: list[float], fps: float, samples: list[tuple[int, int]]) -> None:
    assert expected(pts_s, fps) == samples


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_each_sample_is_the_frame_shown_then(tmp_path: Path, case: Case) -> None:
    path = case.draw(tmp_path)
    for fps in (25.0, 5.0):
        facts = VideoFacts()
        frames = list(sample_frames(path, sample_fps=fps, limits=Limits(), facts=facts))
        samples = [(f.index, read_number(f.image)) for f in frames]
        assert samples == expected(case.pts_s, fps)
        for frame, (_, number) in zip(frames, samples, strict=True):
            at = case.pts_s[number] - case.pts_s[0]
            assert frame.pts_s == pytest.approx(at, abs=0.002)  # Matroska keeps milliseconds
            assert frame.hw == frame.image.shape[:2] == case.shown_hw
        assert facts.num_decoded == len(case.pts_s)
        assert (facts.height, facts.width) == case.shown_hw
        length = case.pts_s[-1] - case.pts_s[0]
        assert length < facts.duration_s <= length + 0.09


def decoded_by_pyav(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """Return (seconds from the first frame, pixels as coded) of every frame."""
    with av.open(str(path)) as container:
        frames = [
            (float(f.pts * f.time_base), np.asarray(f.to_ndarray(format="rgb24"), np.uint8))
            for f in container.decode(video=0)
            if f.pts is not None and f.time_base is not None
        ]
    return [(pts_s - frames[0][0], image) for pts_s, image in frames]


def skipping(path: Path, fps: float, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Frame], int]:
    """Return the frames, and the number of packets whose frames were skipped."""
    count = 0
    can_skip = Reader._can_skip

    def counting(self: Reader, packet: av.Packet[VideoStream]) -> bool:
        nonlocal count
        skipped = can_skip(self, packet)
        count += skipped
        return skipped

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "_can_skip", counting)
        return sampled(path, fps), count


@pytest.mark.parametrize(
    "case",
    [
        c
        for c in WHOLE
        if not c.rotation and not c.interlaced and c.suffix != ".avi" and c.pixel_width == 1
    ],
    ids=lambda case: case.name,
)
def test_leaving_out_frames_changes_no_pixel(
    tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = case.draw(tmp_path)
    frames, count = skipping(path, 5.0, monkeypatch)
    whole = decoded_by_pyav(path)
    assert [round(f.pts_s, 6) for f in frames] == [
        round(whole[number][0], 6) for _, number in expected(case.pts_s, 5.0)
    ]
    for frame, (_, number) in zip(frames, expected(case.pts_s, 5.0), strict=True):
        np.testing.assert_array_equal(frame.image, whole[number][1])
    assert count > 0


def test_real_videos_have_no_sample_changed(shared: Path) -> None:
    """Compare real recordings, whole and in parts, with PyAV's pixels."""
    paths = sorted((shared / "data/real").glob("*.m[op][v4]"))
    assert paths
    for path in paths:
        shown = shown_by_pyav(path, fps=5)
        frames = sampled(path, 5)
        assert [(f.index, f.pts_s, zlib.crc32(f.image.tobytes())) for f in frames] == shown, (
            path.name
        )
        cut = frames[-1].index // 2
        assert same(sampled(path, 5, stop=cut) + sampled(path, 5, start=cut), frames), path.name


def shown_by_pyav(path: Path, *, fps: int) -> list[tuple[int, float, int]]:
    """Return (sample, seconds from the first frame, checksum of displayed pixels)."""
    result: list[tuple[int, float, int]] = []
    with av.open(str(path)) as container:
        wide = float(container.streams.video[0].sample_aspect_ratio or 1)
        first: Fraction | None = None
        for frame in container.decode(video=0):
            assert frame.pts is not None and frame.time_base is not None
            at = frame.pts * frame.time_base
            first = at if first is None else first
            k = math.ceil((at - first) * fps)
            if result and result[-1][0] == k:
                result.pop()  # this frame replaces the one before it for this sample
            shown = frame.reformat(width=round(frame.width * wide), format="rgb24", threads=1)
            image = np.rot90(shown.to_ndarray(), round(frame.rotation / 90) % 4)
            result.append((k, float(at - first), zlib.crc32(image.tobytes())))
            stop = at - first + frame.duration * frame.time_base
    return result if Fraction(result[-1][0], fps) < stop else result[:-1]
