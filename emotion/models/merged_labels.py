"""Last layer of an imported network with more outputs than labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotion.errors import InputError


class MergedLabels(nn.Module):
    """Logits of labels from the logits of more outputs: probabilities of one label are added.

    Args:
        text: number of outputs of each label, such as "1,1,2"; they follow one another.
        num_classes: number of labels.

    Raises:
        InputError: if ``text`` does not have one number per label, each 1 or more.
    """

    def __init__(self, text: str, num_classes: int) -> None:
        super().__init__()
        parts = text.split(",")
        if len(parts) != num_classes or not all(part.isdigit() and int(part) for part in parts):
            raise InputError(f"merge {text!r} must be {num_classes} numbers of 1 or more")
        self.counts = [int(part) for part in parts]

    def forward(self, logits: Tensor) -> Tensor:
        """Return (..., K) logits from (..., sum of the counts) logits."""
        parts = torch.split(logits, self.counts, dim=-1)
        return torch.cat([part.logsumexp(dim=-1, keepdim=True) for part in parts], dim=-1)
