"""Logits of a clip and of its steps.

Steps are equal parts of a clip in time. Their logits show at which time a label is visible.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class HasSteps(Protocol):
    """Model whose head can also be applied to features before they are pooled over time.

    This is class activation mapping in time (Zhou et al., "Learning Deep Features for
    Discriminative Localization", 2016). It adds no weight and costs little time.
    """

    def with_steps(self, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, K) logits of clips, and (B, S, K) logits of S equal parts of each clip."""


def logits_and_steps(model: nn.Module, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
    """Run a model once and return the logits of the clips and of their steps.

    Args:
        model: any model of ``emotion.models.registry``, in eval mode.
        x_BCTHW: normalised clips.

    Returns:
        (B, K) logits, equal to those of ``model(x_BCTHW)``, and (B, S, K) logits of the steps. For
        a model without ``with_steps`` (torchvision's video networks) S is 1: the step is the clip.
    """
    if isinstance(model, HasSteps):
        return model.with_steps(x_BCTHW)
    logits_BK: Tensor = model(x_BCTHW)
    return logits_BK, logits_BK[:, None]


class LogitsAndSteps(nn.Module):
    """Module form of ``logits_and_steps``, for the ONNX exporter."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of clips and of their steps."""
        return logits_and_steps(self.model, x_BCTHW)
