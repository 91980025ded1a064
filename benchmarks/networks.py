"""Time the face networks and the libraries that they come from, on one thread.

    python -m benchmarks.networks --frames VIDEO_OR_FOLDER [--yunet FILE.onnx]

Prints CPU milliseconds per frame or face and their ratio, measured in turns in one run. Run it on
an idle machine with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import dlib
import numpy as np
import tyro
from numpy.typing import NDArray

from emotion import weights
from emotion.errors import InputError
from emotion.extract.align import crop_face
from emotion.extract.detect import load_detector, spec_for
from emotion.extract.embed import Embedder, chip
from emotion.extract.yunet import YuNet

Image = NDArray[np.uint8]
SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    frames: Path
    """Video, or folder that is searched for videos."""
    yunet: str | None = None
    """YuNet weights file; default: as in extraction, the cache or a checked download."""
    count: int = 40
    """Number of frames, spread over the videos."""
    faces: int = 8
    """Number of their faces that are embedded."""
    rounds: int = 5
    """Number of rounds; the fastest counts."""


def read_frames(path: Path, count: int) -> list[Image]:
    """Read up to ``count`` RGB frames, one per second of each video."""
    paths = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES) if path.is_dir() else [path]
    videos = paths[:: max(1, len(paths) // count)]
    share = -(-count // max(1, len(videos)))
    frames = [frame for video in videos for frame in _of_one(video, share)][:count]
    if not frames:
        raise InputError(f"{path} has no video ({', '.join(SUFFIXES)}) with a frame")
    return frames


def _of_one(path: Path, count: int) -> list[Image]:
    frames: list[Image] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if (frame.time or 0.0) >= len(frames):
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if len(frames) == count:
                break
    return frames


def fastest_ms(works: Sequence[Callable[[], object]], *, rounds: int) -> list[float]:
    """Return CPU milliseconds of each function: the best of ``rounds``, taken in turns."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            began = time.process_time()
            work()
            best[number] = min(best[number], (time.process_time() - began) * 1e3)
    return best


def opencv_yunet(model: bytes) -> Callable[[Image], object]:
    """Return a function that runs the same network through OpenCV."""
    cv2.utils.logging.setLogLevel(2)
    data, none = np.frombuffer(model, np.uint8), np.empty(0, np.uint8)
    net = cv2.FaceDetectorYN.create("onnx", data, none, (320, 320), 0.7, 0.3, 500)

    def find(image: Image) -> object:
        net.setInputSize((image.shape[1], image.shape[0]))
        return net.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    return find


def small(image: Image, side_px: int) -> Image:
    """Resize an image to a longest side of ``side_px``."""
    scale = side_px / max(image.shape[:2])
    size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def each(work: Callable[[Any], object], items: Sequence[Any]) -> Callable[[], object]:
    """Return a function that runs ``work`` on every item."""
    return lambda: [work(item) for item in items]


def report(name: str, times_ms: Sequence[float], count: int) -> None:
    """Print a line of the table: times of ``count`` images by the library and by this project."""
    library_ms, own_ms = (each_ms / count for each_ms in times_ms)
    print(f"{name:32} {library_ms:8.2f} ms {own_ms:8.2f} ms {library_ms / own_ms:6.1f} x")


def find_crops(frames: Sequence[Image], model: bytes, count: int) -> list[Image]:
    """Return up to ``count`` aligned crops of faces."""
    detector = load_detector(spec_for("yunet"), model)
    crops = [
        crop_face(frame, landmarks, landmarks_by="yunet", crop_px=112)
        for frame in frames
        for landmarks in detector(frame).landmarks
    ]
    return crops[:count]


def main(argv: Sequence[str] | None = None) -> int:
    """Time both networks in both libraries and print a line for each."""
    config = tyro.cli(Config, args=argv, description=__doc__)
    cv2.setNumThreads(1)
    model = weights.load_yunet(config.yunet)
    frames = read_frames(config.frames, config.count)
    print(f"{len(frames)} frames{'':22} {'library':>11} {'here':>11}")
    own, library = YuNet(model, min_score=0.7), opencv_yunet(model)
    for side_px in (320, 640):
        pictures = [small(frame, side_px) for frame in frames]
        works = [each(library, pictures), each(own, pictures)]
        times_ms = fastest_ms(works, rounds=config.rounds)
        report(f"YuNet, {side_px} px, OpenCV", times_ms, len(frames))
    crops = find_crops(frames, model, config.faces)
    if crops:
        embed = Embedder()
        network = dlib.face_recognition_model_v1(str(weights.find_dlib_embedder()))
        describe = each(network.compute_face_descriptor, [chip(crop) for crop in crops])
        for name, work in (
            ("together", lambda: embed(crops)),
            ("alone", each(embed, _ones(crops))),
        ):
            times_ms = fastest_ms([describe, work], rounds=config.rounds)
            report(f"embedder, {len(crops)} faces {name}, dlib", times_ms, len(crops))
    return 0


def _ones(crops: Sequence[Image]) -> list[list[Image]]:
    return [[crop] for crop in crops]


if __name__ == "__main__":
    raise SystemExit(main())
