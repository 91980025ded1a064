"""Tracker: assigns the detections of each frame to tracks, by boxes and embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion.extract.detect import Faces

MAX_GAP_S = 0.75
"""Seconds without a face after which a track ends."""
CONFIRM_HITS = 3
"""Number of detections that confirm a track; faces of a shorter track keep track_id null."""
_MIN_IOU = 0.15
_MAX_SIZE_RATIO = 1.8
_TOUCH_IOU = 0.02
"""Two tracks whose boxes overlap by more than this are rivals: each may take the other's face."""
_REACH_SIZES = 2.0
"""Distance from a track's expected box, in box sizes, within which faces are compared."""
_WATCH_S = 1.5
"""Seconds for which two tracks that overlapped stay rivals after they separate."""
_CHECK_EVERY_S = (0.25, 1.0)
"""Seconds between two checks of a track with rivals: the first four, and all later ones."""
_MANY_CHECKS = 4
"""Number of checks at the short interval; also the limit of checks of one track in a second."""
_EMBEDDING_WEIGHT = 4.0
"""Weight of embedding distance against IoU: a difference of 0.2 counts as much as an IoU of 0.8."""
_MAX_DISTANCE = 0.42
"""Embeddings farther apart than this are of different people and add nothing to an affinity."""
_CLEAR_MARGIN = 0.06
"""A check decides between two people if their distances differ by this much."""
_CLOSE_CALL = 0.6
"""A second face with at least this share of the best face's overlap makes a match doubtful."""

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Embeddings:
    """Sources of embeddings of unit length, for matches that boxes leave in doubt.

    Attributes:
        face: function from the number of a detection in this frame to its embedding or None; slow.
        track: function from the key of a track to its mean embedding or None.
    """

    face: Callable[[int], Vector | None]
    track: Callable[[int], Vector | None]


@dataclass(eq=False)
class _Track:
    box: NDArray[np.float32]
    pts_s: float
    velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(4, np.float32))
    key: int = 0
    rivals: dict[int, float] = field(
        default_factory=dict
    )  # key of the rival: time of the last overlap
    checked_s: list[float] = field(default_factory=list)  # times of the last four checks
    num_checks: int = 0  # set to 0 after _WATCH_S without rivals and checks
    num_near: int = 0  # faces near it in the previous frame

    def expected(self, pts_s: float) -> NDArray[np.float32]:
        """Return the box at ``pts_s`` if the track keeps its velocity."""
        return self.box + self.velocity * np.float32(min(pts_s - self.pts_s, MAX_GAP_S))

    def is_due(self, pts_s: float, num_near: int) -> bool:
        """Return True if a check is due: by time, or because the number of faces nearby changed."""
        last_s = self.checked_s[-1] if self.checked_s else -math.inf
        every_s = _CHECK_EVERY_S[self.num_checks >= _MANY_CHECKS]
        if pts_s - last_s >= every_s - 1e-6:
            return True
        recent = [at for at in self.checked_s if pts_s - at < 1]
        return num_near != self.num_near and len(recent) < _MANY_CHECKS

    def note_check(self, pts_s: float) -> None:
        self.checked_s = [*self.checked_s, pts_s][-_MANY_CHECKS:]
        self.num_checks += 1

    def update(self, box: NDArray[np.float32], pts_s: float) -> None:
        moved = (box - self.box) / np.float32(max(pts_s - self.pts_s, 1e-3))
        self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.box, self.pts_s = box, pts_s


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union of every box of ``a`` with every box of ``b``.

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
    """Return the (N, M) IoU of expected and detected boxes; 0 if their sizes differ too much."""
    side = [
        np.sqrt(np.prod(np.clip(x[:, 2:] - x[:, :2], 1e-3, None), -1)) for x in (expected, boxes)
    ]
    ratio = side[0][:, None] / side[1][None, :]
    same_size = np.maximum(ratio, 1 / ratio) < _MAX_SIZE_RATIO
    return np.where(same_size, iou(expected, boxes), 0).astype(np.float32)


