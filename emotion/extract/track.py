"""Faces over time: which detection of this frame continues which track."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion.extract.detect import Faces

MAX_GAP_S = 0.75
"""A track not seen for longer than this is no longer where it was expected."""
CONFIRM_HITS = 3
"""Detections that make a track; fewer are noise and keep track_id null."""
_MIN_IOU = 0.15
_MAX_SIZE_RATIO = 1.8
_TOUCH_IOU = 0.02
"""Tracks whose boxes overlap by more than this are rivals: each may take the other's face."""
_REACH_SIZES = 2.0
"""How many box sizes from where it was expected a look may find a rival's face."""
_WATCH_S = 1.5
"""Rivals that have parted and that no look told apart are rivals for so long."""
_LOOK_EVERY_S = (0.25, 1.0)
"""From one look at a track with rivals to the next: the first few, and all others."""
_MANY_LOOKS = 4
"""The first few; and no more in any second, whatever happens."""
_LOOK_WEIGHT = 4.0
"""0.2 of distance between a face's own person and another outweigh 0.8 of overlap."""
_NO_LIKENESS = 0.42
"""Embeddings farther apart than this are of different people; farther tells nothing more."""
_CLEAR_MARGIN = 0.06
"""A look tells two people apart if their distances differ by this much."""
_CLOSE_CALL = 0.6
"""A second face with this share of the best one's overlap is as good a guess."""

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Looks:
    """What tells people apart where boxes do not; embeddings of unit length.

    Attributes:
        face: embedding of a detection of this frame, by its number; None where there is none.
            It is costly, and called only where boxes leave doubt.
        track: mean embedding of a track, by its key; None as long as there is none.
    """

    face: Callable[[int], Vector | None]
    track: Callable[[int], Vector | None]


@dataclass(eq=False)
class _Track:
    box: NDArray[np.float32]
    pts_s: float
    velocity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(4, np.float32))
    key: int = 0
    rivals: dict[int, float] = field(default_factory=dict)  # key: when they last overlapped
    looked_s: list[float] = field(default_factory=list)  # the last four times
    num_looks: int = 0  # since it last had no rivals for a while
    num_near: int = 0  # faces near it in the frame before

    def expected(self, pts_s: float) -> NDArray[np.float32]:
        """Where the box is at ``pts_s`` if it moves on as it did."""
        return self.box + self.velocity * np.float32(min(pts_s - self.pts_s, MAX_GAP_S))

    def due(self, pts_s: float, num_near: int) -> bool:
        """Whether the last look was long enough ago; now, if a face came or went since."""
        last_s = self.looked_s[-1] if self.looked_s else -math.inf
        every_s = _LOOK_EVERY_S[self.num_looks >= _MANY_LOOKS]
        if pts_s - last_s >= every_s - 1e-6:
            return True
        second = [at for at in self.looked_s if pts_s - at < 1]
        return num_near != self.num_near and len(second) < _MANY_LOOKS

    def note_look(self, pts_s: float) -> None:
        self.looked_s = [*self.looked_s, pts_s][-_MANY_LOOKS:]
        self.num_looks += 1

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

    Where tracks touch, or a second face fits a track nearly as well, overlap says little. There
    the tracker looks at the faces, if it can, and likeness outweighs overlap: when a face comes or
    goes, else four times a second at first and once later. Tracks stay rivals until a look has
    found them apart and told who is who.

    A key is the tracker's own running number of a track, from 0, confirmed or not.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next_key = 0

    def step(
        self, faces: Faces, pts_s: float, *, cut: bool, looks: Looks | None = None
    ) -> tuple[list[int], list[int]]:
        """Take the faces of the next sampled frame.

        Args:
            faces: found in it; may be none.
            pts_s: its time, later than the one before.
            cut: whether the scene changed just before it: no track crosses that.
            looks: how to tell people apart; None: by their boxes alone.

        Returns:
            One key per face, and the keys of tracks that ended before this frame.
        """
        alive = [t for t in self._tracks if not cut and pts_s - t.pts_s <= MAX_GAP_S]
        ended = [t.key for t in self._tracks if t not in alive]
        keys = [-1] * len(faces)
        if alive and len(faces):
            for row, column in self._pairs(alive, faces, pts_s, looks):
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
        """Whether a track has a rival: its crop may show another's face in part."""
        return any(t.rivals for t in self._tracks if t.key == key)

    def drop(self, key: int) -> None:
        """Forget a track; the next face in its place begins another. An unknown key is ignored."""
        self._tracks = [t for t in self._tracks if t.key != key]

    def finish(self) -> list[int]:
        """End of the video: the keys of the tracks still open."""
        keys = [t.key for t in self._tracks]
        self._tracks = []
        return keys

    def _pairs(
        self, alive: list[_Track], faces: Faces, pts_s: float, looks: Looks | None
    ) -> list[tuple[int, int]]:
        """Rows of ``alive`` and columns of ``faces`` that belong together."""
        expected = np.stack([t.expected(pts_s) for t in alive])
        affinity = _affinity(expected, faces.boxes)
        if looks is None:
            return match(affinity, _MIN_IOU)
        _note_rivals(alive, expected, pts_s)
        within = _near(expected, faces.boxes)
        rows = [
            row
            for row in _doubtful(alive, affinity)
            if alive[row].due(pts_s, int(within[row].sum()))
            and looks.track(alive[row].key) is not None
        ]
        for track, num_near in zip(alive, within.sum(1), strict=True):
            track.num_near = int(num_near)
        near = within[rows]
        columns = np.flatnonzero(near.any(0))
        if len(columns):
            distance = _distances([alive[r].key for r in rows], columns, looks)
            likeness = _LOOK_WEIGHT * np.clip(_NO_LIKENESS - distance, 0, None)
            affinity[np.array(rows)[:, None], columns] += np.where(near[:, columns], likeness, 0)
            pairs = match(affinity, _MIN_IOU)
            for row in rows:
                alive[row].note_look(pts_s)
            _settle(alive, rows, distance, columns, pairs, faces.boxes)
            return pairs
        return match(affinity, _MIN_IOU)


