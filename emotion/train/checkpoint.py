"""Checkpoint of a run: everything that an interrupted run needs to resume with equal results.

::

    state.safetensors   tensors of the learner, best/..., val/logits, val/targets
    state.json          history, number of the best epoch, names of the val clips

No random state is stored, because every epoch has its own seed.
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

from emotion.arrays import check_array, repr_with_shapes
from emotion.train.history import EpochRow
from emotion.train.learner import Learner, tensors_under

TENSORS_FILE, STATE_FILE = "state.safetensors", "state.json"

ValClips = tuple[NDArray[np.float32], NDArray[np.int64], tuple[str, ...]]
"""Logits (N, K), class indices (N,) and N names of the val clips, all in the same order."""


@dataclass
class RunState:
    """Progress of a run.

    Attributes:
        history: one row per finished epoch.
        best_epoch: number, from 1, of the epoch with the highest val UAR. If several have it, the
            one with the lowest val loss. 0 before the end of the first epoch.
        best: weights after that epoch, by name.
        logits: (N, K) float32 of the val clips with these weights; (0, 0) before the first epoch.
        targets: (N,) int64 class indices of the val clips.
        clip_ids: N names of the val clips; empty in a checkpoint that an earlier release wrote.

    Raises:
        ValueError: on arrays of another shape or dtype.
    """

    history: list[EpochRow] = field(default_factory=list)
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict, repr=False)
    logits: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    targets: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    clip_ids: tuple[str, ...] = field(default=(), repr=False)

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        num = len(self.targets)
        check_array("RunState.logits", self.logits, shape=(num, None), dtype=np.float32)
        check_array("RunState.targets", self.targets, shape=(num,), dtype=np.int64)

    @property
    def best_row(self) -> EpochRow:
        """Row of the best epoch; fails with an IndexError before the end of the first epoch."""
        return self.history[self.best_epoch - 1]

    def is_better(self, row: EpochRow) -> bool:
        """Return True if the epoch of ``row`` is better than all earlier epochs."""
        return self.best_epoch == 0 or row.rank > self.best_row.rank

    def add(self, row: EpochRow, model: nn.Module, val: ValClips | None = None) -> None:
        """Add a finished epoch; store its weights and val logits if it is the best so far.

        Without ``val`` the stored logits do not change.
        """
        better = self.is_better(row)
        self.history.append(row)
        if better:
            self.best_epoch = row.epoch
            self.best = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
            if val is not None:
                self.logits, self.targets, self.clip_ids = val

    def stale(self, patience: int) -> bool:
        """Return True if the best epoch is ``patience`` or more epochs ago; False for 0."""
        return 0 < patience <= len(self.history) - self.best_epoch


def save_state(folder: Path, state: RunState, learner: Learner) -> None:
    """Write the two files of a checkpoint into an existing local folder."""
    tensors = learner.tensors() | {f"best/{k}": v for k, v in state.best.items()}
    tensors["val/logits"] = torch.from_numpy(state.logits)
    tensors["val/targets"] = torch.from_numpy(state.targets)
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    safetensors.torch.save_file(plain, str(folder / TENSORS_FILE))
    facts = {"history": [vars(row) for row in state.history], "best_epoch": state.best_epoch}
    facts |= {"clip_ids": list(state.clip_ids)}
    (folder / STATE_FILE).write_text(json.dumps(facts, allow_nan=False))


def read_state(folder: Path) -> tuple[RunState, dict[str, Tensor]]:
    """Read a checkpoint; return its state, and its tensors for ``Learner.load_tensors``."""
    facts: dict[str, Any] = json.loads((folder / STATE_FILE).read_text())
    tensors = safetensors.torch.load_file(str(folder / TENSORS_FILE))
    state = RunState(
        [EpochRow(**row) for row in facts["history"]],
        facts["best_epoch"],
        tensors_under(tensors, "best/"),
        tensors["val/logits"].numpy(),
        tensors["val/targets"].numpy(),
        tuple(facts.get("clip_ids", ())),
    )
    return state, tensors
