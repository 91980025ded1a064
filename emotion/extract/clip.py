"""Clips: windows of T crops of one track, on the grid of samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from emotion.extract.spec import ExtractionSpec


@dataclass(frozen=True)
class CropItem:
    """One face of a track, cropped.

    Attributes:
        frame_index: k of its sample.
        pts_s: its frame's presentation time.
        box: xyxy pixels.
        score: of the detection.
        jpeg: the aligned crop.
    """

    frame_index: int
    pts_s: float
    box: tuple[float, float, float, float]
    score: float
    jpeg: bytes


@dataclass(frozen=True)
class Clip:
    """Window of T crops of one track.

    Attributes:
        start_s: time of the sample of the first own face.
        stop_s: end of the sample of the last own face; half-open.
        pts_s: T presentation times of the frames shown.
        box: mean xyxy of the own faces.
        num_faces: crops that are a face of their own sample, 1 to T.
        quality: 0 to 1; share of own faces times mean detection score (squashed to 1).
        crops: T JPEGs.
    """

    start_s: float
    stop_s: float
    pts_s: tuple[float, ...]
    box: tuple[float, float, float, float]
    num_faces: int
    quality: float
    crops: tuple[bytes, ...]


@dataclass
class ClipBuilder:
    """Builder of the clips of one track; holds at most one window of crops.

    The first window of T samples starts at the track's first face, each later one a stride after
    the one before. A sample without a face repeats the face before it (a first sample takes the
    next face), so that a clip always has T crops. ``pts_s`` is the time of each crop's frame.
    """

    spec: ExtractionSpec
    _items: list[CropItem] = field(default_factory=list)
    _window: int = -1  # frame_index of the first sample of the open window

    def add(self, item: CropItem) -> list[Clip]:
        """Add the track's next face; return the clips that it completes, usually none."""
        if self._window < 0:
            self._window = item.frame_index
        done = []
        while item.frame_index >= self._window + self.spec.clip_len:
            done += self._close()
            if not self._items:  # a long gap: the next window starts at this face
                self._window = item.frame_index
        self._items.append(item)
        return done

    def finish(self) -> list[Clip]:
        """End the track; return its last clip if the open window has enough faces."""
        if self._window < 0:
            return []
        done = self._close()
        self._items = []
        return done

    def _close(self) -> list[Clip]:
        """Close the open window and move by one stride; return its clip if it has enough faces."""
        stop = self._window + self.spec.clip_len
        inside = [i for i in self._items if i.frame_index < stop]
        start = self._window
        self._window += self.spec.clip_stride
        self._items = [i for i in self._items if i.frame_index >= self._window]
        return [_clip(inside, start, self.spec)] if len(inside) >= self.spec.min_clip_faces else []


def _clip(items: list[CropItem], start: int, spec: ExtractionSpec) -> Clip:
    """Return the clip of the T samples from ``start``; ``items`` is not empty."""
    shown, position = [], 0
    for k in range(start, start + spec.clip_len):
        while position + 1 < len(items) and items[position + 1].frame_index <= k:
            position += 1
        shown.append(items[position])
    boxes = np.array([i.box for i in items], np.float64).mean(0)
    scores = np.clip([i.score for i in items], 0, 1)
    return Clip(
        start_s=items[0].frame_index / spec.sample_fps,
        stop_s=(items[-1].frame_index + 1) / spec.sample_fps,
        pts_s=tuple(i.pts_s for i in shown),
        box=(float(boxes[0]), float(boxes[1]), float(boxes[2]), float(boxes[3])),
        num_faces=len(items),
        quality=float(len(items) / spec.clip_len * scores.mean()),
        crops=tuple(i.jpeg for i in shown),
    )