def _note_rivals(alive: list[_Track], expected: NDArray[np.float32], pts_s: float) -> None:
    """Tracks that touch become rivals; those long apart, or whose rival is gone, no longer are."""
    overlap = iou(expected, expected)
    keys = {t.key for t in alive}
    for row, track in enumerate(alive):
        for other in np.flatnonzero(overlap[row] > _TOUCH_IOU):
            if other != row:
                track.rivals[alive[other].key] = pts_s
        track.rivals = {
            k: at for k, at in track.rivals.items() if k in keys and pts_s - at <= _WATCH_S
        }
        if not track.rivals and all(pts_s - at > _WATCH_S for at in track.looked_s):
            track.num_looks = 0


def _doubtful(alive: list[_Track], affinity: NDArray[np.float32]) -> list[int]:
    """Rows of tracks that have rivals, or whose two best faces fit nearly as well."""
    rows = []
    for row, track in enumerate(alive):
        best = np.sort(affinity[row])[::-1]
        close = len(best) > 1 and best[1] >= max(_MIN_IOU, _CLOSE_CALL * best[0])
        if track.rivals or close:
            rows.append(row)
    return rows


def _near(expected: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N, M): whether a face lies within a track's reach and is of its size."""
    centre = [(x[:, None, :2] + x[:, None, 2:]) / 2 for x in (expected, boxes)]
    away = np.linalg.norm(centre[0] - centre[1].transpose(1, 0, 2), axis=-1)
    side = [
        np.sqrt(np.prod(np.clip(x[:, 2:] - x[:, :2], 1e-3, None), -1)) for x in (expected, boxes)
    ]
    ratio = side[0][:, None] / side[1][None, :]
    same_size = np.maximum(ratio, 1 / ratio) < _MAX_SIZE_RATIO
    return np.asarray((away <= _REACH_SIZES * side[0][:, None]) & same_size, np.bool_)


def _distances(keys: list[int], columns: NDArray[np.int64], looks: Looks) -> NDArray[np.float32]:
    """(tracks, faces) distances of embeddings; too far to count where one is not known."""
    known = [looks.track(key) for key in keys]
    found = [looks.face(int(column)) for column in columns]
    far = 2.0
    return np.array(
        [
            [far if a is None or b is None else float(np.linalg.norm(a - b)) for b in found]
            for a in known
        ],
        np.float32,
    )


def _settle(
    alive: list[_Track],
    rows: list[int],
    distance: NDArray[np.float32],
    columns: NDArray[np.int64],
    pairs: list[tuple[int, int]],
    boxes: NDArray[np.float32],
) -> None:
    """Rivals seen apart, each more like itself than like the other, are rivals no more."""
    number = {int(column): k for k, column in enumerate(columns)}
    found = {row: column for row, column in pairs if row in rows and column in number}
    apart = iou(boxes, boxes) <= _TOUCH_IOU
    for i, a in enumerate(rows):
        for j, b in enumerate(rows[:i]):
            if a not in found or b not in found or not apart[found[a], found[b]]:
                continue
            at_a, at_b = number[found[a]], number[found[b]]
            straight = distance[i, at_a] + distance[j, at_b]
            if straight + _CLEAR_MARGIN < distance[i, at_b] + distance[j, at_a]:
                alive[a].rivals.pop(alive[b].key, None)
                alive[b].rivals.pop(alive[a].key, None)