def match(affinity: NDArray[np.float32], threshold: float) -> list[tuple[int, int]]:
    """Pair rows with columns, best affinity first; use each once, and none below ``threshold``.

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
    """Greedy overlap tracker that expects constant velocity; make one per video.

    Most matches are decided by overlap alone. If tracks touch, or a second face fits a track nearly
    as well, the tracker also compares embeddings (if given); they outweigh the overlap. It checks
    when a face appears or disappears nearby, else four times a second at first and once a second
    later. Tracks that touch are rivals until a check distinguishes them, or for ``_WATCH_S`` after.

    A key is the tracker's number of a track, from 0, confirmed or not. It is never used again.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next_key = 0

    def step(
        self, faces: Faces, pts_s: float, *, cut: bool, embeddings: Embeddings | None = None
    ) -> tuple[list[int], list[int]]:
        """Assign the faces of the next sampled frame to tracks.

        Args:
            faces: detections of the frame; may be empty.
            pts_s: presentation time of the frame, seconds; later than that of the previous frame.
            cut: True if a new scene begins with this frame; then every track ends before it.
            embeddings: embeddings of faces and tracks; None: boxes alone decide.

        Returns:
            One key per face, and the keys of tracks that ended before this frame.
        """
        alive = [t for t in self._tracks if not cut and pts_s - t.pts_s <= MAX_GAP_S]
        ended = [t.key for t in self._tracks if t not in alive]
        keys = [-1] * len(faces)
        if alive and len(faces):
            for row, column in self._pairs(alive, faces, pts_s, embeddings):
                alive[row].update(faces.boxes[column], pts_s)
                keys[column] = alive[row].key
        for column, key in enumerate(keys):
            if key < 0:
                keys[column] = self._next_key
                alive.append(_Track(faces.boxes[column], pts_s, key=self._next_key))
                self._next_key += 1
        self._tracks = alive
        return keys, ended

    def crowded(self, key: int) -> bool:
        """Return True if a track has a rival: its crop may show a part of another face."""
        return any(t.rivals for t in self._tracks if t.key == key)

    def drop(self, key: int) -> None:
        """Remove a track, so that its next face starts a new one; ignore an unknown key."""
        self._tracks = [t for t in self._tracks if t.key != key]

    def finish(self) -> list[int]:
        """End all tracks; return the keys of those that were still open."""
        keys = [t.key for t in self._tracks]
        self._tracks = []
        return keys

    def _pairs(
        self, alive: list[_Track], faces: Faces, pts_s: float, embeddings: Embeddings | None
    ) -> list[tuple[int, int]]:
        """Return the pairs of rows of ``alive`` and columns of ``faces``."""
        expected = np.stack([t.expected(pts_s) for t in alive])
        affinity = _affinity(expected, faces.boxes)
        if embeddings is None:
            return match(affinity, _MIN_IOU)
        _note_rivals(alive, expected, pts_s)
        within = _near(expected, faces.boxes)
        rows = [
            row
            for row in _doubtful(alive, affinity)
            if alive[row].is_due(pts_s, int(within[row].sum()))
            and embeddings.track(alive[row].key) is not None
        ]
        for track, num_near in zip(alive, within.sum(1), strict=True):
            track.num_near = int(num_near)
        near = within[rows]
        columns = np.flatnonzero(near.any(0))
        if len(columns):
            distance = _distances([alive[r].key for r in rows], columns, embeddings)
            likeness = _EMBEDDING_WEIGHT * np.clip(_MAX_DISTANCE - distance, 0, None)
            affinity[np.array(rows)[:, None], columns] += np.where(near[:, columns], likeness, 0)
            pairs = match(affinity, _MIN_IOU)
            for row in rows:
                alive[row].note_check(pts_s)
            _settle(alive, rows, distance, columns, pairs, faces.boxes)
            return pairs
        return match(affinity, _MIN_IOU)


def _note_rivals(alive: list[_Track], expected: NDArray[np.float32], pts_s: float) -> None:
    """Update the rivals: add tracks that touch; remove ended ones and those apart too long."""
    overlap = iou(expected, expected)
    keys = {t.key for t in alive}
    for row, track in enumerate(alive):
        for other in np.flatnonzero(overlap[row] > _TOUCH_IOU):
            if other != row:
                track.rivals[alive[other].key] = pts_s
        track.rivals = {
            k: at for k, at in track.rivals.items() if k in keys and pts_s - at <= _WATCH_S
        }
        if not track.rivals and all(pts_s - at > _WATCH_S for at in track.checked_s):
            track.num_checks = 0


def _doubtful(alive: list[_Track], affinity: NDArray[np.float32]) -> list[int]:
    """Return the rows of tracks with rivals, or with two faces that fit almost equally."""
    rows = []
    for row, track in enumerate(alive):
        best = np.sort(affinity[row])[::-1]
        close = len(best) > 1 and best[1] >= max(_MIN_IOU, _CLOSE_CALL * best[0])
        if track.rivals or close:
            rows.append(row)
    return rows


def _near(expected: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (N, M) flags: True if a face is within a track's reach and has a similar size."""
    centre = [(x[:, None, :2] + x[:, None, 2:]) / 2 for x in (expected, boxes)]
    away = np.linalg.norm(centre[0] - centre[1].transpose(1, 0, 2), axis=-1)
    side = [
        np.sqrt(np.prod(np.clip(x[:, 2:] - x[:, :2], 1e-3, None), -1)) for x in (expected, boxes)
    ]
    ratio = side[0][:, None] / side[1][None, :]
    same_size = np.maximum(ratio, 1 / ratio) < _MAX_SIZE_RATIO
    return np.asarray((away <= _REACH_SIZES * side[0][:, None]) & same_size, np.bool_)


def _distances(
    keys: list[int], columns: NDArray[np.int64], embeddings: Embeddings
) -> NDArray[np.float32]:
    """Return the (tracks, faces) distances of embeddings; 2, the maximum, if one is None."""
    means = [embeddings.track(key) for key in keys]
    vectors = [embeddings.face(int(column)) for column in columns]
    rows = [
        [2.0 if a is None or b is None else float(np.linalg.norm(a - b)) for b in vectors]
        for a in means
    ]
    return np.array(rows, np.float32)


def _settle(
    alive: list[_Track],
    rows: list[int],
    distance: NDArray[np.float32],
    columns: NDArray[np.int64],
    pairs: list[tuple[int, int]],
    boxes: NDArray[np.float32],
) -> None:
    """Remove rivals from each other if they are apart and the embeddings confirm the matches."""
    number = {int(column): k for k, column in enumerate(columns)}
    matched = {row: column for row, column in pairs if row in rows and column in number}
    apart = iou(boxes, boxes) <= _TOUCH_IOU
    for i, a in enumerate(rows):
        for j, b in enumerate(rows[:i]):
            if a not in matched or b not in matched or not apart[matched[a], matched[b]]:
                continue
            at_a, at_b = number[matched[a]], number[matched[b]]
            kept = distance[i, at_a] + distance[j, at_b]
            if kept + _CLEAR_MARGIN < distance[i, at_b] + distance[j, at_a]:
                alive[a].rivals.pop(alive[b].key, None)
                alive[b].rivals.pop(alive[a].key, None)
