"""One trial of a search for a better recipe: what was tried, and what came of it on val."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Value = int | float | str | bool
Parameters = Mapping[str, Value]
Status = Literal["begun", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Trial:
    """What was tried and what came of it.

    Attributes:
        number: from 0, in the order in which they were begun.
        parameters: what the search chose, by name of the dimension.
        status: ``stopped`` is one that the scheduler ended early, ``failed`` one whose training
            could not go on; ``begun`` has not ended.
        unused: names of the parameters that do not apply: arguments of another model.
        command: flags of jobs.train for the same training.
        curve: clip-level val UAR after each epoch.
        best_epoch: the epoch whose weights are kept, from 1; None where there is none.
        val_uar: of that epoch.
        val_war: of that epoch.
        val_loss: of that epoch.
        wall_s: of all its epochs.
        model_id: of the package that it left.
        error: what it failed with.
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
        """The parameters that the training had."""
        return {k: v for k, v in self.parameters.items() if k not in self.unused}

    @property
    def name(self) -> str:
        """Of its folder.

        >>> Trial(7, {}).name
        '007'
        """
        return f"{self.number:03d}"

    @property
    def score(self) -> float:
        """What the search is told: the val UAR, and 0 of a trial that has none."""
        return self.val_uar or 0.0


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Those with a val UAR, best first: highest UAR, then lowest val loss, then first begun."""

    def key(trial: Trial) -> tuple[float, float, int]:
        loss = float("inf") if trial.val_loss is None else trial.val_loss
        return -(trial.val_uar or 0.0), loss, trial.number

    return sorted((trial for trial in trials if trial.val_uar is not None), key=key)
