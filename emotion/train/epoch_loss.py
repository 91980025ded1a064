"""Sum of the losses of one epoch, with a check that each is finite."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from emotion.errors import InputError
from emotion.train.batches import Batch


class LossError(InputError):
    """Error for a loss that is NaN or infinite: training cannot continue."""


class EpochLoss:
    """Sum of the losses of an epoch's batches; checks that each is finite.

    Reading a loss waits for the GPU. So on a GPU, each loss is read when the next batch is added.
    One more step may then follow a loss that is not finite; its weights are never stored, because
    the epoch ends with an error.
    """

    def __init__(self, epoch: int, device: torch.device) -> None:
        self._epoch, self._late = epoch, device.type == "cuda"
        self._total = 0.0
        self._unread: tuple[Tensor, Batch, int, float] | None = None

    def add(self, loss: Tensor, batch: Batch, *, step: int, lr: float) -> None:
        """Add the loss of a batch.

        Raises:
            LossError: if the loss that is read is not finite: this one on a CPU, that of the batch
                before on a GPU.
        """
        if self._unread:
            self._read(*self._unread)
        self._unread = (loss, batch, step, lr)
        if not self._late:
            self.total()

    def total(self) -> float:
        """Return the sum of all losses; a loss that was not read yet is read now.

        Raises:
            LossError: if the last loss is not finite.
        """
        if self._unread:
            self._read(*self._unread)
            self._unread = None
        return self._total

    def _read(self, loss: Tensor, batch: Batch, step: int, lr: float) -> None:
        value = float(loss)
        self._total += value
        if not math.isfinite(value):
            names = ", ".join(batch.clip_ids[:4]) or f"{len(batch.targets)} clips"
            more = f" and {len(batch.clip_ids) - 4} more" if len(batch.clip_ids) > 4 else ""
            raise LossError(
                f"the loss is {value} at epoch {self._epoch}, step {step}, learning rate {lr:.2g}, "
                f"on clips {names}{more}: training cannot go on; take a lower --lr or check these "
                "clips"
            )
