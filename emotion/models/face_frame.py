"""Fixed resampling from the project's crop to the face frame that a published network expects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotion.models.transforms import area_shares

CROP_EYES, CROP_EYE_HEIGHT = 0.38, 0.35
"""Distance and height of the eyes in the project's crop, as shares of its side.

``emotion.extract.align`` places them there.
"""


@dataclass(frozen=True)
class FaceFrame:
    """Square picture in which a network expects a face.

    Attributes:
        size_px: side, pixels.
        eyes: distance between the eyes, as a share of the side.
        eye_height: distance of the eyes from the top edge, as a share of the side.
    """

    size_px: int
    eyes: float
    eye_height: float


def to_frame(x_NCHW: Tensor, frame: FaceFrame) -> Tensor:
    """Resample square crops to a face frame by linear interpolation; the edge is repeated.

    The computation is two matrix products, which every runtime supports.

    >>> to_frame(torch.ones(2, 3, 96, 96), FaceFrame(64, 0.42, 0.35)).shape
    torch.Size([2, 3, 64, 64])
    """
    side = int(x_NCHW.shape[-1])  # int(): during an ONNX trace, sizes are tensors
    down_Hh = torch.from_numpy(_weights(side, frame, CROP_EYE_HEIGHT, frame.eye_height)).to(x_NCHW)
    across_Ww = torch.from_numpy(_weights(side, frame, 0.5, 0.5)).to(x_NCHW)
    return (down_Hh.T @ x_NCHW) @ across_Ww


def _weights(
    side: int, frame: FaceFrame, from_place: float, to_place: float
) -> NDArray[np.float32]:
    """Return the (side, size_px) matrix of weights of one axis.

    ``from_place`` of the crop becomes ``to_place`` of the frame; both are shares of the side. A
    crop of twice the frame's scale or more is first reduced by averaging areas.
    """
    scale = side * CROP_EYES / (frame.size_px * frame.eyes)
    reduced = side // max(1, int(scale))
    places = (np.arange(frame.size_px) + 0.5) / frame.size_px - to_place
    at = (from_place + places * CROP_EYES / frame.eyes) * reduced - 0.5
    at = at.clip(0, reduced - 1)
    low = np.minimum(at.astype(int), reduced - 2)
    linear = np.zeros((reduced, frame.size_px), np.float32)
    columns = np.arange(frame.size_px)
    linear[low, columns] = 1 - (at - low)
    linear[low + 1, columns] = at - low
    return linear if reduced == side else area_shares(side, reduced) @ linear
