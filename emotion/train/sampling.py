"""In which order the clips of an epoch come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotion.train.recipe import Balance


def epoch_order(
    targets: NDArray[np.int64], *, num: int, balance: Balance, seed: int
) -> NDArray[np.int64]:
    """Indices of ``num`` clips.

    Args:
        targets: (N,) class index of each clip there is, N at least 1.
        num: how many clips the epoch takes; with more than N, clips come again.
        balance: ``sampling`` draws each label that occurs as often, give or take one; a rare one's
            clips come several times. Otherwise all clips come once before one comes again.
        seed: of the order.

    Returns:
        (num,) int64.

    >>> order = epoch_order(np.array([0, 0, 0, 1]), num=6, balance="sampling", seed=0)
    >>> sorted(np.array([0, 0, 0, 1])[order].tolist())
    [0, 0, 0, 1, 1, 1]
    """
    rng = np.random.default_rng(seed)
    if balance != "sampling":
        return _again(np.arange(len(targets)), num, rng)
    labels = rng.permutation(np.unique(targets))
    shares = [len(range(k, num, len(labels))) for k in range(len(labels))]
    drawn = [
        _again(np.flatnonzero(targets == label), share, rng)
        for label, share in zip(labels, shares, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def _again(indices: NDArray[np.int64], num: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``num`` of the indices, shuffled anew each time that all have come."""
    rounds = max(1, -(-num // len(indices)))
    return np.concatenate([rng.permutation(indices) for _ in range(rounds)])[:num].astype(np.int64)
