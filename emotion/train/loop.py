"""One training epoch and one evaluation pass, over any iterable of batches; imports no Ray.

Results are sums and counts: the caller adds them over ranks and divides once.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from emotion.arrays import check_array, repr_with_shapes
from emotion.errors import InputError
from emotion.evaluate.metrics import Confusion, confusion_counts
from emotion.models.registry import find_model
from emotion.models.transforms import to_input
from emotion.train.augment import change_pixels, change_time
from emotion.train.batches import Batch, prefetch
from emotion.train.epoch_loss import EpochLoss, LossError
from emotion.train.learner import Learner, autocast_dtype
from emotion.train.losses import loss_sum, mix
from emotion.train.schedule import lr_share
from emotion.train.trunk import Trunk


@dataclass(frozen=True)
class Totals:
    """Sums of one pass over clips; ranks add them.

    Attributes:
        loss_sum: sum of the clips' losses.
        confusion: (K, K) int64 counts of an evaluation; zeros after training.
        num_clips: number of clips.
        logits: (N, K) float32 of an evaluation, in the order of the batches; (0, K) after training.
        targets: (N,) int64 of an evaluation; (0,) after training.
        clip_ids: N names of an evaluation, if its batches have names.

    Raises:
        ValueError: on another shape or dtype.
    """

    loss_sum: float
    confusion: Confusion
    num_clips: int
    logits: NDArray[np.float32]
    targets: NDArray[np.int64]
    clip_ids: tuple[str, ...] = ()

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        num, wide = len(self.targets), len(self.confusion)
        check_array("Totals.confusion", self.confusion, shape=(wide, wide), dtype=np.int64)
        check_array("Totals.logits", self.logits, shape=(num, wide), dtype=np.float32)
        check_array("Totals.targets", self.targets, shape=(num,), dtype=np.int64)

    @property
    def loss(self) -> float:
        """Mean loss of a clip; 0 without clips."""
        return self.loss_sum / self.num_clips if self.num_clips else 0.0


def train_epoch(
    learner: Learner,
    batches: Iterable[Batch],
    *,
    epoch: int,
    first_step: int,
    total_steps: int,
    weights: Tensor,
    seed: int,
    wrapped: nn.Module | None = None,
) -> Totals:
    """Train for one epoch; on one CPU, equal arguments give equal weights.

    Args:
        learner: the model under training; its ``begin_epoch`` was called.
        batches: batches of this rank; every rank must have the same number.
        epoch: number of the epoch for messages, from 1.
        first_step: number of steps in earlier epochs.
        total_steps: number of steps of the whole run, for the schedule.
        weights: (K,) loss weight per class_index.
        seed: seed of this epoch and rank, for augmentation, mixing and dropout.
        wrapped: the model that the ranks share (DistributedDataParallel); None: the bare model.

    Raises:
        LossError: if the loss is not finite; the message names the clips.
        InputError: if memory runs out; the message names the flags to change.
    """
    random = _Random(torch.Generator().manual_seed(seed), np.random.default_rng(seed))
    torch.manual_seed(seed)
    recipe, weights = learner.recipe, weights.to(learner.device)
    model = learner.model if wrapped is None else wrapped
    model.train()
    _keep_frozen(learner.model)
    num_clips, epoch_loss = 0, EpochLoss(epoch, learner.device)
    groups = _groups(prefetch(batches, learner.device), recipe.accumulate)
    for step, group in enumerate(groups, first_step):
        share = lr_share(step, total_steps=total_steps, warmup=recipe.warmup)
        num = sum(len(batch.targets) for batch in group)
        for index, batch in enumerate(group):
            last = index == len(group) - 1
            with _sync_if(model, last=last), memory_errors(batch):
                loss = _loss(learner, model, batch, weights, random, epoch=epoch)
                epoch_loss.add(loss.detach(), batch, step=step, lr=recipe.lr * share)
                learner.scaler.scale(loss / num).backward()  # type: ignore[no-untyped-call]
        _step(learner, lr=recipe.lr * share)
        num_clips += num
    num_classes = len(weights)
    return Totals(
        epoch_loss.total(),
        np.zeros((num_classes, num_classes), np.int64),
        num_clips,
        np.empty((0, num_classes), np.float32),
        np.empty(0, np.int64),
    )


@dataclass(frozen=True)
class _Random:
    generator: torch.Generator
    rng: np.random.Generator


def _keep_frozen(model: nn.Module) -> None:
    """Set frozen modules to eval mode, so that the running statistics of norms do not change."""
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(p.requires_grad for p in own):
            module.eval()


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield lists of ``size`` batches; the last list may be shorter."""
    stream = iter(batches)
    while group := list(itertools.islice(stream, size)):
        yield group


