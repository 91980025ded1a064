"""Observation of one sampled frame: its measurements and face crops.

No later step reads the frame's pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.extract.align import crop_face, head_angles
from emotion.extract.cuts import Signature, signature
from emotion.extract.detect import Detector, Faces
from emotion.extract.landmarks import LandmarkPredictor
from emotion.extract.quality import brightness_and_blur, thumbnail
from emotion.extract.spec import ExtractionSpec, LandmarksName
from emotion.video.decode import Frame


@dataclass(frozen=True)
class DetectedFace:
    """One detection and its crop.

    Attributes:
        box: xyxy pixels of the video's frame: the first picture as it is displayed. A later
            picture of another size is fitted into it.
        score: score of the detection; see ``Faces.scores``.
        landmarks: ten floats x0 y0 ... x4 y4, pixels of the video's frame.
        landmarks_by: method that gave the landmarks; their order follows from it, see
            ``detect.Faces``.
        yaw_deg: rough estimate, degrees; see ``head_angles``.
        roll_deg: rough estimate, degrees; see ``head_angles``.
        blur: variance of the crop's Laplacian; small if the crop is blurred.
        brightness: mean luma of the crop, 0 to 255.
        jpeg: the aligned crop as a JPEG file.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[float, ...]
    landmarks_by: LandmarksName
    yaw_deg: float
    roll_deg: float
    blur: float
    brightness: float
    jpeg: bytes

    @property
    def size_px(self) -> float:
        """Square root of the area of the box, pixels."""
        x0, y0, x1, y1 = self.box
        return float(np.sqrt((x1 - x0) * (y1 - y0)))


@dataclass(frozen=True)
class Observation:
    """One sampled frame without its pixels.

    Attributes:
        frame_index: number k of the sample.
        pts_s: the frame's presentation time, seconds from the first frame; of a frame that was
            already shown at an earlier sample, the time of this sample.
        brightness: mean luma of the frame, 0 to 255.
        blur: variance of the Laplacian of the frame, shrunk to at most 320 pixels on its longer
            side; small if the frame is blurred.
        signature: colours and their positions, for the detection of cuts.
        faces: best score first; may be empty.
    """

    frame_index: int
    pts_s: float
    brightness: float
    blur: float
    signature: Signature
    faces: tuple[DetectedFace, ...]

    @property
    def detections(self) -> Faces:
        """The boxes, scores and landmarks of the faces as arrays."""
        return Faces(
            np.array([f.box for f in self.faces], np.float32).reshape(-1, 4),
            np.array([f.score for f in self.faces], np.float32),
            np.array([f.landmarks for f in self.faces], np.float32).reshape(-1, 5, 2),
        )


def observe(
    frame: Frame,
    *,
    detector: Detector,
    predict_landmarks: LandmarkPredictor | None,
    spec: ExtractionSpec,
) -> Observation:
    """Detect, measure and crop the faces of one frame.

    Landmarks and crops come from the frame at full size. Everything else uses a small picture, so a
    frame without a face is never converted to pixels at full size.

    Args:
        frame: the frame.
        detector: detector of ``spec``.
        predict_landmarks: predictor of ``spec``; None keeps the landmarks of the detector.
        spec: choices of the extraction.
    """
    pictures = [frame.thumbnail(side) for side in detector.sides(frame.hw)]
    faces = detector.in_pictures(pictures, frame_hw=frame.hw)
    small = thumbnail(pictures[0])
    brightness, blur = brightness_and_blur(small)
    return Observation(
        frame_index=frame.index,
        pts_s=frame.pts_s,
        brightness=brightness,
        blur=blur,
        signature=signature(small),
        faces=tuple(_face(frame, faces, k, predict_landmarks, spec) for k in range(len(faces))),
    )


def _face(
    frame: Frame,
    faces: Faces,
    number: int,
    predict_landmarks: LandmarkPredictor | None,
    spec: ExtractionSpec,
) -> DetectedFace:
    image = frame.image
    landmarks, by = faces.landmarks[number], spec.detector
    if predict_landmarks is not None:
        landmarks, by = predict_landmarks(image, faces.boxes[number], landmarks)
    crop = crop_face(image, landmarks, landmarks_by=by, crop_px=spec.crop_px)
    brightness, blur = brightness_and_blur(crop)
    yaw, roll = head_angles(landmarks, by)
    box, landmarks = faces.boxes[number].reshape(2, 2), frame.fit.to_frame(landmarks)
    x0, y0, x1, y1 = (float(v) for v in frame.fit.to_frame(box).ravel())
    return DetectedFace(
        box=(x0, y0, x1, y1),
        score=float(faces.scores[number]),
        landmarks=tuple(float(v) for v in landmarks.ravel()),
        landmarks_by=by,
        yaw_deg=yaw,
        roll_deg=roll,
        blur=blur,
        brightness=brightness,
        jpeg=encode_jpeg(crop, spec.jpeg_quality),
    )


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """Encode an (H, W, 3) uint8 RGB picture as JPEG; ``quality`` is 1 to 100."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    is_encoded, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not is_encoded:
        raise ValueError(f"OpenCV could not encode a picture of shape {image.shape} as JPEG")
    return bytes(data)
