"""Time each stage of the path on drawn clips, in one process with one thread.

    python -m benchmarks.stages [--clips 7] [--yunet face_detection_yunet_2023mar.onnx]

Prints a line per stage. Run it on an idle machine, and compare one machine only.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import tyro

from emotion import weights
from emotion.extract.detect import spec_for
from emotion.extract.extractor import Extractor
from emotion.extract.spec import DetectorName
from emotion.extract.walk import VideoSummary
from emotion.labels import LABELS
from emotion.models.registry import build_model
from emotion.package.model_package import ModelPackage, weights_bytes
from emotion.predict.predictor import Predictor
from emotion.synth.clip import render_clip
from emotion.video.decode import Limits, VideoFacts, sample_frames


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    clips: int = 7
    """Number of drawn clips of about 2.4 s."""
    yunet: str | None = None
    """YuNet weights file; default: only dlib is timed."""


def timed(work: Callable[[], int]) -> tuple[int, float]:
    """Return the count that ``work`` returns, and its seconds."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def report(stage: str, count: int, unit: str, seconds: float) -> None:
    """Print the line of a stage: count, seconds and speed."""
    print(f"{stage:22} {count:6} {unit:7} {seconds:7.2f} s  {count / seconds:8.1f} {unit}/s")


def render(folder: Path, count: int) -> int:
    """Write ``count`` clips and return the number of frames."""
    facts = [
        render_clip(folder / f"{k}.mp4", seed=1, subject=k // 7, label=LABELS[k % 7])
        for k in range(count)
    ]
    return sum(each.frames for each in facts)


def decode(paths: Sequence[Path]) -> int:
    """Read the clips as extraction does, and return the number of decoded frames."""
    decoded = 0
    for path in paths:
        facts = VideoFacts()
        for _ in sample_frames(path, sample_fps=8.0, limits=Limits(), facts=facts):
            pass
        decoded += facts.num_decoded
    return decoded


def extract(paths: Sequence[Path], name: DetectorName, model: bytes | None) -> list[dict[str, Any]]:
    """Extract the clips and return all rows of the table ``clips``."""
    extractor = Extractor(spec_for(name), yunet_model=model)
    return [
        row
        for path in paths
        for table, row in extractor.rows(path, video_id=path.stem, summary=VideoSummary())
        if table == "clips"
    ]


def predictor(model: str) -> Predictor:
    """Return a model with random weights, which is as fast as a trained one."""
    state = build_model(model, len(LABELS), {}).state_dict()
    spec = spec_for("dlib")
    package = ModelPackage(model, {}, LABELS, spec, weights_bytes(state), {}, {}, {})
    return Predictor(package, device="cpu")


def main(argv: Sequence[str] | None = None) -> int:
    """Time every stage and print a line for each."""
    config = tyro.cli(Config, args=argv, description=__doc__)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report("render", *_as_frames(timed(lambda: render(folder, config.clips))))
        paths = sorted(folder.glob("*.mp4"))
        report("decode at 8 fps", *_as_frames(timed(lambda: decode(paths))))
        for detector, model in _detectors(config.yunet):
            began = time.perf_counter()
            rows = extract(paths, detector, model)
            seconds = time.perf_counter() - began
            report(f"extract, {detector}", len(rows), "clips", seconds)
    clips = np.zeros((16, 16, 112, 112, 3), np.uint8)
    for architecture in ("r3d_lite", "r3d_18"):
        ready = predictor(architecture)
        count, seconds = timed(lambda ready=ready: len(ready.probs(clips)))  # type: ignore[misc]
        report(f"score, {architecture}", count, "clips", seconds)
    return 0


def _as_frames(counted: tuple[int, float]) -> tuple[int, str, float]:
    return counted[0], "frames", counted[1]


def _detectors(yunet: str | None) -> list[tuple[DetectorName, bytes | None]]:
    dlib: list[tuple[DetectorName, bytes | None]] = [("dlib", None)]
    return dlib + [("yunet", weights.load_yunet(yunet))] if yunet else dlib


if __name__ == "__main__":
    raise SystemExit(main())
