"""A checkpoint: all that an interrupted run needs to go on as if nothing had happened.

::

    state.safetensors   what the learner needs, best/..., val/logits, val/targets
    state.json          epochs done, the history, which epoch is best, the val clips' names

No random state is stored: every epoch draws from a seed of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotion.train.learner import Learner, below

TENSORS, FACTS = "state.safetensors", "state.json"

ValClips = tuple[NDArray[np.float32], NDArray[np.int64], tuple[str, ...]]
"""Logits (N, K), class indices (N,) and N names of the val clips, in one order."""


@dataclass(frozen=True)
class EpochRow:
    """One line of the history; scores are clip-level and the same on every rank.

    ``val_confusion`` has the truth in rows; ``lr`` is the epoch's last; ``cpu_s`` is that of all
    ranks' processes, threads included; ``gpu_s`` is the time that GPUs were held, all of them
    added, None without one.
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_war: float
    val_uar: float
    wall_s: float
    clips_per_s: float
    val_confusion: list[list[int]]
    lr: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float | None = None


@dataclass
class RunState:
    """Where a run is.

    Attributes:
        history: one row per finished epoch.
        best_epoch: number of the row with the highest val UAR, then the lowest val loss; 0: none.
        best: weights after that epoch.
        logits: (N, K) of the val clips with these weights; (0, 0) where there are none yet.
        targets: (N,) their class indices.
        clip_ids: N names of theirs; none in a checkpoint that an earlier release wrote.
    """

    history: list[EpochRow] = field(default_factory=list)
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    logits: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    targets: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    clip_ids: tuple[str, ...] = ()

    @property
    def best_row(self) -> EpochRow:
        """The best epoch's row; there must be one."""
        return self.history[self.best_epoch - 1]

    def is_better(self, row: EpochRow) -> bool:
        """Whether an epoch would be the best so far."""
        return self.best_epoch == 0 or _rank(row) > _rank(self.best_row)

    def add(self, row: EpochRow, model: nn.Module, judged: ValClips | None = None) -> None:
        """Note a finished epoch, and keep weights and val logits if it is the best so far."""
        better = self.is_better(row)
        self.history.append(row)
        if better:
            self.best_epoch = row.epoch
            self.best = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
            if judged is not None:
                self.logits, self.targets, self.clip_ids = judged

    def stale(self, patience: int) -> bool:
        """Whether the last ``patience`` epochs brought nothing better; never with 0."""
        return 0 < patience <= len(self.history) - self.best_epoch


def _rank(row: EpochRow) -> tuple[float, float]:
    return row.val_uar, -row.val_loss


def save_state(folder: Path, state: RunState, learner: Learner) -> None:
    """Write a checkpoint into an existing local folder."""
    tensors = learner.tensors() | {f"best/{k}": v for k, v in state.best.items()}
    tensors["val/logits"] = torch.from_numpy(state.logits)
    tensors["val/targets"] = torch.from_numpy(state.targets)
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    safetensors.torch.save_file(plain, str(folder / TENSORS))
    facts = {"history": [vars(row) for row in state.history], "best_epoch": state.best_epoch}
    facts |= {"clip_ids": list(state.clip_ids)}
    (folder / FACTS).write_text(json.dumps(facts, allow_nan=False))


def read_state(folder: Path) -> tuple[RunState, dict[str, Tensor]]:
    """The state of a checkpoint, and its tensors for ``Learner.load_tensors``."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    tensors = safetensors.torch.load_file(str(folder / TENSORS))
    state = RunState(
        [EpochRow(**row) for row in facts["history"]],
        facts["best_epoch"],
        below(tensors, "best/"),
        tensors["val/logits"].numpy(),
        tensors["val/targets"].numpy(),
        tuple(facts.get("clip_ids", ())),
    )
    return state, tensors
