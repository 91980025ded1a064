"""One trial of a search for a better recipe: its parameters and its result on val."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Value = int | float | str | bool
Parameters = Mapping[str, Value]
Status = Literal["begun", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: number of the trial in order of start, from 0.
        parameters: values that the search chose, by name of the dimension.
        status: ``begun``: not ended yet. ``finished``: trained for all its epochs. ``stopped``:
            ended early by the search's scheduler. ``failed``: its training raised an error.
        unused: names of parameters that had no effect, because another model has them.
        command: flags with which jobs.train does the same training.
        curve: clip-level val UAR after each epoch.
        best_epoch: the epoch whose weights are kept, from 1; None before the first epoch.
        val_uar: val UAR of the best epoch.
        val_war: val WAR of the best epoch.
        val_loss: val loss of the best epoch.
        wall_s: duration of all epochs, seconds.
        model_id: id of its model package.
        error: message of the error that ended it.
    """

    number: int
    parameters: Parameters
    status: Status = "begun"
    unused: tuple[str, ...] = ()
    command: str = ""
    curve: tuple[float, ...] = ()
    best_epoch: int | None = None
    val_uar: float | None = None
    val_war: float | None = None
    val_loss: float | None = None
    wall_s: float = 0.0
    model_id: str | None = None
    error: str | None = None

    @property
    def applied(self) -> dict[str, Value]:
        """Parameters that had an effect on the training."""
        return {k: v for k, v in self.parameters.items() if k not in self.unused}

    @property
    def name(self) -> str:
        """Name of its folder.

        >>> Trial(7, {}).name
        '007'
        """
        return f"{self.number:03d}"

    @property
    def score(self) -> float:
        """Value that the search maximises: the val UAR; 0 without one."""
        return self.val_uar or 0.0

    @property
    def best_curve(self) -> list[float]:
        """Best val UAR so far, after each epoch.

        >>> Trial(0, {}, curve=(0.25, 0.5, 0.375)).best_curve
        [0.25, 0.5, 0.5]
        """
        return best_so_far(self.curve)


def best_so_far(uars: Sequence[float]) -> list[float]:
    """Return, for each place, the largest value up to it.

    >>> best_so_far([0.25, 0.5, 0.375])
    [0.25, 0.5, 0.5]
    """
    return list(itertools.accumulate(uars, max))


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that have a val UAR, best first.

    The order is: highest val UAR, then lowest val loss, then lowest number.
    """

    def key(trial: Trial) -> tuple[float, float, int]:
        loss = float("inf") if trial.val_loss is None else trial.val_loss
        return -(trial.val_uar or 0.0), loss, trial.number

    return sorted((trial for trial in trials if trial.val_uar is not None), key=key)
