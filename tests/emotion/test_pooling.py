"""The mean over clips, against numpy's weighted average."""

from __future__ import annotations

import numpy as np
import pytest

from emotion.pooling import pool_clips, pool_videos


@pytest.mark.parametrize("num_clips", [1, 2, 7, 8, 33])
def test_one_video_is_the_weighted_average(num_clips: int) -> None:
    rng = np.random.default_rng(num_clips)
    probs = rng.dirichlet(np.ones(7), num_clips).astype(np.float32)
    num_faces = [int(n) for n in rng.integers(1, 30, num_clips)]
    expected = np.average(probs.astype(np.float64), axis=0, weights=num_faces)
    assert pool_clips(probs, num_faces).tolist() == expected.astype(np.float32).tolist()
    vectors = [row.tolist() for row in probs]
    assert pool_clips(vectors, num_faces).tolist() == pool_clips(probs, num_faces).tolist()


def test_videos_are_pooled_separately() -> None:
    """Rows of two videos in mixed order; each mean is that of the video's own rows."""
    probs = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    pooled = pool_videos(probs, [3, 2, 1], [1, 0, 1], num_videos=2)
    assert pooled.tolist() == [[0.5, 0.5], [0.75, 0.25]]
    assert pool_videos(np.empty((0, 2)), [], [], num_videos=0).shape == (0, 2)
