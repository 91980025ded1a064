"""Compare YuNet's own landmarks with dlib's points in YuNet's box: jitter, time, fallbacks.

    python -m benchmarks.landmarks VIDEO ... [--sample-fps 25] [--sheet crops.png]

Jitter is the distance of an eye from the middle of its positions in the frames before and after,
divided by the distance between the eyes: mean and median over the frames of the largest face. The
sheet shows twelve faces per video: upper row YuNet's crop, lower row dlib's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from emotion import weights
from emotion.extract.align import crop_face, eyes_and_nose
from emotion.extract.detect import Faces, load_detector, spec_for
from emotion.extract.landmarks import LandmarkPredictor
from emotion.video.decode import Frame, Limits, VideoFacts, sample_frames

CROP_PX = 112
NEAR = 0.5
"""Frames whose largest face moved by more than this share of its eye distance are left out."""


@dataclass(frozen=True)
class Config:
    """Options of the benchmark."""

    videos: tyro.conf.Positional[tuple[Path, ...]]
    """Video files with one main face."""
    sample_fps: float = 25.0
    """Samples per second."""
    sheet: Path | None = None
    """Picture file for crops by both methods."""


@dataclass(frozen=True)
class Sample:
    """The largest face of one frame, by both methods: eyes (2, 2) pixels, and crops."""

    frame_index: int
    eyes: tuple[NDArray[np.float64], NDArray[np.float64]]
    crops: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    is_fallback: bool
    seconds: float


def samples(path: Path, *, sample_fps: float) -> Iterator[Sample]:
    """Yield the largest face of every sampled frame that has one."""
    detector = load_detector(spec_for("yunet"), weights.load_yunet())
    predict = LandmarkPredictor()
    for frame in sample_frames(path, sample_fps=sample_fps, limits=Limits(), facts=VideoFacts()):
        pictures = [frame.thumbnail(side) for side in detector.sides(frame.hw)]
        faces = detector.in_pictures(pictures, frame_hw=frame.hw)
        sample = _sample(frame, faces, predict)
        if sample is not None:
            yield sample


def _sample(frame: Frame, faces: Faces, predict: LandmarkPredictor) -> Sample | None:
    if not len(faces):
        return None
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    k = int(sides.prod(axis=1).argmax())
    own = faces.landmarks[k]
    began = time.perf_counter()
    points, by = predict(frame.image, faces.boxes[k], own)
    seconds = time.perf_counter() - began
    return Sample(
        frame_index=frame.index,
        eyes=(
            np.stack(eyes_and_nose(own, "yunet")[:2]),
            np.stack(eyes_and_nose(points, by)[:2]),
        ),
        crops=(
            crop_face(frame.image, own, landmarks_by="yunet", crop_px=CROP_PX),
            crop_face(frame.image, points, landmarks_by=by, crop_px=CROP_PX),
        ),
        is_fallback=by == "yunet",
        seconds=seconds,
    )


def jitter(rows: list[Sample], method: int) -> str:
    """Return mean and median of the eyes' jitter by method 0 (yunet) or 1 (dlib) as text."""
    values = []
    for before, now, after in zip(rows, rows[1:], rows[2:], strict=False):
        if after.frame_index - before.frame_index != 2:
            continue
        a, b, c = (row.eyes[method] for row in (before, now, after))
        apart = np.hypot(*(b[1] - b[0]))
        if max(np.hypot(*(a - b).T).max(), np.hypot(*(c - b).T).max()) < NEAR * apart:
            values.append(np.hypot(*(b - (a + c) / 2).T).mean() / apart)
    return f"{np.mean(values):.4f} (median {np.median(values):.4f})" if values else "unknown"


def main() -> None:
    """Print one line per video, and write the sheet."""
    config = tyro.cli(Config, description=__doc__)
    rows_of_sheet = []
    for path in config.videos:
        rows = list(samples(path, sample_fps=config.sample_fps))
        fallback = np.mean([row.is_fallback for row in rows]) if rows else float("nan")
        spent = np.median([row.seconds for row in rows]) * 1e3 if rows else float("nan")
        print(
            f"{path.name}: {len(rows)} faces, jitter yunet {jitter(rows, 0)} "
            f"dlib {jitter(rows, 1)}, fallback {fallback:.1%}, {spent:.2f} ms per face"
        )
        shown = rows[:: max(1, len(rows) // 12)][:12]
        for method in (0, 1) if shown else ():
            line = np.concatenate([row.crops[method] for row in shown], axis=1)
            rows_of_sheet.append(np.pad(line, ((0, 0), (0, 12 * CROP_PX - line.shape[1]), (0, 0))))
    if config.sheet and rows_of_sheet:
        cv2.imwrite(
            str(config.sheet), cv2.cvtColor(np.concatenate(rows_of_sheet), cv2.COLOR_RGB2BGR)
        )


if __name__ == "__main__":
    main()
