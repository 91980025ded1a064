"""Pixels of one frame: the first of two fields, upright, at full size and small."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.drawing import write_video
from tests.helpers.timed import sampled


@pytest.mark.parametrize("lower_first", [False, True], ids=["upper first", "lower first"])
def test_of_two_fields_the_first_is_shown(tmp_path: Path, lower_first: bool) -> None:
    """Move a white bar between the fields: the picture has one bar, that of the first field."""
    frame = np.full((64, 96, 3), 16, np.uint8)
    first, second = (1, 0) if lower_first else (0, 1)
    frame[first::2, 16:32] = 235
    frame[second::2, 64:80] = 235
    order = {"x264-params": "bff=1" if lower_first else "tff=1"}
    path = write_video(tmp_path / "v.mp4", [frame] * 3, interlaced=True, options=order)
    shown = sampled(path, 25)[0]
    for image in (shown.image, shown.thumbnail(48)):
        columns = image[2:-2].mean((0, 2)) > 126
        scale = image.shape[1] / 96
        assert columns[int(20 * scale)] and not columns[int(72 * scale)]
        assert image[4:-4, int(24 * scale)].std() < 4  # no comb


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("side_px", [48, 1000])
def test_a_thumbnail_is_the_picture_made_small(tmp_path: Path, rotation: int, side_px: int) -> None:
    y, x = np.mgrid[:120, :160]
    image = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    path = write_video(tmp_path / "v.mp4", [image] * 2, rotation=rotation)
    frame = sampled(path, 25)[0]
    small = frame.thumbnail(side_px)
    height, width = (160, 120) if rotation % 180 else (120, 160)
    scale = min(1.0, side_px / 160)
    assert small.shape == (round(height * scale), round(width * scale), 3)
    reference = cv2.resize(
        frame.image, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA
    )
    assert np.abs(small.astype(int) - reference).mean() < 2
