"""One pass of training and one of evaluation, over any iterable of batches; no Ray in here.

Loss and hits leave as sums and counts, to be added over ranks before anything is divided.
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

from emotion.errors import InputError
from emotion.evaluate.metrics import Confusion, confusion_counts
from emotion.models.registry import look
from emotion.models.transforms import to_input
from emotion.train.augment import augment, change_time
from emotion.train.batches import Batch, ahead
from emotion.train.learner import Learner, autocast_dtype
from emotion.train.losses import loss_sum, mix
from emotion.train.recipe import lr_share


class LossError(InputError):
    """Training cannot go on: the loss is no number any more."""


@dataclass(frozen=True)
class Totals:
    """Sums over clips; ranks add them.

    Attributes:
        loss_sum: sum of the clips' losses.
        confusion: (K, K) counts; zeros after training, which does not count hits.
        num_clips: how many.
        logits: (N, K) float32 of an evaluation, in the order of the batches; (0, K) of training.
        targets: (N,) int64 of an evaluation.
        clip_ids: N names of an evaluation, if its batches have them.
    """

    loss_sum: float
    confusion: Confusion
    num_clips: int
    logits: NDArray[np.float32]
    targets: NDArray[np.int64]
    clip_ids: tuple[str, ...] = ()

    @property
    def loss(self) -> float:
        """Mean loss of a clip; 0 when there is none."""
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
    """One pass; equal arguments on one CPU give equal weights.

    Args:
        learner: what learns; its ``begin_epoch`` was called.
        batches: this rank's; every rank must bring the same number.
        epoch: for messages, from 1.
        first_step: steps taken in earlier epochs.
        total_steps: of the whole run, for the schedule.
        weights: (K,) loss weight per class_index.
        seed: of this epoch and rank: augmentation, mixing and dropout.
        wrapped: the model as the ranks share it (DistributedDataParallel); None: the bare one.

    Raises:
        LossError: if the loss is no longer finite; names the clips.
        InputError: if the memory does not suffice; says what to lower.
    """
    chance = _Chance(torch.Generator().manual_seed(seed), np.random.default_rng(seed))
    torch.manual_seed(seed)
    recipe, weights = learner.recipe, weights.to(learner.device)
    model = learner.model if wrapped is None else wrapped
    model.train()
    _keep_frozen(learner.model)
    num_clips, losses = 0, Losses(epoch, learner.device)
    groups = _groups(ahead(batches, learner.device), recipe.accumulate)
    for step, group in enumerate(groups, first_step):
        share = lr_share(step, total_steps=total_steps, warmup=recipe.warmup)
        num = sum(len(batch.targets) for batch in group)
        for index, batch in enumerate(group):
            last = index == len(group) - 1
            with _alone(model, last=last), enough_memory(batch):
                loss = _loss(learner, model, batch, weights, chance)
                losses.add(loss.detach(), batch, step=step, lr=recipe.lr * share)
                learner.scaler.scale(loss / num).backward()  # type: ignore[no-untyped-call]
        _step(learner, lr=recipe.lr * share)
        num_clips += num
    num_classes = len(weights)
    return Totals(
        losses.total(),
        np.zeros((num_classes, num_classes), np.int64),
        num_clips,
        np.empty((0, num_classes), np.float32),
        np.empty(0, np.int64),
    )


@dataclass(frozen=True)
class _Chance:
    generator: torch.Generator
    rng: np.random.Generator


def _keep_frozen(model: nn.Module) -> None:
    """Norms of a frozen part keep what they know."""
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(p.requires_grad for p in own):
            module.eval()


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of ``size`` batches; the last may be shorter."""
    stream = iter(batches)
    while group := list(itertools.islice(stream, size)):
        yield group


def _alone(model: nn.Module, *, last: bool) -> contextlib.AbstractContextManager[None]:
    """Gradients are shared between ranks once a step, with its last batch."""
    if last or not isinstance(model, nn.parallel.DistributedDataParallel):
        return contextlib.nullcontext()
    return model.no_sync()


