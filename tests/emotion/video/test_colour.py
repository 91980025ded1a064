"""Colours: guesses without tags, HDR made into SDR, and codings that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from emotion.errors import VideoError
from emotion.video.colour import Colours, Curve, colours_of, to_sdr


def frame(
    width: int, height: int, *, matrix: int = 2, primaries: int = 2, curve: int = 2
) -> VideoFrame:
    picture = VideoFrame(width, height, "yuv420p")
    picture.colorspace, picture.color_primaries, picture.color_trc = matrix, primaries, curve
    return picture


@pytest.mark.parametrize(
    "picture, expected",
    [
        (frame(640, 480), Colours()),
        (frame(720, 576), Colours()),
        (frame(1280, 720), Colours(Colorspace.ITU709)),
        (frame(1280, 536), Colours(Colorspace.ITU709)),
        (frame(720, 1280), Colours(Colorspace.ITU709)),
        (frame(1920, 1080, matrix=5), Colours()),
        (frame(640, 480, matrix=1, primaries=1, curve=1), Colours()),
        (frame(640, 480, matrix=9, primaries=9, curve=16), Colours(None, "pq")),
        (frame(640, 480, matrix=9, primaries=9, curve=18), Colours(None, "hlg")),
        (frame(640, 480, matrix=9, primaries=9, curve=14), Colours(None, "sdr")),
        (frame(640, 480, matrix=9), Colours(None, "sdr")),
        (frame(640, 480, curve=18), Colours(Colorspace.BT2020, "hlg")),
    ],
)
def test_treatment_by_tags_and_size(picture: VideoFrame, expected: Colours) -> None:
    assert colours_of(picture) == expected


@pytest.mark.parametrize("matrix, name", [(8, "YCgCo"), (10, "constant luminance"), (14, "ICtCp")])
def test_a_coding_without_a_conversion_is_refused(matrix: int, name: str) -> None:
    with pytest.raises(VideoError, match=f"{name}.*cannot be converted") as caught:
        colours_of(frame(64, 64, matrix=matrix))
    assert caught.value.reason == "undecodable"


@pytest.mark.parametrize(
    "curve, coded, expected",
    [
        ("pq", 0.0, 0),
        ("pq", 0.5081, 190),  # 100 nits: (100 / 203) ** (1 / 2.4) of 255
        ("pq", 0.5807, 250),  # 203 nits, white: 0.95 of the light of white after the knee
        ("pq", 1.0, 255),  # 10,000 nits
        ("hlg", 0.0, 0),
        ("hlg", 0.5, 143),  # 50.7 nits: 1000 * (1 / 12) ** 1.2
        ("hlg", 0.75, 250),  # 203 nits, white
        ("sdr", 0.5, 128),
    ],
)
def test_grey_of_hdr(curve: Curve, coded: float, expected: int) -> None:
    pixel = np.full((1, 1, 3), round(coded * 65535), np.uint16)
    np.testing.assert_allclose(to_sdr(pixel, curve)[0, 0], [expected] * 3, atol=1)


TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""From BT.709 to BT.2020, for light (ITU-R BT.2087)."""


def test_bright_light_keeps_its_hue() -> None:
    """Compress light of twice white and half of it: 4 to 1 stays 4 to 1."""
    nits = 203 * (TO_2020 @ np.array([2.0, 0.5, 0.5]))
    y = (nits / 10_000) ** 0.1593017578125
    coded = ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    pixel = np.rint(coded * 65535).astype(np.uint16).reshape(1, 1, 3)
    red, green, blue = (to_sdr(pixel, "pq")[0, 0] / 255.0) ** 2.4
    assert red == pytest.approx(0.9917, abs=0.01)  # 0.9 + 0.1 * 11 / 12
    assert red / green == pytest.approx(4, abs=0.15) and red / blue == pytest.approx(4, abs=0.15)


def test_colours_of_bt2020_are_those_of_bt709() -> None:
    """A colour inside BT.709, by ITU-R BT.2087's inverse matrix, comes back."""
    wanted = np.array([190, 90, 60])
    coded = (TO_2020 @ (wanted / 255) ** 2.4) ** (1 / 2.4)
    pixel = np.rint(coded * 65535).astype(np.uint16).reshape(1, 1, 3)
    np.testing.assert_allclose(to_sdr(pixel, "sdr")[0, 0], wanted, atol=1)
