"""Display geometry: turns and mirrors, pixel aspects, pictures of another size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emotion.video.decode import Limits, VideoFacts, sample_frames
from emotion.video.geometry import Fit, Turn, display_width, fitted, turn_by, upright
from tests.helpers.drawing import number_frame, read_number, write_video
from tests.helpers.odd_videos import TURNS, OddVideo, coded, draw

ARROW = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None].repeat(3, 2)
SHOWN = {  # by hand: ARROW after each turn
    "upright": [[1, 2, 3], [4, 5, 6]],
    "right": [[4, 1], [5, 2], [6, 3]],
    "half": [[6, 5, 4], [3, 2, 1]],
    "left": [[3, 6], [2, 5], [1, 4]],
    "mirrored": [[3, 2, 1], [6, 5, 4]],
    "upside down, mirrored": [[4, 5, 6], [1, 2, 3]],
    "transposed": [[1, 4], [2, 5], [3, 6]],
    "transversed": [[6, 3], [5, 2], [4, 1]],
}


@pytest.mark.parametrize("name", TURNS)
def test_each_turn(name: str) -> None:
    image = upright(ARROW, turn_by(*TURNS[name]))
    assert image[..., 0].tolist() == SHOWN[name]
    assert image.flags.c_contiguous


@pytest.mark.parametrize("name", TURNS)
def test_the_odd_videos_store_the_inverse(name: str) -> None:
    video = OddVideo(".mp4", "libx264", (96, 160), turn=name)
    drawn = draw(5, video.hw)
    stored = coded(drawn, video)
    assert stored.shape[:2] == video.coded_hw
    np.testing.assert_array_equal(upright(stored, turn_by(*TURNS[name])), drawn)


@pytest.mark.parametrize(
    "matrix, turn",
    [
        ((0, 0, 0, 0), Turn()),
        ((1, 0, 2, 0), Turn()),  # not invertible
        ((0.9, 0.2, -0.2, 0.9), Turn()),  # 13 degrees
        ((0.2, 0.9, -0.9, 0.2), Turn(False, 3)),
    ],
)
def test_odd_matrices(matrix: tuple[float, float, float, float], turn: Turn) -> None:
    assert turn_by(*matrix) == turn


@pytest.mark.parametrize(
    "width, aspect, shown",
    [
        (640, Fraction(1), 640),
        (1440, Fraction(4, 3), 1920),
        (720, Fraction(64, 45), 1024),
        (960, Fraction(2), 1920),
        (720, Fraction(8, 9), 640),
        (854, Fraction(1280, 1281), 854),  # rounded by the encoder
    ],
)
def test_display_width(width: int, aspect: Fraction, shown: int) -> None:
    assert display_width(width, aspect) == shown


@pytest.mark.parametrize(
    "hw, frame_hw, box, expected",
    [
        ((100, 200), (100, 200), [10, 20, 30, 40], [10, 20, 30, 40]),
        ((200, 400), (100, 200), [20, 40, 60, 80], [10, 20, 30, 40]),
        ((100, 100), (100, 200), [0, 0, 100, 100], [50, 0, 150, 100]),
        ((200, 100), (100, 200), [0, 0, 100, 200], [75, 0, 125, 100]),
    ],
    ids=["equal", "larger", "square in wide", "tall in wide"],
)
def test_a_box_of_a_picture_of_another_size(
    hw: tuple[int, int], frame_hw: tuple[int, int], box: list[float], expected: list[float]
) -> None:
    points = np.array(box, np.float32).reshape(2, 2)
    assert Fit.of(hw, frame_hw).to_frame(points).ravel().tolist() == expected
    white = fitted(np.full((*hw, 3), 255, np.uint8), frame_hw)
    rows, columns = np.nonzero(white[..., 0].any(1))[0], np.nonzero(white[..., 0].any(0))[0]
    whole = Fit.of(hw, frame_hw).to_frame(np.array([[0, 0], hw[::-1]], np.float32)).ravel()
    assert [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] == pytest.approx(whole, abs=1)


@pytest.mark.large
@pytest.mark.parametrize(
    "sizes", [((64, 96), (128, 192)), ((128, 96), (64, 64)), ((64, 64), (64, 96))]
)
def test_a_video_that_changes_its_size(tmp_path: Path, sizes: tuple[tuple[int, int], ...]) -> None:
    """Join two recordings: the facts are the first one's, each frame has its own size and place."""
    parts = []
    for number, hw in enumerate(sizes):
        images = [number_frame(10 * number + k, hw=hw) for k in range(10)]
        parts.append(write_video(tmp_path / f"{number}.ts", images).read_bytes())
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts))
    facts = VideoFacts()
    frames = list(sample_frames(path, sample_fps=25, limits=Limits(), facts=facts))
    assert [read_number(f.image) for f in frames] == list(range(20))
    assert [f.hw for f in frames] == [sizes[0]] * 10 + [sizes[1]] * 10
    assert (facts.height, facts.width) == sizes[0]
    assert [f.fit for f in frames] == [Fit()] * 10 + [Fit.of(sizes[1], sizes[0])] * 10
    assert [round(25 * f.pts_s) for f in frames] == list(range(20))
