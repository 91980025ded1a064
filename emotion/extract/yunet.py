"""YuNet's network and the decoding of its outputs, equal to OpenCV's FaceDetectorYN."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from emotion.extract.inference import open_session

STRIDES = (8, 16, 32)
MAX_CANDIDATES = 500
MAX_OVERLAP = 0.3
_OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES]


class YuNet:
    """YuNet (Wu et al. 2023) in onnxruntime; it takes a third of the time of OpenCV's."""

    def __init__(self, model: bytes, *, min_score: float) -> None:
        self._session = open_session(any_size(model))
        self._min_score = min_score

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect the faces of a picture, without resizing it.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (N, 15) float32, best score first: x, y, width, height, five landmarks x y (right eye,
            left eye, nose tip, right and left mouth corner), score 0 to 1. Boxes and landmarks are
            in pixels of the picture and may reach beyond its edge.
        """
        blob = to_blob(image)
        outputs = self._session.run(_OUTPUTS, {"input": blob})
        return suppress(decode(outputs, blob.shape[3], self._min_score), self._min_score)


def any_size(model: bytes) -> bytes:
    """Return the model for pictures of any size in multiples of 32.

    The official file takes only 640 x 640 pixels.
    """
    proto = onnx.load_model_from_string(model)
    shape = proto.graph.input[0].type.tensor_type.shape
    shape.dim[2].dim_param, shape.dim[3].dim_param = "height", "width"
    # Remove the stored shapes of inner values: they are those for 640 x 640.
    del proto.graph.value_info[:]
    for output in proto.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"anchors of {output.name}"
    return bytes(proto.SerializeToString())


def to_blob(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the network's input, (1, 3, H, W) float32 BGR 0 to 255, padded to multiples of 32."""
    height, width = image.shape[:2]
    bottom, right = -height % STRIDES[-1], -width % STRIDES[-1]
    if bottom or right:
        image = np.asarray(
            cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT), np.uint8
        )
    return np.asarray(cv2.dnn.blobFromImage(image, swapRB=True), np.float32)


def decode(
    outputs: Sequence[NDArray[np.float32]], width: int, min_score: float
) -> NDArray[np.float32]:
    """Return a row for every anchor with a score of at least ``min_score``; boxes overlap.

    Args:
        outputs: cls, obj, bbox, kps, each at every stride: (1, anchors, 1 | 1 | 4 | 10).
        width: width of the network's input, pixels.
        min_score: anchors below it are not decoded, so a frame without a face costs little.

    Returns:
        (N, 15) float32 with the columns of ``YuNet.__call__``, not sorted by score.
    """
    parts = []
    for number, stride in enumerate(STRIDES):
        cls, obj, bbox, kps = (each[0] for each in outputs[number :: len(STRIDES)])
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        hit = np.nonzero(score >= min_score)[0]
        if len(hit):
            row, column = np.divmod(hit, width // stride)
            origin = np.column_stack([column, row]).astype(np.float32)
            size = np.exp(bbox[hit, 2:]) * stride
            corner = (origin + bbox[hit, :2]) * stride - size / 2
            points = (kps[hit] + np.tile(origin, 5)) * stride
            parts.append(np.column_stack([corner, size, points, score[hit]]))
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 15), np.float32)


def suppress(rows: NDArray[np.float32], min_score: float) -> NDArray[np.float32]:
    """Keep the best of each group of overlapping rows, best score first.

    The boxes are truncated to whole pixels, as in OpenCV, so that the results are equal.
    """
    if len(rows) < 2:
        return rows
    boxes = np.trunc(rows[:, :4]).tolist()
    keep = cv2.dnn.NMSBoxes(
        boxes, rows[:, 14].tolist(), min_score, MAX_OVERLAP, top_k=MAX_CANDIDATES
    )
    return rows[np.asarray(keep, np.int64).ravel()]
