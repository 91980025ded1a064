"""What each Ray Train worker does: epochs over its share, scores agreed by all, checkpoints."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray.train
import ray.train.torch
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from ray.util.queue import Queue
from torch import nn

from emotion.learn.loop import Recipe, Totals, class_weights, evaluate, make_optimizer, train_epoch
from emotion.learn.metrics import scores
from emotion.learn.models import ModelArg, build_model, load_pretrained
from emotion.learn.state import EpochRow, RunState, read_state, restore, save_state
from jobs._train_data import Share


@dataclass(frozen=True)
class WorkerPlan:
    """What the driver decided, the same for every rank.

    Attributes:
        model: architecture.
        args: its arguments.
        pretrained: as ``load_pretrained`` takes it.
        labels: in class_index order.
        recipe: how to train.
        batch_size: clips per rank and step.
        steps: per epoch, the same on every rank.
        train_counts: clips per class_index in the train split.
        keep: whether the shares stay in memory.
        seed: of weights, order, augmentation and dropout.
        max_minutes: no new epoch begins after these; 0: no limit.
        progress: where each finished epoch's row is put, for the driver to print.
    """

    model: str
    args: dict[str, ModelArg]
    pretrained: str
    labels: tuple[str, ...]
    recipe: Recipe
    batch_size: int
    steps: int
    train_counts: tuple[int, ...]
    keep: bool
    seed: int
    max_minutes: float
    progress: Queue | None = None


def train_worker(config: dict[str, Any]) -> None:
    """Ray Train's entry point; ``config["plan"]`` is a WorkerPlan."""
    plan: WorkerPlan = config["plan"]
    logging.getLogger().setLevel(logging.WARNING)  # Ray says at INFO what the driver prints
    context = ray.train.get_context()
    _use_cores(context.get_local_world_size())
    torch.manual_seed(plan.seed)
    model = build_model(plan.model, len(plan.labels), plan.args)
    load_pretrained(model, plan.model, plan.pretrained)
    wrapped = ray.train.torch.prepare_model(model)
    optimizer = make_optimizer(model, plan.recipe)
    state = _resume(model, optimizer)
    train, val = (
        Share(ray.train.get_dataset_shard(name), keep=plan.keep, batch_size=plan.batch_size)
        for name in ("train", "val")
    )
    began = time.monotonic()
    for epoch in range(len(state.history) + 1, plan.recipe.epochs + 1):
        if _time_is_up(began, plan.max_minutes):
            break
        row = _epoch(epoch, plan, wrapped, model, optimizer, train, val)
        state.add(row, model)
        if context.get_world_rank() == 0 and plan.progress is not None:
            plan.progress.put((vars(row), state.best_epoch))
        _report(state, model, optimizer, rank=context.get_world_rank())


def _use_cores(workers_here: int) -> None:
    """All cores of this machine, shared evenly: Ray reserves fewer so that ingest has room."""
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers_here))


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer) -> RunState:
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return RunState()
    with checkpoint.as_directory() as folder:
        state, tensors = read_state(Path(folder))
    restore(tensors, model, optimizer)
    return state


def _time_is_up(began: float, max_minutes: float) -> bool:
    """Whether any rank is out of time: all stop together."""
    late = max_minutes > 0 and time.monotonic() - began > 60 * max_minutes
    return bool(_sum(np.array([float(late)]))[0] > 0)


def _sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add over the ranks; float64 holds any count below 2**53 exactly."""
    if not dist.is_initialized():
        return values
    tensor = torch.from_numpy(values.astype(np.float64)).to(ray.train.torch.get_device())
    dist.all_reduce(tensor)
    summed: NDArray[np.float64] = tensor.cpu().numpy()
    return summed


def _over_ranks(totals: Totals) -> Totals:
    head = [totals.loss_sum, float(totals.num_clips)]
    flat = _sum(np.concatenate([head, totals.confusion.ravel().astype(np.float64)]))
    confusion = flat[2:].astype(np.int64).reshape(totals.confusion.shape)
    return Totals(float(flat[0]), confusion, round(flat[1]))


def _epoch(
    epoch: int,
    plan: WorkerPlan,
    wrapped: nn.Module,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: Share,
    val: Share,
) -> EpochRow:
    """Train and evaluate once; every number in the row is the same on every rank."""
    began = time.monotonic()
    rank = ray.train.get_context().get_world_rank()
    seed = int(np.random.SeedSequence([plan.seed, epoch, rank]).generate_state(1)[0])
    done = train_epoch(
        wrapped,
        train.shuffled(num_batches=plan.steps, seed=seed),
        optimizer,
        plan.recipe,
        first_step=(epoch - 1) * plan.steps,
        total_steps=plan.recipe.epochs * plan.steps,
        weights=class_weights(plan.train_counts),
        seed=seed,
    )
    fitted = _over_ranks(done)
    train_s = time.monotonic() - began
    judged = _over_ranks(evaluate(model, val.batches(), num_classes=len(plan.labels)))
    found = scores(judged.confusion, plan.labels)
    return EpochRow(
        epoch=epoch,
        train_loss=fitted.loss,
        val_loss=judged.loss,
        val_war=found.war,
        val_uar=found.uar,
        wall_s=time.monotonic() - began,
        clips_per_s=fitted.num_clips / max(train_s, 1e-9),
        val_confusion=found.confusion,
    )


def _report(
    state: RunState, model: nn.Module, optimizer: torch.optim.Optimizer, *, rank: int
) -> None:
    """Hand a checkpoint to Ray Train; a collective, rank 0 brings the files."""
    row = state.history[-1]
    metrics = {"epoch": row.epoch, "val_uar": row.val_uar, "val_loss": row.val_loss}
    if rank != 0:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder), state, model, optimizer)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))
