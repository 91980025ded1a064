"""Pooling of clips to videos: mean probabilities, weighted by each clip's number of faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pool_clips(probs: ArrayLike, num_faces: Sequence[int]) -> NDArray[np.float32]:
    """Return the probabilities of one video: the weighted mean over its clips.

    Args:
        probs: (N, K), or N vectors of K values; N at least 1. They are converted to float32.
        num_faces: weight of each clip: its number of faces; the sum must be above 0.

    Returns:
        (K,) float32.

    >>> pool_clips([[1.0, 0.0], [0.0, 1.0]], [3, 1])
    array([0.75, 0.25], dtype=float32)
    """
    probs_NK, video_N = np.asarray(probs, np.float32), np.zeros(len(num_faces), np.int64)
    pooled_1K = pool_videos(probs_NK, num_faces, video_N, num_videos=1)
    return pooled_1K.astype(np.float32).reshape(-1)


def pool_videos(
    probs: ArrayLike, num_faces: ArrayLike, video: ArrayLike, *, num_videos: int
) -> NDArray[np.float64]:
    """Return the probabilities of several videos, each the weighted mean over its clips.

    Args:
        probs: (N, K), one row per clip.
        num_faces: (N,) weights of the clips.
        video: (N,) index of each clip's video, 0 to ``num_videos`` - 1.
        num_videos: V; every video must have a clip and a sum of weights above 0.

    Returns:
        (V, K) float64.

    >>> pool_videos([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], [3, 1, 2], [0, 0, 1], num_videos=2)
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])
    """
    probs_NK, weights_N = np.asarray(probs, np.float64), np.asarray(num_faces, np.float64)
    video_N = np.asarray(video, np.int64)
    sums_VK = np.zeros((num_videos, probs_NK.shape[1]))
    np.add.at(sums_VK, video_N, probs_NK * weights_N[:, None])
    weights_V = np.bincount(video_N, weights=weights_N, minlength=num_videos)
    pooled_VK: NDArray[np.float64] = sums_VK / weights_V[:, None]
    return pooled_VK
