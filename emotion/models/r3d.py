"""``r3d_lite``: small 3D residual network that learns from few clips on two CPU cores."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from emotion.models.transforms import average_to_size, resize_frames

VIEW, VIEW_TOP = 0.68, 0.26
"""Side of the inner face, and distance of its top edge from the crop's; as shares of the side."""


def inner_face(x_BCTHW: Tensor) -> Tensor:
    """Return the grey inner face of normalised clips, (B, 1, T, side, side).

    ``side`` is VIEW times the height, rounded. Clips are square.
    """
    height = int(x_BCTHW.shape[-2])  # int(): during an ONNX trace, sizes are tensors
    side = round(VIEW * height)
    top, left = min(round(VIEW_TOP * height), height - side), (height - side) // 2
    return x_BCTHW[..., top : top + side, left : left + side].mean(dim=1, keepdim=True)


def still_and_moving(x_B1THW: Tensor) -> Tensor:
    """Return (B, 2, T, H, W): grey clips, and twice their difference from their mean frame.

    Each clip is first shifted to mean 0 and divided by its standard deviation plus 0.1.
    """
    if torch.onnx.is_in_onnx_export():
        # onnxruntime sums sequentially, torch pairwise, so the mean of a clip of one colour was off
        # by 1e-4 and a logit by 9e-4. Subtracting the mean twice corrects this; mathematically the
        # second subtraction changes nothing.
        x_B1THW = x_B1THW - x_B1THW.mean(dim=(1, 2, 3, 4), keepdim=True)
    spread = x_B1THW.std(dim=(1, 2, 3, 4), keepdim=True) + 0.1
    x_B1THW = (x_B1THW - x_B1THW.mean(dim=(1, 2, 3, 4), keepdim=True)) / spread
    moving = 2 * (x_B1THW - x_B1THW.mean(dim=2, keepdim=True))
    return torch.cat([x_B1THW, moving], dim=1)


class Block(nn.Module):
    """Residual block of two 3x3x3 convolutions and a shortcut; ``stride`` is (time, space)."""

    def __init__(self, inside: int, outside: int, *, stride: tuple[int, int]) -> None:
        super().__init__()
        steps = (stride[0], stride[1], stride[1])
        self.conv1 = nn.Conv3d(inside, outside, 3, stride=steps, padding=1, bias=False)
        self.norm1 = nn.BatchNorm3d(outside)
        self.conv2 = nn.Conv3d(outside, outside, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm3d(outside)
        self.shortcut: nn.Module = nn.Identity()
        if inside != outside:
            self.shortcut = nn.Sequential(
                nn.Conv3d(inside, outside, 1, bias=False), nn.BatchNorm3d(outside)
            )

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Return features of maps of any (T, H, W); each side is divided by its stride."""
        y_BCTHW = functional.relu(self.norm1(self.conv1(x_BCTHW)))
        y_BCTHW = self.norm2(self.conv2(y_BCTHW))
        short_BCTHW = x_BCTHW
        t, h, w = y_BCTHW.shape[2:]
        if x_BCTHW.shape[2:] != y_BCTHW.shape[2:]:
            short_BCTHW = average_to_size(x_BCTHW, (int(t), int(h), int(w)))
        return functional.relu(y_BCTHW + self.shortcut(short_BCTHW))


class R3DLite(nn.Module):
    """3D ResNet-10 on the grey inner face and on its difference from the clip's mean frame.

    ::

        crop  +--------------+   The look is a square from brows to chin: its side is 0.68 of the
              |   +------+   |   crop's, its top edge at 0.26, centred horizontally. Most pixels of
              |   | look |   |   a crop are hair and background, which show no expression. A first
              |   +------+   |   version used the whole crop in colour and stayed near chance after
              +--------------+   20 epochs of 245 clips.

    The difference removes the person's appearance and keeps the movement. The logits are computed
    from the average of the mean and the maximum of the features over time, because an expression
    may fill only a part of the clip.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        input_px: int = 48,
        frame_step: int = 2,
        width: int = 16,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.input_px, self.frame_step = input_px, frame_step
        self.stem = nn.Conv3d(2, width, (3, 5, 5), stride=(1, 2, 2), padding=(1, 2, 2), bias=False)
        self.stem_norm = nn.BatchNorm3d(width)
        self.blocks = nn.Sequential(
            Block(width, width, stride=(1, 1)),
            Block(width, 2 * width, stride=(1, 2)),
            Block(2 * width, 4 * width, stride=(2, 2)),
            Block(4 * width, 8 * width, stride=(1, 2)),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8 * width, num_classes)

    def look(self, x_BCTHW: Tensor) -> Tensor:
        """Return the grey inner face of normalised clips, (B, 1, T, input_px, input_px).

        This step has no weights. Training runs it first and augments its result, which is smaller
        than the clip. T is the number of read frames: every ``frame_step``-th one.
        """
        return resize_frames(inner_face(x_BCTHW[:, :, :: self.frame_step]), self.input_px)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Return (B, num_classes) logits of normalised clips or of the result of ``look``."""
        return self._pooled(self._features(x_BCTHW))

    def with_steps(self, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of clips and of steps (``emotion.models.steps``).

        Shapes: (B, K) and (B, S, K), with one step per two read frames.
        """
        y_BCT = self._features(x_BCTHW)
        steps_BSK: Tensor = self.head(y_BCT.transpose(1, 2))
        return self._pooled(y_BCT), steps_BSK

    def _features(self, x_BCTHW: Tensor) -> Tensor:
        """Return the features after the last block, (B, C, T), averaged over space."""
        x_BCTHW = self.look(x_BCTHW) if x_BCTHW.shape[1] == 3 else x_BCTHW
        y_BCTHW = self.stem(still_and_moving(x_BCTHW))
        y_BCTHW = self.blocks(functional.relu(self.stem_norm(y_BCTHW)))
        y_BCT: Tensor = y_BCTHW.mean(dim=(3, 4))
        return y_BCT

    def _pooled(self, y_BCT: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(self.dropout((y_BCT.mean(dim=2) + y_BCT.amax(dim=2)) / 2))
        return logits_BK
