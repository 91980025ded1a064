"""Conversion of stored crops into the input of a model.

Training, batch scoring and serving all decode with ``decode_crops`` and normalise with
``to_input``. A model that needs another size resizes its input itself, with ``resize_frames``.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from emotion.errors import InputError

MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)
"""Mean and standard deviation of Kinetics-400's RGB values, which are scaled to 0 to 1.

torchvision's video models expect an input that is normalised with them.
"""


def decode_crops(jpegs: Sequence[bytes]) -> NDArray[np.uint8]:
    """Decode one clip's crops, in order.

    Args:
        jpegs: T JPEGs of one size, T at least 1.

    Returns:
        (T, H, W, 3) uint8 RGB.

    Raises:
        InputError: if there is no crop, one cannot be decoded, or their sizes differ.
    """
    crops = []
    for index, jpeg in enumerate(jpegs):
        crop = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) if jpeg else None
        if crop is None:
            raise InputError(f"crop {index} of a clip is not a JPEG; build the dataset again")
        crops.append(crop)
    if len({crop.shape for crop in crops}) != 1:
        raise InputError(
            f"crops of a clip have sizes {sorted({c.shape[:2] for c in crops})}, not one"
        )
    return np.stack(crops).astype(np.uint8, copy=False)


def to_input(clips_NTHWC: Tensor) -> Tensor:
    """Convert stored clips into the input of a model.

    Args:
        clips_NTHWC: (N, T, H, W, 3) uint8 RGB.

    Returns:
        (N, 3, T, H, W) float32, normalised with ``MEAN`` and ``STD``.

    Raises:
        ValueError: on another shape or dtype.

    >>> to_input(torch.zeros((2, 16, 8, 8, 3), dtype=torch.uint8)).shape
    torch.Size([2, 3, 16, 8, 8])
    """
    if clips_NTHWC.dtype != torch.uint8 or clips_NTHWC.ndim != 5 or clips_NTHWC.shape[-1] != 3:
        raise ValueError(
            f"clips are {clips_NTHWC.dtype} {tuple(clips_NTHWC.shape)}, not uint8 (N, T, H, W, 3)"
        )
    x_NCTHW = clips_NTHWC.permute(0, 4, 1, 2, 3).float().div_(255)
    mean = torch.tensor(MEAN, device=x_NCTHW.device).view(1, 3, 1, 1, 1)
    std = torch.tensor(STD, device=x_NCTHW.device).view(1, 3, 1, 1, 1)
    return x_NCTHW.sub_(mean).div_(std)


def resize_frames(x_NCTHW: Tensor, size_px: int) -> Tensor:
    """Resize each frame to ``size_px`` x ``size_px`` pixels by averaging areas.

    Frames that have this size are returned unchanged. The computation is two matrix products,
    which every runtime supports. The result equals that of adaptive average pooling.

    >>> resize_frames(torch.zeros(1, 3, 2, 8, 8), 4).shape
    torch.Size([1, 3, 2, 4, 4])
    """
    if x_NCTHW.shape[-2:] == (size_px, size_px):
        return x_NCTHW
    height, width = int(x_NCTHW.shape[-2]), int(x_NCTHW.shape[-1])
    down_Hh = torch.from_numpy(area_shares(height, size_px)).to(x_NCTHW)
    across_Ww = torch.from_numpy(area_shares(width, size_px)).to(x_NCTHW)
    return (down_Hh.T @ x_NCTHW) @ across_Ww


def average_to_size(x_BCTHW: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Reduce clips to ``size`` (T, H, W) by averaging areas, as adaptive pooling does.

    ONNX supports adaptive pooling only where each old side is a multiple of the new one. For other
    sizes, an export uses matrix products.

    >>> average_to_size(torch.arange(3.0).view(1, 1, 3, 1, 1), (2, 1, 1)).flatten()
    tensor([0.5000, 1.5000])
    """
    sides = [int(side) for side in x_BCTHW.shape[2:]]
    divides = all(a % b == 0 for a, b in zip(sides, size, strict=True))
    if divides or not torch.onnx.is_in_onnx_export():
        return functional.adaptive_avg_pool3d(x_BCTHW, size)
    for dim, (side, new_side) in enumerate(zip(sides, size, strict=True), start=2):
        if side != new_side:
            shares = torch.from_numpy(area_shares(side, new_side))
            x_BCTHW = (x_BCTHW.transpose(dim, 4) @ shares).transpose(dim, 4)
    return x_BCTHW


def area_shares(side: int, size: int) -> NDArray[np.float32]:
    """Return a (side, size) matrix of weights that averages ``side`` values to ``size`` values.

    With s = side / size, output j is the mean of the inputs floor(j * s) to ceil((j + 1) * s),
    half-open. numpy computes the matrix, so that torch's ONNX trace stores it as a constant.

    >>> area_shares(4, 2)
    array([[0.5, 0. ],
           [0.5, 0. ],
           [0. , 0.5],
           [0. , 0.5]], dtype=float32)
    """
    shares = np.zeros((side, size), np.float32)
    for j in range(size):
        first, last = j * side // size, -(-(j + 1) * side // size)
        shares[first:last, j] = 1 / (last - first)
    return shares
