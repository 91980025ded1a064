"""Aligned crops: the landmarks land on the template's places."""

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.extract.align import crop_face, head_angles, similarity

# YuNet's order: image-left eye, image-right eye, nose, two mouth corners.
UPRIGHT = np.array([[80, 100], [120, 100], [100, 120], [85, 140], [115, 140]], np.float32)


def rotated(points: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray((points - 100) @ turn.T + 100, np.float32)


@pytest.mark.parametrize(
    "degrees, scale, shift",
    [(0, 1, (0, 0)), (90, 1, (0, 0)), (-30, 2.5, (7, -3)), (180, 0.1, (100, 100))],
)
def test_similarity_recovers_a_known_movement(
    degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    source = np.array([[0.0, 0.0], [3.0, 1.0], [-2.0, 5.0], [4.0, 4.0]])
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity(source, source @ turn.T + shift)
    np.testing.assert_allclose(matrix, np.column_stack([turn, shift]), atol=1e-9)


def test_similarity_of_points_in_one_place_only_shifts() -> None:
    points = np.ones((3, 2))
    np.testing.assert_allclose(similarity(points, points + 4), [[1, 0, 4], [0, 1, 4]])


@pytest.mark.parametrize("degrees", [0, 25, -70, 180])
def test_eyes_come_to_the_same_place_however_the_head_is_turned(degrees: float) -> None:
    landmarks = rotated(UPRIGHT, degrees)
    image = np.zeros((200, 200, 3), np.uint8)
    for (x, y), colour in zip(landmarks[:2], ((255, 0, 0), (0, 255, 0)), strict=True):
        image[
            round(float(y)) - 2 : round(float(y)) + 3, round(float(x)) - 2 : round(float(x)) + 3
        ] = colour
    crop = crop_face(image, landmarks, landmarks_by="yunet", crop_px=112)
    for channel, share_x in ((0, 0.31), (1, 0.69)):
        ys, xs = np.nonzero(crop[:, :, channel] > 128)
        assert abs(xs.mean() - share_x * 112) < 1.5
        assert abs(ys.mean() - 0.35 * 112) < 2.5  # eyes and nose fit the template only nearly


def test_a_crop_beyond_the_frame_repeats_the_edge() -> None:
    image = np.full((50, 50, 3), 77, np.uint8)
    crop = crop_face(image, UPRIGHT, landmarks_by="yunet", crop_px=64)
    assert crop.shape == (64, 64, 3)
    assert (crop == 77).all()


@pytest.mark.parametrize("degrees", [-40, 0, 15, 89])
def test_roll_is_the_turn_of_the_eye_line(degrees: float) -> None:
    yaw, roll = head_angles(rotated(UPRIGHT, degrees), "yunet")
    assert roll == pytest.approx(degrees, abs=1e-3)
    assert yaw == pytest.approx(0, abs=1e-3)


def test_yaw_follows_the_nose_aside() -> None:
    landmarks = UPRIGHT.copy()
    landmarks[2, 0] += 24  # 0.6 of the eye distance of 40: 45 degrees by definition
    assert head_angles(landmarks, "yunet")[0] == pytest.approx(45)


def test_eyes_in_one_place_have_no_angles() -> None:
    assert head_angles(np.zeros((5, 2), np.float32), "dlib") == (0.0, 0.0)
