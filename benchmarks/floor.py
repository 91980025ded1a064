"""A build against the floor: what its decoding, detection and crops cost without anything else.

    python -m benchmarks.floor --videos FOLDER --labels CSV [--rounds 3]

The floor: every frame decoded by PyAV in one thread per core, OpenCV's own YuNet at 320 px on the
sampled frames, a 112 px JPEG per face, nothing written. Floor and build take turns; the build's
start-up, which is what building one drawn clip of some seconds costs, is told apart.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from emotion.synth.clip import render_clip
from emotion.weights import load_yunet
from jobs._cli import one_line_errors, parse

SIDE_PX = 320
CROP_PX = 112


@dataclass(frozen=True)
class Config:
    """What to build."""

    videos: str
    """Folder of videos."""
    labels: str
    """Their label table."""
    sample_fps: float = 5.0
    """Samples per second."""
    rounds: int = 3
    """Turns; medians are compared."""


class Floor:
    """The plainest loop; one per process."""

    def __init__(self, sample_fps: float) -> None:
        cv2.setNumThreads(1)
        model = np.frombuffer(load_yunet(), np.uint8)
        size = (SIDE_PX, SIDE_PX)
        self._net = cv2.FaceDetectorYN.create("onnx", model, np.empty(0, np.uint8), size, 0.7)
        self._step_s = 1 / sample_fps

    def video(self, path: str) -> int:
        """Read one video; the number of faces."""
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
        _, found = self._net.detect(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        for row in [] if found is None else found:
            x, y, w, h = (max(0, int(v / scale)) for v in row[:4])
            crop = cv2.resize(image[y : y + max(h, 1), x : x + max(w, 1)], (CROP_PX, CROP_PX))
            cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 92])
        return 0 if found is None else len(found)


_floor: list[Floor] = []  # the one of this process


def _start(sample_fps: float) -> None:
    _floor.append(Floor(sample_fps))


def _one(path: str) -> int:
    return _floor[0].video(path)


def floor_s(paths: Sequence[str], sample_fps: float) -> tuple[float, int]:
    """Seconds and faces of the floor, processes started before the clock."""
    cores = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores, initializer=_start, initargs=(sample_fps,)) as pool:
        pool.map(_one, [paths[0]] * cores, chunksize=1)
        began = time.perf_counter()
        faces = sum(pool.imap_unordered(_one, paths, chunksize=1))
        return time.perf_counter() - began, faces


def build_s(videos: str, labels: str, sample_fps: float) -> float:
    """Seconds of one build in a process of its own, into a folder that is thrown away."""
    out = tempfile.mkdtemp()
    command = [sys.executable, "-m", "jobs.build_dataset", "--videos", videos, "--labels", labels]
    command += ["--out", f"{out}/dataset", "--detector", "yunet", "--sample-fps", str(sample_fps)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    shutil.rmtree(out)
    if done.returncode != 0:
        raise RuntimeError(f"the build failed: {done.stdout}{done.stderr}")
    return seconds


def tiny_archive(folder: str) -> tuple[str, str]:
    """One drawn clip of some seconds and its label table."""
    render_clip(Path(folder) / "clip.mp4", seed=1, subject=0, label="happy")
    labels = Path(folder) / "labels.csv"
    labels.write_text("uri,subject_id,label\nclip.mp4,s0,happy\n")
    return folder, str(labels)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Take turns and print medians and the ratio."""
    config = parse(Config, argv, doc=__doc__)
    root, labels = Path(config.videos), Path(config.labels)
    with labels.open() as text:
        paths = [str(root / row["uri"]) for row in csv.DictReader(text)]
    floors, builds, starts = [], [], []
    faces = 0
    with tempfile.TemporaryDirectory() as folder:
        tiny = tiny_archive(folder)
        for _ in range(config.rounds):
            seconds, faces = floor_s(paths, config.sample_fps)
            floors.append(seconds)
            starts.append(build_s(*tiny, config.sample_fps))
            builds.append(build_s(str(root), str(labels), config.sample_fps))
    floor, build, start = (statistics.median(times) for times in (floors, builds, starts))
    print(f"{len(paths)} videos, {faces} faces, {os.cpu_count()} cores, {config.rounds} rounds")
    print(f"floor     {floor:7.1f} s   {' '.join(f'{t:.1f}' for t in floors)}")
    print(f"build     {build:7.1f} s   {' '.join(f'{t:.1f}' for t in builds)}")
    print(f"start-up  {start:7.1f} s   {' '.join(f'{t:.1f}' for t in starts)}")
    print(f"build without start-up, over the floor: {(build - start) / floor:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
