"""Compare a job with the floor: decoding, detection and crops alone.

    python -m benchmarks.floor --videos FOLDER --labels CSV [--rounds 3]
    python -m benchmarks.floor --videos FOLDER --labels CSV --package RUN/package

The floor decodes every frame with PyAV in one thread per core, runs OpenCV's YuNet at 320 px on the
sampled frames, makes a 112 px JPEG per face, and writes no file. With a package the job is
jobs.score, and the floor also runs the model alone on as many clips as the job scored; without one
the job is jobs.build_dataset. Floor and job take turns. The job's start-up, measured with one drawn
clip of some seconds, has a line of its own.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import torch

from emotion.package.model_package import load_package
from emotion.predict.predictor import BATCH_SIZE
from emotion.synth.clip import render_clip
from emotion.weights import load_yunet
from jobs.common.command import one_line_errors, parse

SIDE_PX = 320
CROP_PX = 112


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    videos: str
    """Folder of videos."""
    labels: str
    """Label table of the videos."""
    sample_fps: float = 5.0
    """Samples per second; a package brings its own."""
    rounds: int = 3
    """Number of turns; medians are compared."""
    package: str | None = None
    """Model package of clips that yunet detected; the videos are scored with it."""


class Floor:
    """The floor's loop over one video; one object per process."""

    def __init__(self, sample_fps: float) -> None:
        cv2.setNumThreads(1)
        model = np.frombuffer(load_yunet(), np.uint8)
        size = (SIDE_PX, SIDE_PX)
        self._net = cv2.FaceDetectorYN.create("onnx", model, np.empty(0, np.uint8), size, 0.7)
        self._step_s = 1 / sample_fps

    def video(self, path: str) -> int:
        """Read one video and return the number of faces."""
        faces, due = 0, 0.0
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            for frame in container.decode(stream):
                if frame.time is not None and frame.time >= due:
                    due += self._step_s
                    faces += self._faces(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
        return faces

    def _faces(self, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
        scale = SIDE_PX / max(image.shape[:2])
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        self._net.setInputSize(size)
        _, faces = self._net.detect(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        for row in [] if faces is None else faces:
            x, y, w, h = (max(0, int(v / scale)) for v in row[:4])
            crop = cv2.resize(image[y : y + max(h, 1), x : x + max(w, 1)], (CROP_PX, CROP_PX))
            cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 92])
        return 0 if faces is None else len(faces)


class Model:
    """The network of a package on one thread; one object per process."""

    def __init__(self, package: str) -> None:
        torch.set_num_threads(1)
        loaded = load_package(package)
        self._model = loaded.build().eval()
        spec = loaded.spec
        self._x_BCTHW = torch.randn(1, 3, spec.clip_len, spec.crop_px, spec.crop_px)

    @torch.inference_mode()
    def batch(self, num_clips: int) -> None:
        """Run the network on one batch of ``num_clips``."""
        self._model(self._x_BCTHW.expand(num_clips, -1, -1, -1, -1))


_floor: list[Floor] = []  # the object of this process
_model: list[Model] = []


def _start(sample_fps: float, package: str | None) -> None:
    _floor.append(Floor(sample_fps))
    if package:
        _model.append(Model(package))


def _one(path: str) -> int:
    return _floor[0].video(path)


def _batch(num_clips: int) -> None:
    _model[0].batch(num_clips)


def floor_s(paths: Sequence[str], config: Config, *, clips: int) -> tuple[float, int]:
    """Return seconds and faces of the floor; its processes start before the clock."""
    cores = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    batches = [BATCH_SIZE] * (clips // BATCH_SIZE) + [clips % BATCH_SIZE] * bool(clips % BATCH_SIZE)
    start = (config.sample_fps, config.package)
    with context.Pool(cores, initializer=_start, initargs=start) as pool:
        pool.map(_one, [paths[0]] * cores, chunksize=1)
        pool.map(_batch, batches[:1] * cores, chunksize=1)
        began = time.perf_counter()
        faces = sum(pool.imap_unordered(_one, paths, chunksize=1))
        list(pool.imap_unordered(_batch, batches, chunksize=1))
        return time.perf_counter() - began, faces


def job_s(videos: str, labels: str, config: Config) -> tuple[float, int]:
    """Run one job in a new process with a temporary output; return seconds and scored clips."""
    if config.package:
        command = [sys.executable, "-m", "jobs.score", "--package", config.package]
    else:
        command = [sys.executable, "-m", "jobs.build_dataset", "--labels", labels]
        command += ["--detector", "yunet", "--sample-fps", str(config.sample_fps)]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--videos", videos, "--out", f"{folder}/out"]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        if done.returncode != 0:
            raise RuntimeError(f"the job failed: {done.stdout}{done.stderr}")
        scores = Path(folder).glob("out/scores/*.parquet")
        return seconds, sum(pq.read_metadata(part).num_rows for part in scores)


def tiny_archive(folder: str) -> tuple[str, str]:
    """Write one drawn clip of some seconds and its label table; return both addresses."""
    render_clip(Path(folder) / "clip.mp4", seed=1, subject=0, label="happy")
    labels = Path(folder) / "labels.csv"
    labels.write_text("uri,subject_id,label\nclip.mp4,s0,happy\n")
    return folder, str(labels)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Measure in turns; print medians and the ratio."""
    config = parse(Config, argv, verb="benchmarks.floor", doc=__doc__)
    root, labels = Path(config.videos), Path(config.labels)
    with labels.open() as text:
        paths = [str(root / row["uri"]) for row in csv.DictReader(text)]
    if config.package:
        config = replace(config, sample_fps=load_package(config.package).spec.sample_fps)
    floors, jobs, starts = [], [], []
    faces = clips = 0
    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_archive(folder)
        for _ in range(config.rounds):
            starts.append(job_s(*tiny, config)[0])
            seconds, clips = job_s(str(root), str(labels), config)
            jobs.append(seconds)
            seconds, faces = floor_s(paths, config, clips=clips)
            floors.append(seconds)
    floor, job, start = (statistics.median(times) for times in (floors, jobs, starts))
    name = "score" if config.package else "build"
    print(f"{len(paths)} videos, {faces} faces, {os.cpu_count()} cores, {config.rounds} rounds")
    print(f"floor     {floor:7.1f} s   {' '.join(f'{t:.1f}' for t in floors)}")
    print(f"{name}     {job:7.1f} s   {' '.join(f'{t:.1f}' for t in jobs)}")
    print(f"start-up  {start:7.1f} s   {' '.join(f'{t:.1f}' for t in starts)}")
    if clips:
        print(f"{clips} clips were scored")
    print(f"{name} without start-up, over the floor: {(job - start) / floor:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
