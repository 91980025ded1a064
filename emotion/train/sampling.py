"""Order of the clips in an epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotion.train.recipe import Balance


def epoch_order(
    targets: NDArray[np.int64], *, num: int, balance: Balance, seed: int
) -> NDArray[np.int64]:
    """Draw the clips of an epoch.

    Args:
        targets: (N,) class index of each clip, N at least 1.
        num: number of clips in the epoch; if it is above N, clips repeat.
        balance: ``sampling`` draws the same number of clips of each label that occurs (the numbers
            differ by at most 1), so clips of rare labels repeat. With other values, no clip is
            drawn twice before every clip was drawn once.
        seed: seed of the order.

    Returns:
        (num,) int64 indices into ``targets``.

    >>> order = epoch_order(np.array([0, 0, 0, 1]), num=6, balance="sampling", seed=0)
    >>> sorted(np.array([0, 0, 0, 1])[order].tolist())
    [0, 0, 0, 1, 1, 1]
    """
    rng = np.random.default_rng(seed)
    if balance != "sampling":
        return _shuffled_rounds(np.arange(len(targets)), num, rng)
    labels = rng.permutation(np.unique(targets))
    shares = [len(range(k, num, len(labels))) for k in range(len(labels))]
    drawn = [
        _shuffled_rounds(np.flatnonzero(targets == label), share, rng)
        for label, share in zip(labels, shares, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def epoch_seed(seed: int, *, epoch: int, rank: int) -> int:
    """Return the seed of one epoch on one rank, from the seed of the run."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0])


def _shuffled_rounds(
    indices: NDArray[np.int64], num: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return ``num`` indices: all in a random order, then all in another order, and so on."""
    rounds = max(1, -(-num // len(indices)))
    return np.concatenate([rng.permutation(indices) for _ in range(rounds)])[:num].astype(np.int64)
