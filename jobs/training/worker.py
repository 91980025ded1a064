"""Ray Train worker: epochs over its share of the clips, figures over all ranks, checkpoints."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.train
import ray.train.torch
import safetensors.torch
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from ray.util.queue import Queue
from torch import nn

from emotion.errors import EmotionError
from emotion.models.registry import ModelArg, build_model
from emotion.train.checkpoint import RunState, ValClips, read_state, save_state
from emotion.train.history import EpochRow, TrainFigures, epoch_row, train_figures, val_sums
from emotion.train.learner import Learner, make_learner
from emotion.train.loop import Totals, evaluate_epoch, train_epoch
from emotion.train.losses import loss_weights
from emotion.train.recipe import Recipe
from emotion.train.sampling import epoch_seed
from emotion.train.schedule import Pace
from jobs.training.ingest import Share
from jobs.training.stored_clips import index_clips


@dataclass(frozen=True)
class WorkerPlan:
    """Decisions of the driver, equal for every rank.

    Attributes:
        dataset: address of the dataset.
        clip_shape: shape (T, H, W, 3) of its clips.
        model: name of the architecture.
        args: arguments of the architecture.
        pretrained: value of --pretrained; the driver has already read these weights.
        labels: labels in class_index order.
        recipe: options of optimisation, loss and augmentation.
        batch_size: clips per batch over all ranks.
        num_train: number of clips in the train split.
        train_counts: clips per class_index in the train split.
        keep_decoded: True if each rank keeps its decoded clips in memory.
        seed: seed of weights, order, augmentation and dropout.
        max_minutes: minutes after which no new epoch begins; 0: no limit.
        runs_here: number of runs that share the cores of each machine.
        halt: queue that stops the run: after an item is put into it, no new epoch begins.
        progress: queue for the rows of finished epochs, which the driver prints.
        faults: queue for the message of an error that stops a rank. Ray retries every failure. If
            this queue holds a message, restarted workers end at once, because a retry cannot fix
            such an error.
        git_commit: git commit of the code at the start of the run; None if it is unknown.
        initial: pretrained tensors by the model's names, as the bytes of a safetensors file; None:
            no pretrained weights.
    """

    dataset: str
    clip_shape: tuple[int, int, int, int]
    model: str
    args: dict[str, ModelArg]
    pretrained: str
    labels: tuple[str, ...]
    recipe: Recipe
    batch_size: int
    num_train: int
    train_counts: tuple[int, ...]
    keep_decoded: bool
    seed: int
    max_minutes: float
    runs_here: int = 1
    halt: Queue | None = None
    progress: Queue | None = None
    faults: Queue | None = None
    git_commit: str | None = None
    initial: ray.ObjectRef[bytes] | None = None


def train_worker(config: dict[str, Any]) -> None:
    """Train in a worker process of Ray Train; ``config["plan"]`` is a WorkerPlan.

    Raises:
        EmotionError: an error that a retry cannot fix; its message is put into ``plan.faults``.
    """
    plan: WorkerPlan = config["plan"]
    if plan.faults is not None and not plan.faults.empty():
        return
    try:
        _train(plan)
    except EmotionError as err:
        if plan.faults is not None:
            plan.faults.put(str(err))
        raise


def _train(plan: WorkerPlan) -> None:
    logging.getLogger().setLevel(logging.WARNING)  # at INFO Ray repeats the output of the driver
    context = ray.train.get_context()
    _use_cores(context.get_local_world_size() * plan.runs_here)
    learner = _begin(plan)
    state = _resume(learner)
    pace = Pace.of(
        num_train=plan.num_train,
        batch_size=plan.batch_size,
        ranks=context.get_world_size(),
        accumulate=plan.recipe.accumulate,
    )
    train, val = (
        Share(
            index_clips(plan.dataset, split, plan.labels),
            plan.clip_shape,
            keep=plan.keep_decoded,
            batch_size=pace.batch_size,
            rank=context.get_world_rank(),
            ranks=context.get_world_size(),
        )
        for split in ("train", "val")
    )
    first = context.get_world_rank() == 0
    if first:
        _send_rows(plan, state, state.history, is_new=False)
    run_began = time.monotonic()
    wrapped: nn.Module | None = None
    for epoch in range(len(state.history) + 1, plan.recipe.epochs + 1):
        if state.stale(plan.recipe.patience) or _must_stop(run_began, plan):
            break
        if learner.begin_epoch(epoch) or wrapped is None:  # the set of trained weights changed
            wrapped = ray.train.torch.prepare_model(learner.model)
        row, totals = _run_epoch(epoch, plan, pace, learner, wrapped, train, val)
        val_clips = _gathered(totals) if state.is_better(row) else None
        state.add(row, learner.eval_model, val_clips)
        _report(state, learner, first=first)
        if first:  # after the checkpoint, because the receiver of the row may stop the run
            _send_rows(plan, state, [row], is_new=True)


def _begin(plan: WorkerPlan) -> Learner:
    """Build the model with its initial weights on the device of this worker."""
    torch.manual_seed(plan.seed)
    model = build_model(plan.model, len(plan.labels), plan.args)
    if plan.initial is not None:
        model.load_state_dict(safetensors.torch.load(ray.get(plan.initial)), strict=False)
    model.to(ray.train.torch.get_device())
    return make_learner(model, plan.model, plan.recipe, seed=plan.seed)


def _use_cores(workers_here: int) -> None:
    """Let torch use an equal share of all cores, more than Ray reserves for this worker."""
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers_here))


def _resume(learner: Learner) -> RunState:
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return RunState()
    with checkpoint.as_directory() as folder:
        state, tensors = read_state(Path(folder))
    learner.load_tensors(tensors)
    return state


def _send_rows(plan: WorkerPlan, state: RunState, rows: list[EpochRow], *, is_new: bool) -> None:
    if plan.progress is not None:
        for row in rows:
            plan.progress.put((vars(row), state.best_epoch, is_new))


def _must_stop(run_began: float, plan: WorkerPlan) -> bool:
    """Return True on all ranks if any rank is out of time or halted, so that all stop together."""
    late = 0 < plan.max_minutes < (time.monotonic() - run_began) / 60
    halted = plan.halt is not None and not plan.halt.empty()
    return bool(_sum(np.array([float(late or halted)]))[0] > 0)


def _sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add values over the ranks; float64 holds any count below 2**53 exactly."""
    if not dist.is_initialized():
        return values
    tensor = torch.from_numpy(values.astype(np.float64)).to(ray.train.torch.get_device())
    dist.all_reduce(tensor)
    summed: NDArray[np.float64] = tensor.cpu().numpy()
    return summed


