"""Aligned crops: square, upright pictures of a face, placed by its landmarks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.extract.spec import LandmarksName

# Positions (x, y) of the landmarks in the crop, as shares of its side. The crop is wider than with
# ArcFace's template, so that brows and chin are inside. Only eyes and nose are used: the mouth
# corners move with the expression, and an alignment on them would remove a part of it.
_TEMPLATES: dict[LandmarksName, NDArray[np.float64]] = {
    "yunet": np.array([[0.31, 0.35], [0.69, 0.35], [0.50, 0.565]]),
    "dlib": np.array([[0.785, 0.35], [0.595, 0.35], [0.215, 0.35], [0.405, 0.35], [0.50, 0.625]]),
}


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation, scale and shift that map ``source`` to ``target``, by least squares.

    Args:
        source: (N, 2) points, N >= 2.
        target: (N, 2) points.

    Returns:
        (2, 3) float64 matrix for cv2.warpAffine (Umeyama 1991). If all points of ``source`` are
        equal, there is no rotation and the scale is 1.

    >>> similarity(np.array([[0., 0.], [1., 0.]]), np.array([[2., 3.], [2., 5.]])).round(6)
    array([[ 0., -2.,  2.],
           [ 2.,  0.,  3.]])
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    spread = float((a * a).sum())
    # In two dimensions the optimal similarity is one complex number: sum(conj(a) b) / sum(|a|^2).
    real = float((a * b).sum()) / spread if spread > 0 else 1.0
    imag = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread if spread > 0 else 0.0
    turn = np.array([[real, -imag], [imag, real]])
    return np.column_stack([turn, target_mean - turn @ source_mean])


def crop_face(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    *,
    landmarks_by: LandmarksName,
    crop_px: int,
) -> NDArray[np.uint8]:
    """Crop one face, upright and scaled by its eyes and nose.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) float32 pixels, in the order of ``landmarks_by``; see ``detect.Faces``.
        landmarks_by: the method that gave the landmarks.
        crop_px: side of the crop.

    Returns:
        (crop_px, crop_px, 3) uint8 RGB. Pixels outside the frame repeat the frame's edge.
    """
    template = _TEMPLATES[landmarks_by]
    points = landmarks[: len(template)].astype(np.float64)
    matrix = similarity(points, template * crop_px)
    warped = cv2.warpAffine(
        image, matrix, (crop_px, crop_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def eyes_and_nose(
    landmarks: NDArray[np.float32], landmarks_by: LandmarksName
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return three points in pixels, (2,) each: eye centres and nose.

    The first eye is the one on the left side of the image.
    """
    points = landmarks.astype(np.float64)
    if landmarks_by == "yunet":
        return points[0], points[1], points[2]
    return points[2:4].mean(0), points[0:2].mean(0), points[4]


def head_angles(landmarks: NDArray[np.float32], landmarks_by: LandmarksName) -> tuple[float, float]:
    """Return an estimate of (yaw, roll) in degrees, from eyes and nose.

    Roll is the slope of the line through the eyes, positive clockwise in the image. Yaw is positive
    if the nose points to the image's right; the estimate assumes that the nose is 0.6 eye distances
    in front of the eyes. Both are 0 if the eyes are at one point.
    """
    left, right, nose = eyes_and_nose(landmarks, landmarks_by)
    axis = right - left
    distance = float(np.hypot(*axis))
    if distance < 1e-6:
        return 0.0, 0.0
    roll = float(np.degrees(np.arctan2(axis[1], axis[0])))
    aside = float((nose - (left + right) / 2) @ axis) / distance
    yaw = float(np.degrees(np.arctan2(aside, 0.6 * distance)))
    return yaw, roll
