"""Face detectors: a frame to boxes, scores and five landmarks per face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from emotion import weights
from emotion.arrays import check_array, repr_with_shapes
from emotion.errors import InputError
from emotion.extract.spec import DetectorName, ExtractionSpec, check_known
from emotion.extract.yunet import YuNet


@dataclass(frozen=True)
class Faces:
    """Faces of one frame, best score first.

    Attributes:
        boxes: (N, 4) float32, xyxy pixels inside the frame.
        scores: (N,) float32; 0 to 1 for YuNet, about -0.5 to 4 for dlib.
        landmarks: (N, 5, 2) float32, pixels. YuNet: right eye, left eye, nose tip, right and left
            mouth corner. dlib: outer and inner corner of the left eye, of the right eye, nose base.
            Left and right are the person's own.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        count = len(self.scores)
        check_array("Faces.boxes", self.boxes, shape=(count, 4), dtype=np.float32)
        check_array("Faces.scores", self.scores, shape=(count,), dtype=np.float32)
        check_array("Faces.landmarks", self.landmarks, shape=(count, 5, 2), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """Function that detects the faces of one frame."""

    def __call__(
        self, image: NDArray[np.uint8], *, frame_hw: tuple[int, int] | None = None
    ) -> Faces:
        """Detect the faces of a frame.

        Args:
            image: (H, W, 3) uint8 RGB: the frame, or a smaller picture of the whole frame. With
                a longest side of ``detect_side_px`` it is not resized again.
            frame_hw: height and width of the frame; None: those of ``image``.

        Returns:
            Faces in pixels of the frame.
        """
        ...


def _faces(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    frame_hw: tuple[int, int],
) -> Faces:
    """Clip boxes to the frame, drop those narrower or lower than 2 pixels, sort by score."""
    height, width = frame_hw
    limit = np.array([width, height, width, height], np.float32)
    boxes = np.clip(boxes, 0, limit)
    inside = (boxes[:, 2] - boxes[:, 0] >= 2) & (boxes[:, 3] - boxes[:, 1] >= 2)
    order = np.nonzero(inside)[0]
    order = order[np.argsort(-scores[order], kind="stable")]
    return Faces(boxes[order], scores[order], landmarks[order])


def _resized(image: NDArray[np.uint8], side_px: int, *, enlarge: bool) -> NDArray[np.uint8]:
    """Resize the longest side to ``side_px``; enlarge a smaller picture only if ``enlarge``."""
    longest = max(image.shape[:2])
    if longest == side_px or (longest < side_px and not enlarge):
        return image
    scale = side_px / longest
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


class YuNetDetector:
    """Detector with YuNet (Wu et al. 2023); never enlarges a frame."""

    def __init__(self, model: bytes, *, side_px: int, min_score: float) -> None:
        self._side_px = side_px
        self._find = YuNet(model, min_score=min_score)

    def __call__(
        self, image: NDArray[np.uint8], *, frame_hw: tuple[int, int] | None = None
    ) -> Faces:
        """Detect in an (H, W, 3) uint8 RGB frame, or in a smaller picture of it."""
        frame_hw = frame_hw or _hw(image)
        small = _resized(image, self._side_px, enlarge=False)
        rows = self._find(small)
        boxes = rows[:, :4].copy()
        boxes[:, 2:] += boxes[:, :2]  # xywh -> xyxy
        landmarks = rows[:, 4:14].reshape(-1, 5, 2)
        scale = max(_hw(small)) / max(frame_hw)
        return _faces(boxes / scale, rows[:, 14], landmarks / scale, frame_hw)


class DlibDetector:
    """Detector with dlib's HOG and 5-point landmarks.

    It enlarges small frames, because HOG finds only faces of at least 80 pixels.
    """

    def __init__(self, *, side_px: int, min_score: float) -> None:
        self._side_px, self._min_score = side_px, min_score
        self._find = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(weights.find_dlib_landmarks()))

    def __call__(
        self, image: NDArray[np.uint8], *, frame_hw: tuple[int, int] | None = None
    ) -> Faces:
        """Detect in an (H, W, 3) uint8 RGB frame, or in a smaller picture of it."""
        frame_hw = frame_hw or _hw(image)
        small = _resized(image, self._side_px, enlarge=True)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        rects, scores, _ = self._find.run(grey, 0, self._min_score)
        boxes = np.array([_corners(r) for r in rects], np.float32).reshape(-1, 4)
        points = [self._landmarks(grey, r) for r in rects]
        landmarks = np.array(points, np.float32).reshape(-1, 5, 2)
        scale = max(_hw(small)) / max(frame_hw)
        return _faces(boxes / scale, np.asarray(scores, np.float32), landmarks / scale, frame_hw)

    def _landmarks(self, grey: Any, rect: Any) -> list[tuple[int, int]]:
        return [(p.x, p.y) for p in self._points(grey, rect).parts()]


def _corners(rect: Any) -> tuple[int, int, int, int]:
    return rect.left(), rect.top(), rect.right(), rect.bottom()


def _hw(image: NDArray[np.uint8]) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])


def spec_for(detector: DetectorName, **overrides: Any) -> ExtractionSpec:
    """Return the default extraction spec for a detector, with its picture size and threshold.

    Args:
        detector: name of the detector.
        **overrides: fields of the spec with other values.

    Raises:
        InputError: if a value is out of range.
    """
    own: dict[str, Any]
    if detector == "yunet":
        own = {"detector_sha256": weights.YUNET.sha256, "detect_side_px": 320, "min_score": 0.7}
        if overrides.get("landmarks") == "yunet":
            own["landmarks_sha256"] = weights.YUNET.sha256
    else:
        sha256 = weights.DLIB_LANDMARKS.sha256
        own = {"detector_sha256": sha256, "detect_side_px": 640, "min_score": 0.0}
    return ExtractionSpec(detector=detector, **(own | overrides))


def load_detector(spec: ExtractionSpec, yunet_model: bytes | None) -> Detector:
    """Return the detector that a spec names.

    Args:
        spec: names the detector, its weights, size and score threshold.
        yunet_model: bytes of the YuNet file; needed if the spec names yunet.

    Raises:
        InputError: if the spec names other weights than this release has, or weights are missing.
    """
    cv2.setNumThreads(1)
    file = weights.YUNET if spec.detector == "yunet" else weights.DLIB_LANDMARKS
    check_known(spec.detector, spec.detector_sha256, file)
    if spec.detector == "dlib":
        return DlibDetector(side_px=spec.detect_side_px, min_score=spec.min_score)
    if yunet_model is None:
        raise InputError("the spec names detector yunet; name its weights file with --yunet PATH")
    return YuNetDetector(yunet_model, side_px=spec.detect_side_px, min_score=spec.min_score)
