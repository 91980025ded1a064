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
from emotion.evaluate.metrics import scores
from emotion.models.registry import ModelArg, build_model
from emotion.train.checkpoint import EpochRow, RunState, ValClips, read_state, save_state
from emotion.train.learner import Learner, make_learner
from emotion.train.loop import Totals, evaluate, train_epoch
from emotion.train.losses import loss_weights
from emotion.train.recipe import Recipe, lr_share
from jobs.training.ingest import Share


@dataclass(frozen=True)
class WorkerPlan:
    """What the driver decided, the same for every rank.

    Attributes:
        model: architecture.
        args: its arguments.
        pretrained: as ``load_pretrained`` takes it; the driver has read it.
        labels: in class_index order.
        recipe: how to train.
        batch_size: clips per step over all ranks.
        num_train: clips in the train split.
        train_counts: the same per class_index.
        keep: whether the shares stay in memory.
        seed: of weights, order, augmentation and dropout.
        max_minutes: no new epoch begins after these; 0: no limit.
        runs_here: runs that share each machine's cores.
        halt: once something is put there, no new epoch begins.
        progress: where each finished epoch's row is put, for the driver to print.
        faults: where a rank puts the one line that it stops with. Ray would begin again, and
            begin again in vain: with a line here, the workers end instead.
        git_commit: of the code, as the run began: files may change while it goes on.
        initial: the tensors to start from, by the model's names, as a safetensors file's bytes.
    """

    model: str
    args: dict[str, ModelArg]
    pretrained: str
    labels: tuple[str, ...]
    recipe: Recipe
    batch_size: int
    num_train: int
    train_counts: tuple[int, ...]
    keep: bool
    seed: int
    max_minutes: float
    runs_here: int = 1
    halt: Queue | None = None
    progress: Queue | None = None
    faults: Queue | None = None
    git_commit: str | None = None
    initial: ray.ObjectRef[bytes] | None = None


