"""Faces over time: which detection of this frame continues which track."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.extract.detect import Faces

MAX_GAP_S = 0.75
"""A track not seen for longer than this has ended."""
CONFIRM_HITS = 3
"""Detections that make a track; fewer are noise and keep track_id null."""
_MIN_IOU = 0.15
_MAX_SIZE_RATIO = 1.8


@dataclass(eq=False)
class _Track:
    box: NDArray[np.float32]
    pts_s: float
    velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(4, np.float32))
    key: int = 0

    def expected(self, pts_s: float) -> NDArray[np.float32]:
        """Where the box is at ``pts_s`` if it moves on as it did."""
        return self.box + self.velocity * np.float32(min(pts_s - self.pts_s, MAX_GAP_S))

    def update(self, box: NDArray[np.float32], pts_s: float) -> None:
        moved = (box - self.box) / np.float32(max(pts_s - self.pts_s, 1e-3))
        self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.box, self.pts_s = box, pts_s


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of every box of ``a`` with every box of ``b``.

    Args:
        a: (N, 4) xyxy.
        b: (M, 4) xyxy.

    Returns:
        (N, M) float32, 0 to 1.

    >>> iou(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2]], np.float32))
    array([[0.33333334]], dtype=float32)
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), -1)
    areas = [np.prod(x[:, 2:] - x[:, :2], -1) for x in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - overlap
    return np.asarray(overlap / np.maximum(union, 1e-9), np.float32)


def _affinity(expected: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of expected and found boxes; 0 where a face would change its size too fast."""
    side = [
        np.sqrt(np.prod(np.clip(x[:, 2:] - x[:, :2], 1e-3, None), -1)) for x in (expected, boxes)
    ]
    ratio = side[0][:, None] / side[1][None, :]
    same_size = np.maximum(ratio, 1 / ratio) < _MAX_SIZE_RATIO
    return np.where(same_size, iou(expected, boxes), 0).astype(np.float32)


def match(affinity: NDArray[np.float32], threshold: float) -> list[tuple[int, int]]:
    """Pair rows with columns, best affinity first, each used once.

    >>> match(np.array([[0.9, 0.8], [0.85, 0.1]], np.float32), 0.3)
    [(0, 0)]
    """
    pairs = []
    left = affinity.copy()
    while left.size and float(left.max()) >= threshold:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        pairs.append((int(row), int(column)))
        left[row, :] = -1
        left[:, column] = -1
    return pairs


class Tracker:
    """Greedy overlap tracker with a constant-velocity guess; one per video.

    A key is the tracker's own running number of a track, from 0, confirmed or not.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next_key = 0

    def step(self, faces: Faces, pts_s: float, *, cut: bool) -> tuple[list[int], list[int]]:
        """Take the faces of the next sampled frame.

        Args:
            faces: found in it; may be none.
            pts_s: its time, later than the one before.
            cut: whether the scene changed just before it: no track crosses that.

        Returns:
            One key per face, and the keys of tracks that ended before this frame.
        """
        alive = [t for t in self._tracks if not cut and pts_s - t.pts_s <= MAX_GAP_S]
        ended = [t.key for t in self._tracks if t not in alive]
        keys = [-1] * len(faces)
        if alive and len(faces):
            expected = np.stack([t.expected(pts_s) for t in alive])
            for row, column in match(_affinity(expected, faces.boxes), _MIN_IOU):
                alive[row].update(faces.boxes[column], pts_s)
                keys[column] = alive[row].key
        for column, key in enumerate(keys):
            if key < 0:
                keys[column] = self._next_key
                alive.append(_Track(faces.boxes[column], pts_s, key=self._next_key))
                self._next_key += 1
        self._tracks = alive
        return keys, ended

    def finish(self) -> list[int]:
        """End of the video: the keys of the tracks still open."""
        keys = [t.key for t in self._tracks]
        self._tracks = []
        return keys


class CutDetector:
    """Tells a cut from motion by colour: a cut changes both the colours and where they are.

    Thresholds were set on real clips at 8 samples per second: cuts there share at most 0.57 of
    their colours and differ by at least 43 grey levels, fast pans share 0.71.
    """

    def __init__(self, *, max_similarity: float = 0.65, min_difference: float = 30.0) -> None:
        self._max_similarity, self._min_difference = max_similarity, min_difference
        self._histogram: NDArray[np.float32] | None = None
        self._small: NDArray[np.float32] | None = None

    def __call__(self, image: NDArray[np.uint8]) -> bool:
        """Whether the (H, W, 3) RGB frame begins another scene than the one before it."""
        small = cv2.resize(image, (32, 18), interpolation=cv2.INTER_AREA)
        histogram = _histogram(image)
        before, pixels = self._histogram, self._small
        self._histogram, self._small = histogram, small.astype(np.float32)
        if before is None or pixels is None:
            return False
        similarity = float(np.minimum(before, histogram).sum())
        difference = float(np.abs(pixels - self._small).mean())
        return similarity < self._max_similarity and difference > self._min_difference


def _histogram(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Share of pixels in each of 6x6x6 colour bins; sums to 1."""
    image = np.asarray(cv2.resize(image, (128, 72), interpolation=cv2.INTER_AREA), np.uint8)
    counts = cv2.calcHist([image], [0, 1, 2], None, [6, 6, 6], [0, 256] * 3)
    return np.asarray(counts / counts.sum(), np.float32)