def _loss(
    learner: Learner, model: nn.Module, batch: Batch, weights: Tensor, chance: _Chance
) -> Tensor:
    recipe, device = learner.recipe, learner.device
    clips = batch.clips.to(device, non_blocking=True)
    clips = change_time(clips, recipe.augment, generator=chance.generator)
    x_BCTHW = look(learner.model, to_input(clips))
    x_BCTHW = augment(x_BCTHW, recipe.augment, generator=chance.generator)
    targets = batch.targets.to(device, non_blocking=True)
    target_BK = functional.one_hot(targets, len(weights)).float()
    x_BCTHW, target_BK = mix(x_BCTHW, target_BK, recipe, rng=chance.rng)
    if learner.channels_last:
        x_BCTHW = x_BCTHW.contiguous(memory_format=torch.channels_last_3d)
    dtype = autocast_dtype(device, recipe.precision)
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        logits_BK = model(x_BCTHW)
    return loss_sum(logits_BK.float(), target_BK, weights, recipe)


class Losses:
    """The losses of an epoch's batches, each checked: on a GPU after the next one has begun.

    Asking for a number waits for the GPU, which then waits for the next batch's orders. What comes
    of one more step with such weights is never kept: an epoch that raises leaves nothing.
    """

    def __init__(self, epoch: int, device: torch.device) -> None:
        self._epoch, self._late = epoch, device.type == "cuda"
        self._total = 0.0
        self._open: tuple[Tensor, Batch, int, float] | None = None

    def add(self, loss: Tensor, batch: Batch, *, step: int, lr: float) -> None:
        """One more batch.

        Raises:
            LossError: if a loss is not finite.
        """
        if self._open:
            self._settle(*self._open)
        self._open = (loss, batch, step, lr)
        if not self._late:
            self.total()

    def total(self) -> float:
        """Their sum.

        Raises:
            LossError: if the last one is not finite.
        """
        if self._open:
            self._settle(*self._open)
            self._open = None
        return self._total

    def _settle(self, loss: Tensor, batch: Batch, step: int, lr: float) -> None:
        value = float(loss)
        self._total += value
        if not math.isfinite(value):
            names = ", ".join(batch.clip_ids[:4]) or f"{len(batch.targets)} clips"
            more = f" and {len(batch.clip_ids) - 4} more" if len(batch.clip_ids) > 4 else ""
            raise LossError(
                f"the loss is {value} at epoch {self._epoch}, step {step}, learning rate {lr:.2g}, "
                f"on clips {names}{more}: training cannot go on; take a lower --lr or look at "
                "these clips"
            )


def _step(learner: Learner, *, lr: float) -> None:
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
def enough_memory(batch: Batch) -> Iterator[None]:
    """Turn torch's out-of-memory into what to do about it.

    Raises:
        InputError: instead of torch's error.
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


def evaluate(model: nn.Module, batches: Iterable[Batch], *, num_classes: int) -> Totals:
    """One pass without learning, in float32 as the Predictor does it.

    Args:
        model: on its device; left in eval mode.
        batches: this rank's; none is fine.
        num_classes: K.

    Raises:
        LossError: if the loss is not finite.
        InputError: if the memory does not suffice.
    """
    device = next(model.parameters()).device
    model.eval()
    logits, targets = [np.empty((0, num_classes), np.float32)], [np.empty(0, np.int64)]
    total, names = 0.0, list[str]()
    with torch.inference_mode():
        for batch in ahead(batches, device):
            real = batch.targets >= 0
            if not bool(real.any()):
                continue
            truth = batch.targets[real]
            with enough_memory(batch):
                clips = batch.clips.to(device, non_blocking=True)[real.to(device)]
                logits_BK = model(to_input(clips)).float().cpu()
            total += float(functional.cross_entropy(logits_BK, truth, reduction="sum"))
            if not math.isfinite(total):
                raise LossError(
                    f"the val loss is {total}: the weights have diverged; take a lower --lr"
                )
            logits.append(logits_BK.numpy())
            targets.append(truth.numpy())
            pairs = zip(batch.clip_ids, real.tolist(), strict=False)  # names may be left out
            names += [name for name, its in pairs if its]
    every, true = np.concatenate(logits), np.concatenate(targets)
    counts = confusion_counts(true, every.argmax(axis=1), num_classes=num_classes)
    return Totals(total, counts, len(true), every, true, tuple(names))
