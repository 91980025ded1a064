"""Small faces: sizes of the detector's picture, and faces that are found at two sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.extract.detect import Faces, detect_sides, join_faces, load_detector, spec_for
from emotion.extract.spec import DetectorName
from emotion.weights import YUNET

pytestmark = pytest.mark.large

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def model(shared: Path) -> bytes:
    return (shared / "models" / YUNET.name).read_bytes()


@pytest.fixture(scope="module")
def face(shared: Path) -> Image:
    """The first picture of a real clip: 640 x 360, with a face 212 pixels high."""
    with av.open(str(shared / "data/real/single_face.mp4")) as container:
        frame = next(container.decode(video=0))
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def some_faces(*boxes: tuple[float, float, float, float], score: float = 0.8) -> Faces:
    count = len(boxes)
    landmarks = np.zeros((count, 5, 2), np.float32) + np.arange(count)[:, None, None]
    scores = np.full(count, score, np.float32) - 0.01 * np.arange(count, dtype=np.float32)
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), scores, landmarks.astype(np.float32))


LARGE, SMALL, INSIDE, HALF = (0, 0, 100, 100), (200, 0, 220, 20), (40, 40, 60, 60), (90, 0, 110, 20)


@pytest.mark.parametrize(
    "first, second, kept",
    [
        ((), (), []),
        ((LARGE,), (), [LARGE]),
        ((), (SMALL,), [SMALL]),
        ((LARGE,), (SMALL,), [SMALL, LARGE]),
        ((LARGE,), ((2, 2, 98, 98),), [LARGE]),  # the same face, seen again
        ((LARGE,), (INSIDE,), [LARGE]),  # a mouth or a print on it
        ((LARGE,), ((60, 0, 160, 100),), [(60, 0, 160, 100), LARGE]),  # 40% in common
        ((LARGE,), (HALF, SMALL), [SMALL, LARGE]),  # half of the smaller one
    ],
    ids=["none", "large only", "small only", "both", "again", "inside", "beside", "half"],
)
def test_faces_of_two_sizes_are_joined(
    first: tuple[tuple[float, float, float, float], ...],
    second: tuple[tuple[float, float, float, float], ...],
    kept: list[tuple[float, float, float, float]],
) -> None:
    joined = join_faces([some_faces(*first, score=0.8), some_faces(*second, score=0.9)])
    assert [tuple(map(float, box)) for box in joined.boxes] == kept
    assert (np.diff(joined.scores) <= 0).all()


@pytest.mark.parametrize(
    "name, side_px, hw, sides",
    [
        ("yunet", "auto", (144, 176), (320,)),
        ("yunet", "auto", (720, 1280), (320,)),
        ("yunet", "auto", (1280, 720), (320,)),
        ("yunet", "auto", (1080, 1920), (320, 640)),
        ("yunet", "auto", (1440, 2560), (320, 640)),
        ("yunet", "auto", (2160, 3840), (320, 1280)),
        ("yunet", 480, (2160, 3840), (480,)),
        ("dlib", "auto", (720, 1280), (640,)),
        ("dlib", "auto", (1080, 1920), (640, 2560)),
    ],
)
def test_sides_by_the_size_of_the_frame(
    name: DetectorName, side_px: int | Literal["auto"], hw: tuple[int, int], sides: tuple[int, ...]
) -> None:
    assert detect_sides(name, side_px, hw) == sides


def in_a_wide_shot(face: Image, hw: tuple[int, int], height_px: int) -> Image:
    """Return a grey frame with a picture of a face (212 of 360 pixels high), shrunk, in it."""
    scale = height_px / 212
    size = (round(face.shape[1] * scale), round(face.shape[0] * scale))
    small = cv2.resize(face, size, interpolation=cv2.INTER_AREA)
    frame = np.full((*hw, 3), 128, np.uint8)
    top, left = hw[0] // 3, hw[1] // 2
    frame[top : top + size[1], left : left + size[0]] = small
    return frame


@pytest.mark.parametrize(
    "name, hw, height_px, fixed_px",
    [
        ("yunet", (1080, 1920), 60, 320),
        ("yunet", (2160, 3840), 80, 320),
        ("yunet", (1920, 1080), 60, 320),
        ("dlib", (1080, 1920), 90, 640),
    ],
)
def test_small_faces_are_found_with_auto(
    face: Image,
    model: bytes,
    name: DetectorName,
    hw: tuple[int, int],
    height_px: int,
    fixed_px: int,
) -> None:
    frame = in_a_wide_shot(face, hw, height_px)
    assert len(load_detector(spec_for(name), model)(frame)) == 1
    assert len(load_detector(spec_for(name, detect_side_px=fixed_px), model)(frame)) == 0


def test_large_faces_are_as_before(face: Image, model: bytes) -> None:
    """A face that fills a 4K frame: the small picture finds it, and its box stays the same."""
    frame = np.asarray(cv2.resize(face, (3840, 2160)), np.uint8)
    fixed = load_detector(spec_for("yunet", detect_side_px=320), model)(frame)
    auto = load_detector(spec_for("yunet"), model)(frame)
    np.testing.assert_array_equal(auto.boxes, fixed.boxes)
    np.testing.assert_array_equal(auto.landmarks, fixed.landmarks)