@dataclass(frozen=True)
class Pace:
    """How an epoch is cut into batches and steps; follows from how many ranks there are.

    >>> Pace.of(num_train=100, batch_size=16, ranks=3, accumulate=2)
    Pace(batch_size=5, batches=6, steps=3)
    """

    batch_size: int
    batches: int
    steps: int

    @classmethod
    def of(cls, *, num_train: int, batch_size: int, ranks: int, accumulate: int) -> Pace:
        """Clips per rank and batch, batches per rank and epoch, steps per epoch."""
        per_rank = max(2, batch_size // ranks)  # batch normalisation needs two
        batches = max(1, num_train // ranks // per_rank)
        return cls(per_rank, batches, -(-batches // accumulate))


def train_worker(config: dict[str, Any]) -> None:
    """Ray Train's entry point; ``config["plan"]`` is a WorkerPlan."""
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
    logging.getLogger().setLevel(logging.WARNING)  # Ray says at INFO what the driver prints
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
        Share(ray.train.get_dataset_shard(name), keep=plan.keep, batch_size=pace.batch_size)
        for name in ("train", "val")
    )
    first = context.get_world_rank() == 0
    if first:
        _tell(plan, state, state.history, fresh=False)
    began = time.monotonic()
    wrapped: nn.Module | None = None
    for epoch in range(len(state.history) + 1, plan.recipe.epochs + 1):
        if state.stale(plan.recipe.patience) or _must_end(began, plan):
            break
        if learner.begin_epoch(epoch) or wrapped is None:  # what the ranks share has changed
            wrapped = ray.train.torch.prepare_model(learner.model)
        fitted = _fit(epoch, plan, pace, learner, wrapped, train)
        judged = evaluate(_agreed(learner.judged), val.batches(), num_classes=len(plan.labels))
        row = _row(epoch, plan, pace, fitted, judged)
        state.add(row, learner.judged, _gathered(judged) if state.is_better(row) else None)
        _report(state, learner, first=first)
        if first:  # after its checkpoint: who hears of an epoch may stop the run and keep it
            _tell(plan, state, [row], fresh=True)


def _begin(plan: WorkerPlan) -> Learner:
    torch.manual_seed(plan.seed)
    model = build_model(plan.model, len(plan.labels), plan.args)
    if plan.initial is not None:
        model.load_state_dict(safetensors.torch.load(ray.get(plan.initial)), strict=False)
    model.to(ray.train.torch.get_device())
    return make_learner(model, plan.model, plan.recipe)


def _use_cores(workers_here: int) -> None:
    """All cores of this machine, shared evenly: Ray reserves fewer so that ingest has room."""
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers_here))


def _resume(learner: Learner) -> RunState:
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return RunState()
    with checkpoint.as_directory() as folder:
        state, tensors = read_state(Path(folder))
    learner.load_tensors(tensors)
    return state


def _tell(plan: WorkerPlan, state: RunState, rows: list[EpochRow], *, fresh: bool) -> None:
    if plan.progress is not None:
        for row in rows:
            plan.progress.put((vars(row), state.best_epoch, fresh))


def _must_end(began: float, plan: WorkerPlan) -> bool:
    """Whether any rank is out of time or was told to end: all stop together."""
    late = 0 < plan.max_minutes < (time.monotonic() - began) / 60
    halted = plan.halt is not None and not plan.halt.empty()
    return bool(_sum(np.array([float(late or halted)]))[0] > 0)


def _sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add over the ranks; float64 holds any count below 2**53 exactly."""
    if not dist.is_initialized():
        return values
    tensor = torch.from_numpy(values.astype(np.float64)).to(ray.train.torch.get_device())
    dist.all_reduce(tensor)
    summed: NDArray[np.float64] = tensor.cpu().numpy()
    return summed


def _agreed(model: nn.Module) -> nn.Module:
    """The model with rank 0's running means: each rank's norms have seen other clips."""
    if dist.is_initialized():
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
    return model


def _gathered(judged: Totals) -> ValClips:
    """All ranks' val clips."""
    own: ValClips = (judged.logits, judged.targets, judged.clip_ids)
    if not dist.is_initialized():
        return own
    shares: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(shares, own)
    logits, targets, names = zip(*shares, strict=True)
    return np.concatenate(logits), np.concatenate(targets), sum(names, ())


@dataclass(frozen=True)
class _Fitted:
    """One epoch of training over all ranks."""

    loss: float
    began: float
    clips_per_s: float
    cpu_began: float


def _fit(
    epoch: int, plan: WorkerPlan, pace: Pace, learner: Learner, wrapped: nn.Module, train: Share
) -> _Fitted:
    began, cpu_began = time.monotonic(), time.process_time()
    rank = ray.train.get_context().get_world_rank()
    seed = int(np.random.SeedSequence([plan.seed, epoch, rank]).generate_state(1)[0])
    done = train_epoch(
        learner,
        train.shuffled(num_batches=pace.batches, seed=seed, balance=plan.recipe.balance),
        epoch=epoch,
        first_step=(epoch - 1) * pace.steps,
        total_steps=plan.recipe.epochs * pace.steps,
        weights=loss_weights(plan.train_counts, plan.recipe),
        seed=seed,
        wrapped=wrapped,
    )
    loss, num_clips = _sum(np.array([done.loss_sum, done.num_clips], np.float64))
    wall_s = max(time.monotonic() - began, 1e-9)
    return _Fitted(float(loss / num_clips), began, float(num_clips / wall_s), cpu_began)


def _row(epoch: int, plan: WorkerPlan, pace: Pace, fitted: _Fitted, judged: Totals) -> EpochRow:
    """One line of the history; every number in it is the same on every rank."""
    cpu_s = time.process_time() - fitted.cpu_began
    head = [judged.loss_sum, float(judged.num_clips), cpu_s]
    flat = _sum(np.concatenate([head, judged.confusion.ravel().astype(np.float64)]))
    found = scores(flat[3:].astype(np.int64).reshape(judged.confusion.shape), plan.labels)
    recipe, wall_s = plan.recipe, time.monotonic() - fitted.began
    last = lr_share(
        epoch * pace.steps - 1, total_steps=recipe.epochs * pace.steps, warmup=recipe.warmup
    )
    return EpochRow(
        epoch=epoch,
        train_loss=fitted.loss,
        val_loss=float(flat[0] / max(1.0, flat[1])),
        val_war=found.war,
        val_uar=found.uar,
        wall_s=wall_s,
        clips_per_s=fitted.clips_per_s,
        val_confusion=found.confusion,
        lr=recipe.lr * last,
        cpu_s=float(flat[2]),
        gpu_s=gpu_s(wall_s, ray.train.torch.get_device()),
    )


def gpu_s(wall_s: float, device: torch.device) -> float | None:
    """The ranks' time on their GPUs, one each; None without."""
    if device.type != "cuda":
        return None
    return wall_s * (dist.get_world_size() if dist.is_initialized() else 1)


def _report(state: RunState, learner: Learner, *, first: bool) -> None:
    """Hand a checkpoint to Ray Train; a collective, rank 0 brings the files."""
    row = state.history[-1]
    metrics = {"epoch": row.epoch, "val_uar": row.val_uar, "val_loss": row.val_loss}
    if not first:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder), state, learner)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))
