"""Temporal heads of the models ``cnn_*``: features of frames to one vector per clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

Temporal = Literal["mean", "lstm", "gru", "attention"]

MAX_FRAMES = 512
"""Largest number of frames that ``cnn_attention`` reads: the number of its learnt positions."""


class TemporalHead(nn.Module, ABC):
    """Base class of the temporal heads: one output per frame, pooled into one vector per clip."""

    def forward(self, y_BTD: Tensor) -> Tensor:
        """Return one vector per clip, (B, D), from its frames' features, (B, T, D)."""
        return self.pool(self.outputs(y_BTD))

    @abstractmethod
    def outputs(self, y_BTD: Tensor) -> Tensor:
        """Return an output per frame, (B, T, D)."""

    def pool(self, out_BTD: Tensor) -> Tensor:
        """Return the mean over time, (B, D)."""
        return out_BTD.mean(dim=1)


class Mean(TemporalHead):
    """Mean over time; the order of the frames has no effect."""

    def __init__(self, hidden: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()

    def outputs(self, y_BTD: Tensor) -> Tensor:
        """Return (B, T, D) outputs; each depends on its own frame only."""
        return torch.relu(y_BTD)


class Recurrent(TemporalHead):
    """LSTM (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014), in both directions."""

    def __init__(self, cell: type[nn.LSTM] | type[nn.GRU], hidden: int, layers: int) -> None:
        super().__init__()
        self.cells = cell(hidden, hidden // 2, layers, batch_first=True, bidirectional=True)

    def outputs(self, y_BTD: Tensor) -> Tensor:
        """Return (B, T, D): the cells' outputs after each frame, from both directions."""
        out_BTD: Tensor = self.cells(y_BTD)[0]
        return out_BTD


class Attention(TemporalHead):
    """Transformer encoder over frames with learnt positions, and attention pooling."""

    def __init__(self, hidden: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.positions = nn.Parameter(0.02 * torch.randn(MAX_FRAMES, hidden))
        layer = nn.TransformerEncoderLayer(
            hidden, heads, 2 * hidden, dropout, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.score = nn.Linear(hidden, 1)

    def outputs(self, y_BTD: Tensor) -> Tensor:
        """Return (B, T, D), each computed from all frames; T is at most ``MAX_FRAMES``."""
        out_BTD: Tensor = self.encoder(y_BTD + self.positions[: y_BTD.shape[1]])
        return out_BTD

    def pool(self, out_BTD: Tensor) -> Tensor:
        """Return the weighted mean over time, (B, D); the weights are learnt and sum to 1."""
        pooled_BD: Tensor = (out_BTD * self.score(out_BTD).softmax(dim=1)).sum(dim=1)
        return pooled_BD


TEMPORAL_HEADS = {
    "mean": Mean,
    "lstm": lambda hidden, layers, heads, dropout: Recurrent(nn.LSTM, hidden, layers),
    "gru": lambda hidden, layers, heads, dropout: Recurrent(nn.GRU, hidden, layers),
    "attention": Attention,
}
