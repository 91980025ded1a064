"""Five landmarks of a face by dlib's predictor, on a small grey patch around the detected box.

YuNet's own landmarks move more from frame to frame, and on some faces its eyes lie too high, so
that the crop is too small (docs/measured.md). dlib's predictor (Kazemi and Sullivan, "One
Millisecond Face Alignment with an Ensemble of Regression Trees", 2014) needs only the box.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from emotion import weights
from emotion.extract.align import eyes_and_nose, head_angles
from emotion.extract.spec import ExtractionSpec, LandmarksName, check_known

FACE_PX = 512
"""Side of the predictor's square in the patch, pixels: every face is brought to this size.

dlib gives whole pixels of the patch, so a small patch makes the points jump.
"""
MARGIN = 0.1
"""Width of the patch's edge around the square, as a share of the square's side."""
MIN_FACE_PX = 24.0
"""Faces with a smaller box (square root of its area, pixels) keep the detector's landmarks."""
MAX_YAW_DEG = 40.0
"""Faces that are turned further, by the detector's landmarks, keep the detector's landmarks."""
WHOLE_ASPECT = (0.6, 0.9)
"""Width by height of the box of a whole face; YuNet's boxes of frontal faces have 0.7 to 0.8."""
MAX_DISTANCE = 0.8
"""Largest distance between an eye by dlib and by YuNet, in YuNet's distances between the eyes.

If they are farther apart, dlib's points are on something else, and the detector's are kept. On
blurred faces of 50 pixels both often differ by 0.2 to 0.5, and dlib's are the steadier ones.
"""

# From YuNet's box to the square of dlib's detector on the same face: shift of the centre as shares
# of width and height, and the side as a share of the height. Means over 491 frames with both.
_SHIFT_X, _SHIFT_Y, _SIDE = 0.007, 0.074, 0.786
_START = round(FACE_PX * MARGIN)
_PATCH_PX = FACE_PX + 2 * _START


class LandmarkPredictor:
    """dlib's five-point predictor; make one per worker.

    Raises:
        InputError: if the weights are missing or not the known file.
    """

    def __init__(self) -> None:
        self._predict = dlib.shape_predictor(str(weights.find_dlib_landmarks()))
        self._square = dlib.rectangle(_START, _START, _START + FACE_PX, _START + FACE_PX)

    def __call__(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], landmarks: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], LandmarksName]:
        """Return the landmarks of one face, and the name of the method that gave them.

        Args:
            image: (H, W, 3) uint8 RGB.
            box: (4,) float32, xyxy pixels, from YuNet.
            landmarks: (5, 2) float32 pixels, from YuNet.

        Returns:
            (5, 2) float32 pixels, and ``dlib``; or ``landmarks`` and ``yunet`` if the face is
            small, turned or cut by the frame's edge, or if both methods disagree.
        """
        if is_hard(box, landmarks, frame_hw=(image.shape[0], image.shape[1])):
            return landmarks, "yunet"
        points = self._points(image, box)
        return (points, "dlib") if _agree(points, landmarks) else (landmarks, "yunet")

    def _points(self, image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float32]:
        patch, scale, origin = face_patch(image, box)
        shape: Any = self._predict(patch, self._square)
        inside = np.array([(p.x, p.y) for p in shape.parts()], np.float64)
        return np.asarray((inside + 0.5) / scale + origin - 0.5, np.float32)


def load_landmarks(spec: ExtractionSpec) -> LandmarkPredictor | None:
    """Return the predictor that a spec names; None if the detector's landmarks are used.

    Raises:
        InputError: if the spec names other weights than this release has, or weights are missing.
    """
    if spec.landmarks == spec.detector:
        return None
    check_known("landmark", spec.landmarks_sha256, weights.DLIB_LANDMARKS)
    return LandmarkPredictor()


def is_hard(
    box: NDArray[np.float32], landmarks: NDArray[np.float32], *, frame_hw: tuple[int, int]
) -> bool:
    """Return True for a face on which dlib's predictor fails: small, turned, or cut by the edge.

    A face counts as cut if its box touches the frame's edge and its shape is not that of a whole
    face, see ``WHOLE_ASPECT``.

    Args:
        box: (4,) xyxy pixels inside the frame.
        landmarks: (5, 2) pixels, from YuNet.
        frame_hw: height and width of the frame.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    height, width = frame_hw
    touches = x0 <= 0 or y0 <= 0 or x1 >= width or y1 >= height
    low, high = WHOLE_ASPECT
    is_cut = touches and not low <= (x1 - x0) / (y1 - y0) <= high
    is_small = math.sqrt((x1 - x0) * (y1 - y0)) < MIN_FACE_PX
    return is_cut or is_small or abs(head_angles(landmarks, "yunet")[0]) > MAX_YAW_DEG


def face_patch(
    image: NDArray[np.uint8], box: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], float, tuple[int, int]]:
    """Return a grey patch in which the predictor's square has ``FACE_PX`` pixels.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (4,) xyxy pixels, from YuNet.

    Returns:
        The patch, (P, P) uint8; its scale, in pixels of the patch per pixel of the image; and its
        upper left pixel (x, y) in the image. Pixels outside the image repeat its edge.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    side = max(1, round(_SIDE * (y1 - y0) * _PATCH_PX / FACE_PX))
    left = round((x0 + x1) / 2 + _SHIFT_X * (x1 - x0) - side / 2)
    top = round((y0 + y1) / 2 + _SHIFT_Y * (y1 - y0) - side / 2)
    height, width = image.shape[:2]
    part = image[max(0, top) : top + side, max(0, left) : left + side]
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    over = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    if any(over):
        grey = cv2.copyMakeBorder(grey, *over, cv2.BORDER_REPLICATE)
    interpolation = cv2.INTER_AREA if side > _PATCH_PX else cv2.INTER_LINEAR
    patch = cv2.resize(grey, (_PATCH_PX, _PATCH_PX), interpolation=interpolation)
    return np.asarray(patch, np.uint8), _PATCH_PX / side, (left, top)


def _agree(points: NDArray[np.float32], landmarks: NDArray[np.float32]) -> bool:
    """Return True if the eyes of dlib's points lie near those of YuNet's."""
    dlib_eyes, yunet_eyes = eyes_and_nose(points, "dlib")[:2], eyes_and_nose(landmarks, "yunet")[:2]
    apart = float(np.hypot(*(yunet_eyes[1] - yunet_eyes[0])))
    off = max(float(np.hypot(*(a - b))) for a, b in zip(dlib_eyes, yunet_eyes, strict=True))
    return apart > 0 and off <= MAX_DISTANCE * apart