def _with_shared_buffers(model: nn.Module) -> nn.Module:
    """Copy rank 0's buffers (running means of batch norm) to this rank; return the model.

    The buffers differ between ranks, because each rank has other clips.
    """
    if dist.is_initialized():
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
    return model


def _gathered(totals: Totals) -> ValClips:
    """Return logits, targets and clip_ids of the val clips of all ranks."""
    own: ValClips = (totals.logits, totals.targets, totals.clip_ids)
    if not dist.is_initialized():
        return own
    shares: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(shares, own)
    logits, targets, names = zip(*shares, strict=True)
    return np.concatenate(logits), np.concatenate(targets), sum(names, ())


def _run_epoch(
    epoch: int,
    plan: WorkerPlan,
    pace: Pace,
    learner: Learner,
    wrapped: nn.Module,
    train: Share,
    val: Share,
) -> tuple[EpochRow, Totals]:
    """Train and evaluate one epoch; return its row over all ranks and this rank's val totals."""
    began, cpu_began = time.monotonic(), time.process_time()
    figures = _train_share(epoch, plan, pace, learner, wrapped, train)
    model = _with_shared_buffers(learner.eval_model)
    totals = evaluate_epoch(model, val.batches(), num_classes=len(plan.labels), trunk=learner.trunk)
    cpu_s = time.process_time() - cpu_began
    sums = _sum(val_sums(totals.loss_sum, totals.num_clips, cpu_s, totals.confusion))
    wall_s = time.monotonic() - began
    row = epoch_row(
        epoch,
        figures,
        sums,
        labels=plan.labels,
        recipe=plan.recipe,
        pace=pace,
        wall_s=wall_s,
        gpu_s=gpu_s(wall_s, ray.train.torch.get_device()),
    )
    return row, totals


def _train_share(
    epoch: int, plan: WorkerPlan, pace: Pace, learner: Learner, wrapped: nn.Module, train: Share
) -> TrainFigures:
    began = time.monotonic()
    seed = epoch_seed(plan.seed, epoch=epoch, rank=ray.train.get_context().get_world_rank())
    totals = train_epoch(
        learner,
        train.shuffled(
            num_batches=pace.batches, seed=plan.seed, epoch=epoch, balance=plan.recipe.balance
        ),
        epoch=epoch,
        first_step=(epoch - 1) * pace.steps,
        total_steps=plan.recipe.epochs * pace.steps,
        weights=loss_weights(plan.train_counts, plan.recipe),
        seed=seed,
        wrapped=wrapped,
    )
    loss_sum, num_clips = _sum(np.array([totals.loss_sum, totals.num_clips], np.float64))
    return train_figures(loss_sum, num_clips, wall_s=time.monotonic() - began)


def gpu_s(wall_s: float, device: torch.device) -> float | None:
    """Return the total GPU time of all ranks in seconds, one GPU per rank; None without GPUs."""
    if device.type != "cuda":
        return None
    return wall_s * (dist.get_world_size() if dist.is_initialized() else 1)


def _report(state: RunState, learner: Learner, *, first: bool) -> None:
    """Report the last epoch to Ray Train; every rank must call this, rank 0 adds the checkpoint."""
    row = state.history[-1]
    metrics = {"epoch": row.epoch, "val_uar": row.val_uar, "val_loss": row.val_loss}
    if not first:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder), state, learner)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))
