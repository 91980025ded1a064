"""MobileFaceNet: a small network that was made for faces (Chen et al. 2018), without its norms."""

from __future__ import annotations

from torch import Tensor, nn

from emotion.models.face_frame import FaceFrame, to_frame

FRAME = FaceFrame(size_px=112, eyes=0.3147, eye_height=0.4607)
"""Face frame of ArcFace's five-point template (Deng et al. 2019)."""

FEATURES = 512

_STAGES = ((64, 128, 5), (128, 256, 7), (128, 512, 1), (128, 256, 2))
"""Channels outside, channels inside and number of bottlenecks of each stage.

The first bottleneck of the first three stages halves the sides; that of the third stage is alone.
"""


def _conv(inside: int, outside: int, size: int, stride: int = 1, *, groups: int = 1) -> nn.Conv2d:
    padding = size // 2 if size == 3 else 0
    return nn.Conv2d(inside, outside, size, stride, padding, groups=groups)


TRUNK_BLOCKS = 13
"""Number of bottlenecks up to the maps of 7 x 7; nine tenths of the work is done in them."""


class Bottleneck(nn.Module):
    """Inverted residual: 1x1 convolution to more channels, 3x3 per channel, 1x1 to fewer."""

    def __init__(self, inside: int, middle: int, outside: int, *, stride: int) -> None:
        super().__init__()
        self.up, self.up_act = _conv(inside, middle, 1), nn.PReLU(middle)
        self.each, self.each_act = (
            _conv(middle, middle, 3, stride, groups=middle),
            nn.PReLU(middle),
        )
        self.down = _conv(middle, outside, 1)
        self.residual = stride == 1

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return features of maps of any (H, W); both sides are divided by the stride."""
        y_NCHW: Tensor = self.down(self.each_act(self.each(self.up_act(self.up(x_NCHW)))))
        return x_NCHW + y_NCHW if self.residual else y_NCHW


class MobileFaceNet(nn.Module):
    """Features of one face per picture.

    Batch norms are part of the convolutions, as in a trained network whose norms were folded. So
    the network is for published weights; for random weights take another backbone.
    """

    num_features = FEATURES
    trunk_parts = ("first.", "first_act.", "each.", "each_act.") + tuple(
        f"blocks.{index}." for index in range(TRUNK_BLOCKS)
    )
    """Prefixes of the names of the weights of ``trunk``."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.first_act = _conv(3, 64, 3, 2), nn.PReLU(64)
        self.each, self.each_act = _conv(64, 64, 3, groups=64), nn.PReLU(64)
        blocks, inside = [], 64
        for stage, (outside, middle, count) in enumerate(_STAGES):
            for index in range(count):
                stride = 2 if index == 0 and stage < 3 else 1
                blocks.append(Bottleneck(inside, middle, outside, stride=stride))
                inside = outside
        self.blocks = nn.Sequential(*blocks)
        self.last, self.last_act = _conv(inside, FEATURES, 1), nn.PReLU(FEATURES)
        self.whole = _conv(FEATURES, FEATURES, 7, groups=FEATURES)
        self.project = _conv(FEATURES, FEATURES, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return (N, 512) features of (N, 3, S, S) crops of any side, scaled to -1 to 1."""
        return self.of_frames(to_frame(x_NCHW, FRAME))

    def of_frames(self, x_NCHW: Tensor) -> Tensor:
        """Return (N, 512) features of (N, 3, 112, 112) pictures in ``FRAME``, scaled to -1 to 1."""
        return self.top(self._maps(x_NCHW))

    def trunk(self, x_NCHW: Tensor) -> Tensor:
        """Return (N, 128, 7, 7) maps of crops; ``top`` of them is ``forward`` of the crops."""
        return self._maps(to_frame(x_NCHW, FRAME))

    def _maps(self, x_NCHW: Tensor) -> Tensor:
        y_NCHW = self.each_act(self.each(self.first_act(self.first(x_NCHW))))
        maps_NCHW: Tensor = self.blocks[:TRUNK_BLOCKS](y_NCHW)
        return maps_NCHW

    def top(self, maps_NCHW: Tensor) -> Tensor:
        """Return (N, 512) features of the maps of ``trunk``."""
        y_NCHW = self.last_act(self.last(self.blocks[TRUNK_BLOCKS:](maps_NCHW)))
        features_NF: Tensor = self.project(self.whole(y_NCHW)).flatten(1)
        return features_NF
