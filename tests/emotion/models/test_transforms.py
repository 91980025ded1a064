"""Conversion of crops into the input of a model, compared with values computed by hand."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from emotion.errors import InputError
from emotion.models.transforms import (
    MEAN,
    STD,
    decode_crops,
    resize_frames,
    to_input,
)


def jpeg(rgb: tuple[int, int, int], side: int = 16) -> bytes:
    image = np.full((side, side, 3), rgb[::-1], np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def test_decodes_rgb_in_order() -> None:
    clip = decode_crops([jpeg((200, 40, 20)), jpeg((20, 40, 200))])
    assert clip.shape == (2, 16, 16, 3)
    assert clip.dtype == np.uint8
    assert np.abs(clip[:, 8, 8].astype(int) - [[200, 40, 20], [20, 40, 200]]).max() <= 3


@pytest.mark.parametrize(
    "crops, says",
    [
        ([b""], "crop 0 of a clip is not a JPEG"),
        ([jpeg((0, 0, 0)), b"text"], "crop 1 of a clip is not a JPEG"),
        ([jpeg((0, 0, 0)), jpeg((0, 0, 0), side=20)], "not one"),
        ([], "not one"),
    ],
    ids=["empty crop", "text", "two sizes", "no crop"],
)
def test_refuses_crops(crops: list[bytes], says: str) -> None:
    with pytest.raises(InputError, match=says):
        decode_crops(crops)


def test_input_is_normalised_and_channels_come_first() -> None:
    clips = torch.zeros((1, 2, 3, 4, 3), dtype=torch.uint8)
    clips[0, 1, 2, 3] = torch.tensor([255, 0, 51])
    x = to_input(clips)
    assert x.shape == (1, 3, 2, 3, 4)
    pixel = x[0, :, 1, 2, 3]
    expected = (torch.tensor([1.0, 0.0, 0.2]) - torch.tensor(MEAN)) / torch.tensor(STD)
    assert torch.allclose(pixel, expected, atol=1e-6)


@pytest.mark.parametrize(
    "clips",
    [torch.zeros(1, 2, 4, 4, 3), torch.zeros((2, 4, 4, 3), dtype=torch.uint8)],
    ids=["float", "no batch"],
)
def test_input_refuses(clips: Tensor) -> None:
    with pytest.raises(ValueError):
        to_input(clips)


def test_resize_averages_areas() -> None:
    frame = torch.tensor([[0.0, 2.0], [4.0, 6.0]]).view(1, 1, 1, 2, 2)
    assert resize_frames(frame, 1).item() == 3.0
    assert resize_frames(frame, 2) is frame


@pytest.mark.parametrize("side, size", [(76, 48), (5, 3), (2, 4), (7, 1)], ids=str)
def test_resize_is_adaptive_pooling(side: int, size: int) -> None:
    x = torch.rand(2, 3, 4, side, side)
    expected = torch.nn.functional.adaptive_avg_pool3d(x, (4, size, size))
    assert torch.allclose(resize_frames(x, size), expected, atol=1e-6)
