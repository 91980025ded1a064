"""Embeddings of aligned crops: vectors of 128 numbers, of unit length."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion import weights
from emotion.extract.align import similarity
from emotion.extract.inference import open_session
from schemas.tables import EMBEDDING_LENGTH

CHIP_PX = 150
"""Side of the square picture that the network takes."""
SAME_PERSON_DISTANCE = 0.36
"""Two tracks are one person if their mean embeddings, at unit length, are closer than this.

It is a Euclidean distance, equal to a cosine above 0.935. Error rates were measured on crops stored
as JPEG of quality 92, with means of three faces at least 0.4 s apart:

- 13 people in real clips: 7.8 % of the pairs of one person are farther apart, and 1.3 % of the
  pairs of two people are closer. For single faces it is 18.5 % and 0.5 %.
- 42 rendered heads, which the network finds similar: 0.4 % and 41 %.

So if the candidates are known, take the nearest person, and use this value only as the limit.
"""

# A batch reads the weights from memory once. It takes 6.0 ms per face; a single face takes 7.8 ms.
_BATCH = 8

# Positions of eye corners and nose base, in the order of dlib's five landmarks, as shares of the
# side. _IN_CROP is the template of ``align``. _IN_CHIP is dlib's mean face with padding: a free
# margin on every side, as a share of the face's size. dlib's own padding is 0.25. With it the chip
# reaches beyond the crop, and the repeated edge pixels there raise the error rate on real faces:
# 1.6 % with 0.25, 0.8 % with 0.18.
_PADDING = 0.18
_IN_CROP = np.array([[0.785, 0.35], [0.595, 0.35], [0.215, 0.35], [0.405, 0.35], [0.50, 0.625]])
_MEAN_FACE = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
_IN_CHIP = (_MEAN_FACE + _PADDING) / (1 + 2 * _PADDING)
_CROP_TO_CHIP = similarity(_IN_CROP, _IN_CHIP)


class Embedder:
    """dlib's face recognition ResNet (King 2017) in onnxruntime; make one per worker.

    Raises:
        InputError: if the model file cannot be loaded; see ``weights.load_dlib_embedder``.
    """

    def __init__(self) -> None:
        self._session = open_session(load_embedder_model())

    def __call__(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed aligned faces.

        Args:
            crops: N pictures, (side, side, 3) uint8 RGB, from ``align.crop_face``; may be empty.

        Returns:
            (N, 128) float32 of unit length. Compare the Euclidean distance of two of them, 0 to 2,
            with ``SAME_PERSON_DISTANCE``.
        """
        if not crops:
            return np.zeros((0, EMBEDDING_LENGTH), np.float32)
        rows = self.descriptors([chip(crop) for crop in crops])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def descriptors(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the network's output for N >= 1 RGB chips of 150 px: (N, 128) float32."""
        rows = []
        for start in range(0, len(chips), _BATCH):
            blob = cv2.dnn.blobFromImages(list(chips[start : start + _BATCH]))
            rows.append(self._session.run(None, {"chips": blob})[0])
        return np.concatenate(rows)


def load_embedder_model() -> bytes:
    """Return the bytes of dlib's network as ONNX; see ``weights.load_dlib_embedder``."""
    return weights.load_dlib_embedder(_convert)


def _convert(data: bytes) -> bytes:
    from emotion.extract import dlib_network  # only a machine without the ONNX file needs it

    return dlib_network.to_onnx(data)


def chip(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Warp an aligned crop to a chip: the size and face position that dlib's network expects.

    Args:
        crop: (side, side, 3) uint8 RGB.

    Returns:
        (150, 150, 3) uint8 RGB. Pixels outside the crop repeat the crop's edge.
    """
    matrix = _CROP_TO_CHIP * CHIP_PX
    matrix[:, :2] /= crop.shape[0]
    warped = cv2.warpAffine(
        crop, matrix, (CHIP_PX, CHIP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)
