"""How weights are fitted: every choice of a training run that is not data or architecture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from emotion.ranges import Range, above, at_least, check_ranges
from emotion.train.augment import Augment

Loss = Literal["cross_entropy", "focal"]
Balance = Literal["weights", "sampling", "none"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


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
        accumulate: batches per step; equal to one batch that is as much larger, but for batch norm.
        ema_decay: of the moving average of the weights, which is then what is judged and kept; 0:
            none.
        mixup: alpha of Beta(alpha, alpha), the share of another clip that is blended in (Zhang et
            al. 2018); 0: none.
        cutmix: the same for a box of another clip, in all frames (Yun et al. 2019); 0: none. With
            both, each batch takes one by chance.
        loss: cross entropy, or focal loss (Lin et al. 2017).
        focal_gamma: how much less the focal loss cares about clips that are right already.
        balance: rare labels weigh more in the loss, or are drawn more often, or neither.
        backbone_lr: learning rate of the pretrained part, as a share of ``lr``.
        freeze_epochs: the pretrained part does not learn in these first epochs.
        patience: epochs without a better val UAR after which a run ends; 0: it never ends early.
        precision: of the forward pass in training; auto takes bf16 on GPUs that have it.
        channels_last: memory order of weights and clips; None: that of the device, see
            ``Learner.channels_last``.
        compile: let torch.compile fuse the model; needs a C++ compiler on a CPU.
        augment: how clips are changed.
    """

    epochs: int
    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.08
    label_smoothing: float = 0.05
    max_grad_norm: float = 2.0
    accumulate: int = 1
    ema_decay: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    loss: Loss = "cross_entropy"
    focal_gamma: float = 2.0
    balance: Balance = "weights"
    backbone_lr: float = 1.0
    freeze_epochs: int = 0
    patience: int = 0
    precision: Precision = "auto"
    channels_last: bool | None = None
    compile: bool = False
    augment: Augment = field(default_factory=Augment)

    def __post_init__(self) -> None:
        share = Range(0, 1, high_open=True)
        check_ranges(
            self,
            epochs=at_least(1),
            accumulate=at_least(1),
            lr=above(0),
            max_grad_norm=above(0),
            weight_decay=at_least(0),
            warmup=share,
            label_smoothing=share,
            ema_decay=share,
            mixup=at_least(0),
            cutmix=at_least(0),
            focal_gamma=at_least(0),
            backbone_lr=at_least(0),
            freeze_epochs=at_least(0),
            patience=at_least(0),
        )


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
