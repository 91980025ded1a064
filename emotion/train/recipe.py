"""Options of a training run that are neither data nor architecture; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from emotion.errors import InputError
from emotion.ranges import Range, above, at_least, check_ranges

Loss = Literal["cross_entropy", "focal"]
Balance = Literal["weights", "sampling", "none"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
RecipeName = Literal["scratch", "finetune"]
Backbone = Literal["all", "top"]


@dataclass(frozen=True)
class Augment:
    """Limits of the random changes to training clips; with 0 in all fields no clip is changed.

    Attributes:
        flip: chance of a mirrored clip.
        rotate_deg: largest rotation in either direction, degrees.
        scale: largest growth or reduction, 0.1 for 10%.
        shift: largest move, as a share of the side.
        brightness: largest change, in standard deviations of a pixel.
        contrast: largest change of the spread around the mean, 0.2 for 20%.
        erase: chance of one grey rectangle.
        late: chance that a batch starts one frame later, so that a model that reads every second
            frame also learns from the others.
        saturation: largest change of colour against grey, 0.2 for 20%; grey clips stay unchanged.
        blur: chance of blurring, by at most a 3x3 binomial filter.
        speed: largest change of speed, 0.2 for 20%: frames are repeated or left out.
        reverse: chance of a clip in reversed order of frames. An onset becomes an offset.
    """

    flip: float = 0.5
    rotate_deg: float = 12.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.3
    contrast: float = 0.3
    erase: float = 0.25
    late: float = 0.5
    saturation: float = 0.0
    blur: float = 0.0
    speed: float = 0.0
    reverse: float = 0.0


def parse_augment(given: Mapping[str, str]) -> Augment:
    """Return the default limits, replaced by the ``given`` values, which are converted to numbers.

    Raises:
        InputError: on an unknown name, or a value that is no number.

    >>> parse_augment({"blur": "0.3"}).blur
    0.3
    """
    names = {f.name for f in fields(Augment)}
    values = {}
    for name, text in given.items():
        if name not in names:
            raise InputError(f"--augment knows no {name!r}; it knows {', '.join(sorted(names))}")
        try:
            values[name] = float(text)
        except ValueError:
            raise InputError(f"--augment {name} is {text!r}; it must be a number") from None
    return replace(Augment(), **values)


@dataclass(frozen=True)
class RecipeFlags:
    """Options of a recipe that are flags of jobs.train under the same names.

    Attributes:
        epochs: Passes over the train split.
        lr: Highest learning rate. It is reached after the warm-up and falls to 0 (half a cosine).
        weight_decay: Weight decay of AdamW, on convolutions and matrices only.
        warmup: Share of all steps in which the learning rate rises linearly.
        label_smoothing: Share of the target that is spread over all labels.
        max_grad_norm: Largest norm of the gradients; larger ones are scaled down to it.
        accumulate: Batches per optimisation step. Equals one batch that is as much larger, except
            for batch norm.
        ema_decay: Decay of the moving average of the weights, such as 0.995. The average is then
            evaluated and kept. 0: no average.
        mixup: Alpha of Beta(alpha, alpha), the share of another clip that is blended in (Zhang et
            al. 2018). 0: no blending.
        cutmix: The same for a box of another clip, in all frames (Yun et al. 2019). 0: no boxes.
            With both, each batch gets one of them at random.
        loss: Cross entropy, or focal loss (Lin et al. 2017).
        focal_gamma: Exponent of the focal loss; larger values lower the weight of clips that are
            already right.
        balance: Treatment of rare labels: they weigh more in the loss (weights), are drawn more
            often (sampling), or neither (none).
        backbone_lr: Learning rate of the pretrained part, as a share of lr.
        freeze_epochs: Number of first epochs in which the pretrained part does not learn.
        train_backbone: Share of the pretrained part that learns: all of it, or only its top. With
            top, the outputs of the frozen trunk are computed once for each of --views versions of a
            clip, which makes an epoch many times faster. Only for cnn_*. The top of mobilefacenet
            is its last two blocks and the layers after them; other backbones have no top.
        views: Number of augmented versions of each clip with --train-backbone top; the epochs take
            them in turn.
        patience: Number of epochs without a better val UAR after which a run ends. 0: it never ends
            early.
        precision: Precision of the forward pass in training. auto: bf16 on GPUs that have it, else
            fp32.
        channels_last: Memory order of weights and clips. True: channels last. False: channels
            first. None: channels last on GPUs only, where r3d_18 learns 1.5 times as fast with it.
        compile: Fuse the model with torch.compile; needs a C++ compiler on a CPU.
    """

    epochs: int = 60
    lr: float = 2e-3
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
    train_backbone: Backbone = "all"
    views: int = 4
    patience: int = 0
    precision: Precision = "auto"
    channels_last: bool | None = None
    compile: bool = False

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
            views=at_least(1),
            patience=at_least(0),
        )
        if self.train_backbone == "top" and self.cutmix:
            raise InputError(
                f"--cutmix is {self.cutmix:g}, which mixes pictures, but --train-backbone top sees "
                "only outputs of the trunk: leave --cutmix out, or take --train-backbone all"
            )


RECIPES: dict[RecipeName, Mapping[str, object]] = {
    "scratch": {},
    "finetune": {
        "epochs": 30,
        "backbone_lr": 0.1,
        "freeze_epochs": 2,
        "train_backbone": "top",
        "patience": 12,
    },
}
"""Defaults of each recipe, where they differ from those of ``RecipeFlags``.

``finetune`` starts from a pretrained backbone: at first only the new head learns, then also the top
of the backbone, at a tenth of the learning rate.
"""


@dataclass(frozen=True)
class Recipe(RecipeFlags):
    """All options of a recipe: the flags, and the limits of augmentation.

    Attributes:
        augment: limits of the random changes to clips.
    """

    augment: Augment = field(default_factory=Augment)


def recipe_of(flags: RecipeFlags, augment: Augment) -> Recipe:
    """Return the recipe with the values of ``flags``, which may have further fields.

    >>> recipe_of(RecipeFlags(epochs=3), Augment(flip=0.0)).epochs
    3
    """
    values = {f.name: getattr(flags, f.name) for f in fields(RecipeFlags)}
    return Recipe(**values, augment=augment)
