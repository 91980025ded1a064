"""One pass of training and one of evaluation, over any iterable of batches; no Ray in here.

Loss and hits leave as sums and counts, to be added over ranks before anything is divided.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emotion.errors import InputError
from emotion.learn.metrics import Confusion, confusion_counts
from emotion.learn.models import look
from emotion.learn.transforms import Augment, augment, start_late, to_input

Batch = tuple[Tensor, Tensor]
"""Clips (N, T, H, W, 3) uint8, and class indices (N,) int64; an index below 0 is padding."""


@dataclass(frozen=True)
class Recipe:
    """How weights are fitted.

    Attributes:
        epochs: passes over the train split.
        lr: the highest learning rate, reached after warm-up; 0 at the end (cosine).
        weight_decay: AdamW's, on convolutions and matrices only.
        warmup: share of all steps spent in linear warm-up.
        label_smoothing: share of the target spread over all labels.
        max_grad_norm: gradients are scaled down to this norm.
        augment: how clips are changed.
    """

    epochs: int
    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.08
    label_smoothing: float = 0.05
    max_grad_norm: float = 2.0
    augment: Augment = Augment()


@dataclass(frozen=True)
class Totals:
    """Sums over clips; ``+`` adds batches or ranks.

    Attributes:
        loss_sum: sum of the clips' losses.
        confusion: (K, K) counts; zeros after training, which does not count hits.
        num_clips: how many.
    """

    loss_sum: float
    confusion: Confusion
    num_clips: int

    @property
    def loss(self) -> float:
        """Mean loss of a clip; 0 when there is none."""
        return self.loss_sum / self.num_clips if self.num_clips else 0.0


def lr_share(step: int, *, total_steps: int, warmup: float) -> float:
    """Share of the highest learning rate at ``step``: linear warm-up, then half a cosine to 0.

    >>> [round(lr_share(s, total_steps=10, warmup=0.2), 2) for s in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warm_steps = max(1, round(total_steps * warmup))
    if step < warm_steps:
        return (step + 1) / warm_steps
    done = (step - warm_steps) / max(1, total_steps - warm_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def class_weights(counts: Iterable[int]) -> Tensor:
    """Loss weights that let each label count alike, 1 on average over the clips.

    Args:
        counts: clips per class_index; a label without clips weighs 0.

    >>> class_weights([10, 30, 0])
    tensor([2.0000, 0.6667, 0.0000])
    """
    num = torch.tensor(list(counts), dtype=torch.float32)
    present = num > 0
    share = num.sum() / present.sum().clamp(min=1)
    return torch.where(present, share / num.clamp(min=1), torch.zeros_like(num))


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW; biases and norms do not decay."""
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decay, "weight_decay": recipe.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr)


def autocast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it, else float32.

    On a CPU without AMX or AVX512-BF16, oneDNN emulates bfloat16 and is slower than float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    name = torch.backends.cpu.get_cpu_capability()
    has = any(
        check() for check in (torch.cpu._is_amx_tile_supported, torch.cpu._is_avx512_bf16_supported)
    )
    return torch.bfloat16 if has and name.startswith("AVX512") else torch.float32


def train_epoch(
    model: nn.Module,
    batches: Iterable[Batch],
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    *,
    first_step: int,
    total_steps: int,
    weights: Tensor,
    seed: int,
) -> Totals:
    """One pass; equal arguments on one CPU give equal weights.

    Args:
        model: on its device; may be wrapped by DistributedDataParallel.
        batches: this rank's; every rank must bring the same number.
        optimizer: of the model.
        recipe: how.
        first_step: steps taken in earlier epochs.
        total_steps: of the whole run, for the schedule.
        weights: (K,) loss weight per class_index.
        seed: of this epoch and rank: augmentation and dropout.

    Raises:
        InputError: if the loss is no longer finite.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    weights = weights.to(device)
    model.train()
    loss_sum, num_clips = 0.0, 0
    for step, (clips, target) in enumerate(batches, first_step):
        rate = recipe.lr * lr_share(step, total_steps=total_steps, warmup=recipe.warmup)
        clips = start_late(clips, recipe.augment, generator=generator)
        x_BCTHW = look(model, to_input(clips.to(device)))
        x_BCTHW = augment(x_BCTHW, recipe.augment, generator=generator)
        loss = _loss(model, x_BCTHW, target.to(device), weights, recipe.label_smoothing)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise InputError(
                f"the loss is {value} at step {step} with learning rate {rate:.2g}: training "
                "cannot go on; take a lower --lr"
            )
        _step(model, optimizer, loss, rate=rate, max_grad_norm=recipe.max_grad_norm)
        loss_sum, num_clips = loss_sum + value * len(target), num_clips + len(target)
    empty = np.zeros((len(weights), len(weights)), np.int64)
    return Totals(loss_sum, empty, num_clips)


def _loss(
    model: nn.Module, x_BCTHW: Tensor, target: Tensor, weights: Tensor, label_smoothing: float
) -> Tensor:
    dtype = autocast_dtype(x_BCTHW.device)
    with torch.autocast(x_BCTHW.device.type, dtype=dtype, enabled=dtype is not torch.float32):
        logits_BK = model(x_BCTHW)
    return functional.cross_entropy(
        logits_BK.float(), target, weight=weights, label_smoothing=label_smoothing
    )


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    *,
    rate: float,
    max_grad_norm: float,
) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()


def evaluate(model: nn.Module, batches: Iterable[Batch], *, num_classes: int) -> Totals:
    """One pass without learning, in float32 as the Predictor does it.

    Args:
        model: on its device; left in eval mode.
        batches: this rank's; none is fine.
        num_classes: K.

    Raises:
        InputError: if the loss is not finite.
    """
    device = next(model.parameters()).device
    model.eval()
    confusion = np.zeros((num_classes, num_classes), np.int64)
    loss_sum, num_clips = 0.0, 0
    with torch.inference_mode():
        for clips, target in batches:
            real = target >= 0
            if not bool(real.any()):
                continue
            truth = target[real]
            logits_BK = model(to_input(clips[real].to(device))).float().cpu()
            loss_sum += float(functional.cross_entropy(logits_BK, truth, reduction="sum"))
            if not math.isfinite(loss_sum):
                raise InputError(
                    f"the val loss is {loss_sum}: the weights have diverged; take a lower --lr"
                )
            predicted = logits_BK.argmax(dim=1).numpy()
            confusion += confusion_counts(truth.numpy(), predicted, num_classes=num_classes)
            num_clips += len(truth)
    return Totals(loss_sum, confusion, num_clips)
