"""A checkpoint: all that an interrupted run needs to go on as if nothing had happened.

::

    state.safetensors   model/..., best/..., optimizer/INDEX/NAME
    state.json          epochs done, the history, which epoch is best

No random state is stored: every epoch draws from a seed of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

TENSORS, FACTS = "state.safetensors", "state.json"


@dataclass(frozen=True)
class EpochRow:
    """One line of the history; scores are clip-level and the same on every rank.

    ``val_confusion`` has the truth in rows.
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_war: float
    val_uar: float
    wall_s: float
    clips_per_s: float
    val_confusion: list[list[int]]


@dataclass
class RunState:
    """Where a run is.

    Attributes:
        history: one row per finished epoch.
        best_epoch: number of the row with the highest val UAR, then the lowest val loss; 0: none.
        best: weights after that epoch.
    """

    history: list[EpochRow] = field(default_factory=list)
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_row(self) -> EpochRow:
        """The best epoch's row; there must be one."""
        return self.history[self.best_epoch - 1]

    def add(self, row: EpochRow, model: nn.Module) -> None:
        """Note a finished epoch, and keep the weights if it is the best so far."""
        self.history.append(row)
        if self.best_epoch == 0 or _rank(row) > _rank(self.best_row):
            self.best_epoch = row.epoch
            self.best = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}


def _rank(row: EpochRow) -> tuple[float, float]:
    return row.val_uar, -row.val_loss


def save_state(
    folder: Path, state: RunState, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write a checkpoint into an existing local folder."""
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"best/{k}": v for k, v in state.best.items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in values.items()}
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    safetensors.torch.save_file(plain, str(folder / TENSORS))
    facts = {"history": [vars(row) for row in state.history], "best_epoch": state.best_epoch}
    (folder / FACTS).write_text(json.dumps(facts, allow_nan=False))


def read_state(folder: Path) -> tuple[RunState, dict[str, Tensor]]:
    """The state of a checkpoint, and its tensors for ``restore``."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    tensors = safetensors.torch.load_file(str(folder / TENSORS))
    history = [EpochRow(**row) for row in facts["history"]]
    return RunState(history, facts["best_epoch"], _below(tensors, "best/")), tensors


def restore(
    tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Put a checkpoint's weights and moments into a fresh model and its optimizer."""
    model.load_state_dict(_below(tensors, "model/"))
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in _below(tensors, "optimizer/").items():
        index, name = key.split("/")
        moments.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
