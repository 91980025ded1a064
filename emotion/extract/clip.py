"""Clips: windows of T crops of one track, on the grid of samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from emotion.extract.spec import ExtractionSpec


@dataclass(frozen=True)
class CropItem:
    """One face of a track, cropped.

    Attributes:
        frame_index: number k of the sample.
        pts_s: presentation time of the sample's frame, seconds from the first frame.
        box: xyxy pixels.
        score: score of the detection.
        jpeg: the aligned crop as a JPEG file.
    """

    frame_index: int
    pts_s: float
    box: tuple[float, float, float, float]
    score: float
    jpeg: bytes


@dataclass(frozen=True)
class Clip:
    """Window of T samples of one track, with one crop per sample.

    A sample without a detected face repeats the crop of another sample; see ``ClipBuilder``.

    Attributes:
        start_s: time of the first sample with a detected face, seconds.
        stop_s: end of the last sample with a detected face, seconds: the clip is [start_s, stop_s).
        pts_s: presentation times of the T crops' frames, seconds from the first frame.
        box: mean box of the detected faces, xyxy pixels.
        num_faces: number of samples with a detected face, 1 to T.
        quality: 0 to 1: ``num_faces`` / T times the mean detection score (each clipped to 0 to 1).
        crops: T JPEG files.
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

    The first window of T samples starts at the track's first face. Each later window starts
    ``spec.clip_stride`` samples after the previous one or, after a long gap, at the next face. A
    sample without a face repeats the previous crop of the window, or takes the next one if there
    is none before. So a clip always has T crops. A window with fewer than ``spec.min_clip_faces``
    faces makes no clip.
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
    """Return the clip of the T samples from ``start``; ``items`` are its faces, at least one."""
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
