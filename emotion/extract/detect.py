"""Face detectors: a frame to boxes, scores and five landmarks per face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from emotion import weights
from emotion.arrays import check_array, repr_with_shapes
from emotion.errors import InputError
from emotion.extract.spec import AUTO, DetectorName, ExtractionSpec, check_known
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


AUTO_SIDES: dict[DetectorName, tuple[tuple[float, int], ...]] = {
    "yunet": ((1280, 320), (2560, 640), (math.inf, 1280)),
    "dlib": ((1280, 640), (math.inf, 2560)),
}
"""Longest side of the picture by the longest side of the frame (at most so many pixels).

YuNet needs faces 13 to 16 pixels high in the picture, dlib 70 (docs/datasets.md, Small faces).
"""
SAME_SHARE = 0.5
"""Share of the smaller of two boxes, found at two sizes, from which they are one face."""


def detect_sides(
    detector: DetectorName, side_px: int | Literal["auto"], frame_hw: tuple[int, int]
) -> tuple[int, ...]:
    """Return the longest sides of the pictures that a detector gets of a frame, smallest first.

    With ``auto`` a frame above 1280 pixels is looked at twice: as small as any other, for large
    faces, and larger, for small ones.

    >>> detect_sides("yunet", "auto", (720, 1280)), detect_sides("yunet", "auto", (1080, 1920))
    ((320,), (320, 640))
    >>> detect_sides("yunet", 480, (1080, 1920)), detect_sides("dlib", "auto", (2160, 3840))
    ((480,), (640, 2560))
    """
    if side_px != AUTO:
        return (side_px,)
    sides = AUTO_SIDES[detector]
    chosen = next(side for most, side in sides if max(frame_hw) <= most)
    return tuple(sorted({sides[0][1], chosen}))


class FindFaces(Protocol):
    """Function that finds faces in a picture, without resizing it."""

    def __call__(
        self, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes (N, 4) xyxy, scores (N,) and landmarks (N, 5, 2), pixels of the picture."""
        ...


class Detector:
    """Detector of the faces of frames, at the sizes that a spec names; make one per worker."""

    def __init__(self, spec: ExtractionSpec, find: FindFaces, *, enlarge: bool) -> None:
        """Keep the finder.

        Args:
            spec: names the detector and the size of its picture.
            find: the detector itself.
            enlarge: True also enlarges a smaller frame to that size.
        """
        self._spec, self._find, self._enlarge = spec, find, enlarge

    def sides(self, frame_hw: tuple[int, int]) -> tuple[int, ...]:
        """Return the longest sides of the pictures of a frame; see ``detect_sides``."""
        return detect_sides(self._spec.detector, self._spec.detect_side_px, frame_hw)

    def __call__(self, image: NDArray[np.uint8]) -> Faces:
        """Detect the faces of an (H, W, 3) uint8 RGB frame."""
        frame_hw = _hw(image)
        return self.in_pictures([image] * len(self.sides(frame_hw)), frame_hw=frame_hw)

    def in_pictures(
        self, pictures: Sequence[NDArray[np.uint8]], *, frame_hw: tuple[int, int]
    ) -> Faces:
        """Detect the faces of a frame in smaller pictures of it.

        Args:
            pictures: (h, w, 3) uint8 RGB: the whole frame, one for each of ``sides``. A picture
                with this longest side is not resized again.
            frame_hw: height and width of the frame.

        Returns:
            Faces in pixels of the frame.
        """
        sides = self.sides(frame_hw)
        found = [self._at(p, side, frame_hw) for p, side in zip(pictures, sides, strict=True)]
        return found[0] if len(found) == 1 else join_faces(found)

    def _at(self, picture: NDArray[np.uint8], side_px: int, frame_hw: tuple[int, int]) -> Faces:
        small = _resized(picture, side_px, enlarge=self._enlarge)
        boxes, scores, landmarks = self._find(small)
        scale = max(_hw(small)) / max(frame_hw)
        return _faces(boxes / scale, scores, landmarks / scale, frame_hw)


def join_faces(found: Sequence[Faces]) -> Faces:
    """Join the faces that were found at several sizes of one frame, best score first.

    A face that overlaps a face of an earlier size is that face, so the earlier size decides about
    its box and landmarks. No faces at all give no faces.
    """
    boxes = np.zeros((0, 4), np.float32)
    kept: list[Faces] = []
    for faces in found:
        new = np.array([not _is_known(box, boxes) for box in faces.boxes], bool)
        kept.append(Faces(faces.boxes[new], faces.scores[new], faces.landmarks[new]))
        boxes = np.concatenate([boxes, kept[-1].boxes])
    scores = np.concatenate([f.scores for f in kept])
    landmarks = np.concatenate([f.landmarks for f in kept])
    order = np.argsort(-scores, kind="stable")
    return Faces(boxes[order], scores[order], landmarks[order])


def _is_known(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> bool:
    """Return True if a box shares ``SAME_SHARE`` of the smaller area with any of ``boxes``."""
    shared = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    smaller = np.minimum((box[2:] - box[:2]).prod(), areas)
    return bool((shared.prod(1) >= SAME_SHARE * smaller).any())


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


class FindYuNet:
    """Finder with YuNet (Wu et al. 2023)."""

    def __init__(self, model: bytes, *, min_score: float) -> None:
        self._find = YuNet(model, min_score=min_score)

    def __call__(
        self, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Find the faces of an (H, W, 3) uint8 RGB picture; see ``FindFaces``."""
        rows = self._find(picture)
        boxes = rows[:, :4].copy()
        boxes[:, 2:] += boxes[:, :2]  # xywh -> xyxy
        return boxes, rows[:, 14], rows[:, 4:14].reshape(-1, 5, 2)


class FindDlib:
    """Finder with dlib's HOG and 5-point landmarks; it finds faces of at least 80 pixels."""

    def __init__(self, *, min_score: float) -> None:
        self._min_score = min_score
        self._find = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(weights.find_dlib_landmarks()))

    def __call__(
        self, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Find the faces of an (H, W, 3) uint8 RGB picture; see ``FindFaces``."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        rects, scores, _ = self._find.run(grey, 0, self._min_score)
        boxes = np.array([_corners(r) for r in rects], np.float32).reshape(-1, 4)
        points = [self._landmarks(grey, r) for r in rects]
        landmarks = np.array(points, np.float32).reshape(-1, 5, 2)
        return boxes, np.asarray(scores, np.float32), landmarks

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
        own = {"detector_sha256": weights.YUNET.sha256, "detect_side_px": AUTO, "min_score": 0.7}
        if overrides.get("landmarks") == "yunet":
            own["landmarks_sha256"] = weights.YUNET.sha256
    else:
        sha256 = weights.DLIB_LANDMARKS.sha256
        own = {"detector_sha256": sha256, "detect_side_px": AUTO, "min_score": 0.0}
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
        return Detector(spec, FindDlib(min_score=spec.min_score), enlarge=True)
    if yunet_model is None:
        raise InputError("the spec names detector yunet; name its weights file with --yunet PATH")
    return Detector(spec, FindYuNet(yunet_model, min_score=spec.min_score), enlarge=False)
