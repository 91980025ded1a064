"""Landmarks by dlib in YuNet's box: place of the patch, agreement with dlib, hard faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import weights
from emotion.errors import InputError
from emotion.extract.detect import Faces, load_detector, spec_for
from emotion.extract.landmarks import (
    FACE_PX,
    MARGIN,
    LandmarkPredictor,
    face_patch,
    is_hard,
    load_landmarks,
)
from emotion.extract.spec import ExtractionSpec

Image = NDArray[np.uint8]
PLAIN = np.array([[70, 70], [130, 70], [100, 95], [80, 120], [120, 120]], np.float32)
"""YuNet's landmarks of a frontal face in the box (50, 30, 150, 150)."""


@pytest.fixture(scope="module")
def predict() -> LandmarkPredictor:
    return LandmarkPredictor()


def picture(shared: Path, name: str) -> Image:
    data = cv2.imread(str(shared / "data/real" / name))
    assert data is not None
    return np.asarray(cv2.cvtColor(data, cv2.COLOR_BGR2RGB), np.uint8)


def first_face(image: Image, shared: Path) -> Faces:
    model = (shared / "models" / weights.YUNET.name).read_bytes()
    return load_detector(spec_for("yunet"), model)(image)


@pytest.mark.parametrize(
    "height",
    [40, 90, 183, 250, 700],
    ids=["enlarged a lot", "enlarged", "a little", "almost equal", "shrunk"],
)
def test_the_patch_shows_the_place_that_it_says(height: int) -> None:
    """A ramp holds each pixel's own x, so the patch must hold the x of its pixels."""
    x = np.arange(1000, dtype=np.float64)
    ramp = np.asarray(np.tile(np.round(x / 4)[None, :, None], (900, 1, 3)), np.uint8)
    box = np.array([300.3, 100.0, 300.3 + 0.8 * height, 100.0 + height], np.float32)
    patch, scale, origin = face_patch(ramp, box)
    assert patch.shape == (FACE_PX + 2 * round(MARGIN * FACE_PX),) * 2
    column = (np.arange(len(patch)) + 0.5) / scale + origin[0] - 0.5
    assert np.abs(4.0 * patch[len(patch) // 2] - column).max() <= 3  # a step of the ramp is 4 px
    assert abs((4.0 * patch[len(patch) // 2] - column).mean()) < 0.35


def test_the_square_in_the_patch_is_the_share_of_the_box(predict: LandmarkPredictor) -> None:
    """Side 0.786 of the height; centre 0.007 of the width and 0.074 of the height off the box's."""
    _, scale, origin = face_patch(
        np.zeros((300, 300, 3), np.uint8), np.array([50, 30, 150, 150], np.float32)
    )
    assert FACE_PX / scale == pytest.approx(0.786 * 120, abs=0.5)
    middle = np.array(origin) + (FACE_PX / 2 + round(MARGIN * FACE_PX)) / scale
    assert middle == pytest.approx([100 + 0.7, 90 + 0.074 * 120], abs=0.5)


def test_pixels_outside_the_frame_repeat_its_edge() -> None:
    image = np.full((60, 60, 3), 200, np.uint8)
    image[:, :2] = 40
    patch, _, _ = face_patch(image, np.array([0, 0, 30, 40], np.float32))
    assert set(np.unique(patch[:, 0])) == {40}


def test_points_are_those_of_dlib_on_the_same_square(
    shared: Path, predict: LandmarkPredictor
) -> None:
    """dlib in the full grey frame, with the square at whole pixels, is right to a pixel or two."""
    image = picture(shared, "single_face.jpg")
    faces = first_face(image, shared)
    points, by = predict(image, faces.boxes[0], faces.landmarks[0])
    assert by == "dlib"
    x0, y0, x1, y1 = (float(v) for v in faces.boxes[0])
    side = 0.786 * (y1 - y0)
    left = (x0 + x1) / 2 + 0.007 * (x1 - x0) - side / 2
    top = (y0 + y1) / 2 + 0.074 * (y1 - y0) - side / 2
    square = dlib.rectangle(*(round(v) for v in (left, top, left + side, top + side)))
    shape = dlib.shape_predictor(str(weights.find_dlib_landmarks()))(
        np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)), square
    )
    own = np.array([(p.x, p.y) for p in shape.parts()])
    apart = np.hypot(*(own[:2].mean(0) - own[2:4].mean(0)))
    assert np.abs(points - own).max() < 0.05 * apart


def test_a_shift_of_the_frame_shifts_the_points(shared: Path, predict: LandmarkPredictor) -> None:
    image = picture(shared, "single_face.jpg")
    faces = first_face(image, shared)
    points, _ = predict(image, faces.boxes[0], faces.landmarks[0])
    moved = np.roll(image, (3, 5), axis=(0, 1))
    shift = np.array([5, 3], np.float32)
    again, _ = predict(moved, faces.boxes[0] + np.tile(shift, 2), faces.landmarks[0] + shift)
    apart = np.hypot(*(points[:2].mean(0) - points[2:4].mean(0)))
    assert np.abs(again - shift - points).max() < 0.01 * apart


@pytest.mark.parametrize(
    "box, turned_px, expected",
    [
        ((50, 30, 150, 150), 0, False),
        ((0, 30, 90, 150), 0, False),
        ((0, 30, 60, 150), 0, True),
        ((240, 30, 300, 150), 0, True),
        ((50, 0, 150, 105), 0, True),
        ((50, 95, 150, 200), 0, True),
        ((50, 30, 68, 55), 0, True),
        ((50, 30, 150, 150), 35, True),
    ],
    ids=["plain", "touches", "cut left", "cut right", "cut above", "cut below", "small", "turned"],
)
def test_hard_faces(box: tuple[float, ...], turned_px: float, expected: bool) -> None:
    landmarks = PLAIN.copy()
    landmarks[2, 0] += turned_px  # yaw 44 degrees: atan(35 / (0.6 * 60))
    assert is_hard(np.array(box, np.float32), landmarks, frame_hw=(200, 300)) is expected


def test_hard_faces_and_disagreement_keep_the_landmarks_of_yunet(
    shared: Path, predict: LandmarkPredictor
) -> None:
    image = picture(shared, "single_face.jpg")
    faces = first_face(image, shared)
    box, own = faces.boxes[0], faces.landmarks[0]
    away = own + 0.9 * np.hypot(*(own[1] - own[0]))
    points, by = predict(image, box, away)
    assert (by, points.tolist()) == ("yunet", away.tolist())
    cut = image[:, : int((box[0] + box[2]) / 2)]
    points, by = predict(cut, np.minimum(box, np.float32(cut.shape[1])), own)
    assert (by, points.tolist()) == ("yunet", own.tolist())


def test_a_spec_with_other_landmark_weights_is_refused() -> None:
    with pytest.raises(InputError, match="wants landmark weights 000000000000"):
        load_landmarks(spec_for("yunet", landmarks_sha256="0" * 64))


@pytest.mark.parametrize(
    "spec", [spec_for("dlib"), spec_for("yunet", landmarks="yunet")], ids=["dlib", "yunet"]
)
def test_the_own_landmarks_of_a_detector_need_no_predictor(spec: ExtractionSpec) -> None:
    assert load_landmarks(spec) is None
