"""mini-XCEPTION: a network of 60,000 weights for grey faces (Arriaga et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from emotion.models.face_frame import FaceFrame, to_frame

FRAME = FaceFrame(size_px=64, eyes=0.42, eye_height=0.35)
"""Face frame that fits the published weights, which were trained on whole pictures of FER2013.

The distance of the eyes is the best of several on labelled pictures of another set.
"""

WIDTHS = (16, 32, 64, 128)
FEATURES = 9 * WIDTHS[-1]
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as OpenCV's grey has them."""


class Separable(nn.Module):
    """3x3 convolution per channel, then a 1x1 convolution."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.each = nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False)
        self.mix = nn.Conv2d(inside, outside, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return maps of the same sides."""
        mixed: Tensor = self.mix(self.each(x_NCHW))
        return mixed


class Block(nn.Module):
    """Two separable convolutions, a maximum over 3x3, and a shortcut; halves the sides."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first, self.second = Separable(inside, outside), Separable(outside, outside)
        self.shortcut = nn.Conv2d(inside, outside, 1, stride=2)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return maps of half the sides, rounded up."""
        y_NCHW = self.second(torch.relu(self.first(x_NCHW)))
        # TensorFlow's padding "same": none at the top of an even side, 1 on both ends of an odd.
        odd = int(x_NCHW.shape[-1]) % 2
        y_NCHW = functional.max_pool2d(y_NCHW, 3, stride=2, padding=odd, ceil_mode=True)
        shortcut_NCHW: Tensor = self.shortcut(x_NCHW)
        return y_NCHW + shortcut_NCHW


class MiniXception(nn.Module):
    """Features of one face per picture.

    The published network ends with a 3x3 convolution to 7 maps and their mean. This mean is linear
    in the means of the nine shifted maps. Those are the features, so that a linear head on them
    equals the published end. Batch norms are part of the convolutions: the network is for published
    weights.
    """

    num_features = FEATURES
    luma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3)
        insides = (8, *WIDTHS[:-1])
        pairs = zip(insides, WIDTHS, strict=True)
        self.blocks = nn.Sequential(*(Block(inside, outside) for inside, outside in pairs))
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return (N, 1152) features of (N, 3, S, S) crops of any side, scaled to -1 to 1."""
        grey_N1HW = (x_NCHW * self.luma).sum(dim=1, keepdim=True)
        return self.of_frames(to_frame(grey_N1HW, FRAME))

    def of_frames(self, x_N1HW: Tensor) -> Tensor:
        """Return (N, 1152) features of grey (N, 1, 64, 64) pictures in ``FRAME``, -1 to 1."""
        y_NCHW = torch.relu(self.second(torch.relu(self.first(x_N1HW))))
        y_NCHW = self.blocks(y_NCHW)
        side = int(y_NCHW.shape[-1])
        return functional.avg_pool2d(y_NCHW, side, stride=1, padding=1).flatten(1)
