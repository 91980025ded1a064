"""Losses over soft targets, weights of rare labels, and the mixing of clips."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from emotion.train.recipe import Recipe


def class_weights(counts: Iterable[int]) -> Tensor:
    """Return loss weights that give each label the same influence; their mean over clips is 1.

    Args:
        counts: clips per class_index; a label without clips weighs 0.

    >>> class_weights([10, 30, 0])
    tensor([2.0000, 0.6667, 0.0000])
    """
    num = torch.tensor(list(counts), dtype=torch.float32)
    present = num > 0
    share = num.sum() / present.sum().clamp(min=1)
    return torch.where(present, share / num.clamp(min=1), torch.zeros_like(num))


def loss_weights(counts: Iterable[int], recipe: Recipe) -> Tensor:
    """Return the (K,) loss weights of the recipe: ``class_weights`` for ``weights``, else ones."""
    counts = list(counts)
    return class_weights(counts) if recipe.balance == "weights" else torch.ones(len(counts))


def loss_sum(logits_BK: Tensor, target_BK: Tensor, weights_K: Tensor, recipe: Recipe) -> Tensor:
    """Return the sum of the clips' losses.

    Args:
        logits_BK: (B, K) float32.
        target_BK: (B, K) shares of labels; rows sum to 1.
        weights_K: (K,) loss weight per label.
        recipe: ``loss``, ``focal_gamma`` and ``label_smoothing`` are used.

    Returns:
        A scalar. Cross entropy: the sum over clips of ``-sum_k w_k t_k log p_k``. The focal loss
        multiplies ``w_k`` by ``(1 - p_k) ** gamma``.
    """
    if recipe.loss == "cross_entropy":
        return functional.cross_entropy(
            logits_BK,
            target_BK,
            weight=weights_K,
            label_smoothing=recipe.label_smoothing,
            reduction="sum",
        )
    smooth = recipe.label_smoothing
    target_BK = target_BK * (1 - smooth) + smooth / target_BK.shape[1]
    log_BK = functional.log_softmax(logits_BK, dim=1)
    return -(weights_K * (1 - log_BK.exp()) ** recipe.focal_gamma * target_BK * log_BK).sum()


def mix(
    x_BCTHW: Tensor, target_BK: Tensor, recipe: Recipe, *, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mix each clip with another clip of its batch, and their targets in the same shares.

    mixup blends the two clips; cutmix pastes a box of the other clip. If the recipe has both, one
    is drawn for the whole batch.

    Args:
        x_BCTHW: clips.
        target_BK: (B, K) shares of labels.
        recipe: ``mixup`` and ``cutmix`` are used.
        rng: the only source of random numbers.

    Returns:
        Clips and targets of the same shapes; unchanged if the recipe has no mixing.
    """
    methods = [name for name in ("mixup", "cutmix") if getattr(recipe, name) > 0]
    if not methods:
        return x_BCTHW, target_BK
    method = methods[int(rng.integers(len(methods)))]
    alpha = getattr(recipe, method)
    share = float(rng.beta(alpha, alpha))  # share of the other clip
    other = torch.from_numpy(rng.permutation(len(x_BCTHW))).to(x_BCTHW.device)
    if method == "mixup":
        mixed = x_BCTHW * (1 - share) + x_BCTHW[other] * share
    else:
        mixed, share = _paste(x_BCTHW, x_BCTHW[other], share, rng)
    return mixed, target_BK * (1 - share) + target_BK[other.to(target_BK.device)] * share


def _paste(
    x_BCTHW: Tensor, other_BCTHW: Tensor, share: float, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """Return clips with a pasted box of the other clips, and the box's share of the area.

    ``share`` is the wanted share; the returned one is that of the box in whole pixels.
    """
    height, width = x_BCTHW.shape[-2:]
    tall, wide = round(height * share**0.5), round(width * share**0.5)
    top = int(rng.integers(height - tall + 1))
    left = int(rng.integers(width - wide + 1))
    mixed = x_BCTHW.clone()
    box = (..., slice(top, top + tall), slice(left, left + wide))
    mixed[box] = other_BCTHW[box]
    return mixed, tall * wide / (height * width)
