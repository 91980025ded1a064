"""Division of a run into batches and steps, and the learning rate of each step."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Division of an epoch into batches and steps.

    Attributes:
        batch_size: clips per rank and batch.
        batches: batches per rank and epoch.
        steps: optimisation steps per epoch.

    >>> Pace.of(num_train=100, batch_size=16, ranks=3, accumulate=2)
    Pace(batch_size=5, batches=6, steps=3)
    """

    batch_size: int
    batches: int
    steps: int

    @classmethod
    def of(cls, *, num_train: int, batch_size: int, ranks: int, accumulate: int) -> Pace:
        """Compute the pace of an epoch.

        Args:
            num_train: clips of the train split, over all ranks.
            batch_size: clips per batch over all ranks. Each rank gets its share, at least 2.
            ranks: number of training processes.
            accumulate: batches per optimisation step.
        """
        per_rank = max(2, batch_size // ranks)  # batch normalisation needs two
        batches = max(1, num_train // ranks // per_rank)
        return cls(per_rank, batches, -(-batches // accumulate))


def lr_share(step: int, *, total_steps: int, warmup: float) -> float:
    """Return the learning rate of ``step`` (from 0) as a share of the highest one.

    It rises linearly during the warm-up, then falls along half a cosine to 0.

    >>> [round(lr_share(s, total_steps=10, warmup=0.2), 2) for s in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warm_steps = max(1, round(total_steps * warmup))
    if step < warm_steps:
        return (step + 1) / warm_steps
    done = (step - warm_steps) / max(1, total_steps - warm_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