def _sync_if(model: nn.Module, *, last: bool) -> contextlib.AbstractContextManager[None]:
    """Return a context in which ranks exchange gradients only at the last batch of a step."""
    if last or not isinstance(model, nn.parallel.DistributedDataParallel):
        return contextlib.nullcontext()
    return model.no_sync()


def _loss(
    learner: Learner,
    model: nn.Module,
    batch: Batch,
    weights: Tensor,
    random: _Random,
    *,
    epoch: int,
) -> Tensor:
    """Return the sum of the losses of a batch, after augmentation and mixing."""
    recipe, device = learner.recipe, learner.device
    x = _changed_clips(learner, batch, random, epoch=epoch)
    targets = batch.targets.to(device, non_blocking=True)
    target_BK = functional.one_hot(targets, len(weights)).float()
    x, target_BK = mix(x, target_BK, recipe, rng=random.rng)
    from_trunk = {"from_trunk": True} if learner.trunk else {}
    if learner.channels_last and not from_trunk:
        x = x.contiguous(memory_format=torch.channels_last_3d)
    dtype = autocast_dtype(device, recipe.precision)
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        logits_BK = model(x, **from_trunk)
    return loss_sum(logits_BK.float(), target_BK, weights, recipe)


def _changed_clips(learner: Learner, batch: Batch, random: _Random, *, epoch: int) -> Tensor:
    """Return augmented clips, (B, C, T, H, W), or the outputs of the trunk for such clips."""
    if learner.trunk:
        return learner.trunk.of_training(learner.model, batch, epoch=epoch)
    recipe, device = learner.recipe, learner.device
    clips = batch.clips.to(device, non_blocking=True)
    clips = change_time(clips, recipe.augment, generator=random.generator)
    x_BCTHW = find_model(learner.name).look(learner.model, to_input(clips))
    return change_pixels(x_BCTHW, recipe.augment, generator=random.generator)


def _step(learner: Learner, *, lr: float) -> None:
    """Clip the gradients, step the optimizer, clear the gradients, update the moving average."""
    for group in learner.optimizer.param_groups:
        group["lr"] = lr * group["share"]
    learner.scaler.unscale_(learner.optimizer)
    nn.utils.clip_grad_norm_(learner.model.parameters(), learner.recipe.max_grad_norm)
    learner.scaler.step(learner.optimizer)
    learner.scaler.update()
    learner.optimizer.zero_grad(set_to_none=True)
    if learner.ema:
        learner.ema.update(learner.model)


@contextlib.contextmanager
def memory_errors(batch: Batch) -> Iterator[None]:
    """Replace torch's out-of-memory error by one that names the flags to change.

    Raises:
        InputError: if memory runs out.
    """
    try:
        yield
    except RuntimeError as err:
        text = str(err)
        if isinstance(err, torch.OutOfMemoryError) or "can't allocate memory" in text:
            raise InputError(
                f"out of memory with a batch of clips {tuple(batch.clips.shape)}: lower "
                "--batch-size and raise --accumulate as much, or take a smaller --model"
            ) from err
        raise


def evaluate_epoch(
    model: nn.Module, batches: Iterable[Batch], *, num_classes: int, trunk: Trunk | None = None
) -> Totals:
    """Evaluate all batches once, in float32 like the Predictor.

    Args:
        model: on its device; the function sets it to eval mode and leaves it so.
        batches: batches of this rank; may be empty.
        num_classes: K.
        trunk: the frozen trunk of the model, which keeps its outputs; None: run the whole model.

    Raises:
        LossError: if the loss is not finite.
        InputError: if memory runs out.
    """
    device = next(model.parameters()).device
    model.eval()
    logits, targets = [np.empty((0, num_classes), np.float32)], [np.empty(0, np.int64)]
    total, names = 0.0, list[str]()
    with torch.inference_mode():
        for batch in prefetch(batches, device):
            with memory_errors(batch):
                if trunk:
                    logits_BK = model(trunk.of_evaluation(model, batch), from_trunk=True)
                else:
                    logits_BK = model(to_input(batch.clips.to(device, non_blocking=True)))
                logits_BK = logits_BK.float().cpu()
            total += float(functional.cross_entropy(logits_BK, batch.targets, reduction="sum"))
            if not math.isfinite(total):
                raise LossError(
                    f"the val loss is {total}: the weights have diverged; take a lower --lr"
                )
            logits.append(logits_BK.numpy())
            targets.append(batch.targets.numpy())
            names += batch.clip_ids
    logits_NK, truth_N = np.concatenate(logits), np.concatenate(targets)
    counts = confusion_counts(truth_N, logits_NK.argmax(axis=1), num_classes=num_classes)
    return Totals(total, counts, len(truth_N), logits_NK, truth_N, tuple(names))
