"""Backbone ``lite`` of the models ``cnn_*``: a small residual network on grey frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LiteFrames(nn.Module):
    """Small 2D residual network on grey frames of the inner face.

    A frame has two channels: its grey values, and twice its difference from the clip's mean frame.
    Input and widths are those of ``r3d_lite``.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, width, 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(
            Block2d(width, width, stride=1),
            Block2d(width, 2 * width, stride=2),
            Block2d(2 * width, 4 * width, stride=2),
            Block2d(4 * width, 8 * width, stride=2),
        )
        self.num_features = 8 * width

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return (N, num_features) features of (N, 2, H, W) frames."""
        y_NCHW = self.blocks(torch.relu(self.stem_norm(self.stem(x_NCHW))))
        pooled: Tensor = y_NCHW.mean(dim=(2, 3))
        return pooled


class Block2d(nn.Module):
    """Residual block of two 3x3 convolutions and a shortcut."""

    def __init__(self, inside: int, outside: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.shortcut: nn.Module = nn.Identity()
        if inside != outside or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return features of maps of any (H, W); both sides are divided by the stride."""
        y_NCHW = torch.relu(self.norm1(self.conv1(x_NCHW)))
        return torch.relu(self.norm2(self.conv2(y_NCHW)) + self.shortcut(x_NCHW))
