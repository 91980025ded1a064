"""A clip's logits, and those of its steps: where in the clip the evidence lies."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class TellsSteps(Protocol):
    """A model whose head also reads features that are not yet pooled over time.

    That is class activation mapping in time (Zhou et al., "Learning Deep Features for
    Discriminative Localization", 2016): no weight and hardly any work is added.
    """

    def with_steps(self, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised clips to (B, K) logits and (B, S, K) logits of S equal parts of the clip."""


def logits_and_steps(model: nn.Module, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
    """One pass of a model.

    Args:
        model: any of ``emotion.models.registry``, in eval mode.
        x_BCTHW: normalised clips.

    Returns:
        (B, K) logits, equal to the model's own, and (B, S, K) of its steps. A model that pools time
        on its way (torchvision's video networks) has one step: the clip.
    """
    if isinstance(model, TellsSteps):
        return model.with_steps(x_BCTHW)
    logits_BK: Tensor = model(x_BCTHW)
    return logits_BK, logits_BK[:, None]


class WithSteps(nn.Module):
    """A model that answers with its steps, for the ONNX exporter."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """See ``logits_and_steps``."""
        return logits_and_steps(self.model, x_BCTHW)
