"""Time the published networks under onnxruntime on one thread, and the first answer of predict.

    python -m benchmarks.published [--video CLIP.mp4] [--mobilefacenet FILE.onnx]

Prints milliseconds per face (a clip of 16 faces divided by 16, the fastest of --rounds), and the
seconds from the start of `jobs.predict` to its end for --video, the fastest of three. The package
of predict is the default one, which is imported before. Run it on an idle machine with
OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro

from emotion import weights
from emotion.extract.detect import spec_for
from emotion.package.model_package import ModelPackage
from emotion.package.onnx_export import export_onnx
from emotion.predict.predictor import Predictor
from emotion.published.default import find_default_package
from emotion.published.mini_xception import import_mini_xception
from emotion.published.mobilefacenet import import_mobilefacenet


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    video: Path | None = None
    """Video for the first answer; default: not measured."""
    mobilefacenet: Path | None = None
    """MobileFaceNet's ONNX file; default: the known file, from the cache or a checked download."""
    rounds: int = 10
    """Number of rounds; the fastest counts."""


def face_ms(package: ModelPackage, rounds: int) -> tuple[float, float]:
    """Return milliseconds per face under onnxruntime and under torch, on one thread."""
    torch.set_num_threads(1)
    spec = package.spec
    shape = (1, spec.clip_len, spec.crop_px, spec.crop_px, 3)
    clips = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    predictors = [
        Predictor(package, device="cpu", onnx=one) for one in (export_onnx(package), None)
    ]
    best = [float("inf")] * 2
    for _ in range(rounds):
        for index, predictor in enumerate(predictors):
            began = time.perf_counter()
            predictor.probs(clips)
            best[index] = min(best[index], time.perf_counter() - began)
    return 1000 * best[0] / spec.clip_len, 1000 * best[1] / spec.clip_len


def first_answer_s(video: Path) -> float:
    """Return the seconds of a whole run of jobs.predict, the fastest of three."""
    find_default_package()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        command = [sys.executable, "-m", "jobs.predict", str(video)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per network, and one for the first answer."""
    config = tyro.cli(Config, args=argv, description=__doc__)
    own = config.mobilefacenet
    data = own.read_bytes() if own else weights.load_weights(weights.MOBILEFACENET)
    packages = {
        "mobilefacenet": import_mobilefacenet(data, spec=spec_for("yunet")),
        "mini_xception": import_mini_xception(weights.load_mini_xception(), spec=spec_for("dlib")),
    }
    for name, package in packages.items():
        onnx_ms, torch_ms = face_ms(package, config.rounds)
        print(f"{name}: {onnx_ms:.2f} ms per face by onnxruntime, {torch_ms:.2f} by torch")
    if config.video:
        print(f"first answer for {config.video.name}: {first_answer_s(config.video):.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
