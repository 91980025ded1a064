"""Brightness and sharpness of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def brightness_and_blur(image: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the mean luma (0 to 255) and the variance of the Laplacian (small if blurred).

    The sharpness measure is Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy", 2000.

    Args:
        image: (H, W, 3) uint8 RGB.

    >>> brightness_and_blur(np.full((8, 8, 3), 100, np.uint8))
    (100.0, 0.0)
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(cv2.mean(grey)[0]), float(deviation[0, 0] ** 2)


def thumbnail(image: NDArray[np.uint8], side_px: int = 320) -> NDArray[np.uint8]:
    """Shrink a frame to at most ``side_px`` on its longer side; never enlarge it.

    So a measurement takes the same time for a frame of any size.
    """
    scale = side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
