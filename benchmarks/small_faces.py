"""Find the smallest face that each size of the detector's picture finds, and what it costs.

    python -m benchmarks.small_faces PICTURE [--frames 1280x720 1920x1080 3840x2160]

PICTURE shows one face. It is shrunk step by step and laid at nine places of a grey frame. The
smallest face is the least height, in pixels of the frame, from which on at least eight of the nine
are found. The cost is CPU time per frame: detection, and making the pictures from a decoded frame.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from emotion import weights
from emotion.errors import InputError
from emotion.extract.detect import Detector, load_detector, spec_for
from emotion.extract.spec import DetectorName
from emotion.video.picture import Converter

HEIGHTS_PX = (400, 300, 240, 200, 180, 160, 140, 120, 100, 90, 80, 70, 60, 56, 52, 48, 44, 40, 36,
              32, 28, 24, 20, 16, 12)  # fmt: skip
SIDES: dict[DetectorName, tuple[int | Literal["auto"], ...]] = {
    "yunet": (320, 640, 1280, "auto"),
    "dlib": (640, 1280, 2560, "auto"),
}
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Config:
    """Options of the benchmark."""

    picture: tyro.conf.Positional[Path]
    """Picture file with one face."""
    frames: tuple[str, ...] = ("1280x720", "1920x1080", "3840x2160")
    """Sizes of the frames, width x height."""
    repeats: int = 3
    """Frames per measured time."""


def read_face(path: Path) -> tuple[Image, float]:
    """Return the picture, RGB, and the share of its height that the face has, by YuNet's box."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise InputError(f"picture {path} cannot be read")
    image = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    faces = load_detector(spec_for("yunet"), weights.load_yunet())(image)
    if len(faces) != 1:
        raise InputError(f"picture {path} has {len(faces)} faces, must be 1")
    return image, float(faces.boxes[0, 3] - faces.boxes[0, 1]) / image.shape[0]


def lay_out(face: Image, share: float, hw: tuple[int, int], height_px: int) -> Image | None:
    """Return a grey frame with nine faces of a height; None if they do not fit."""
    scale = height_px / (share * face.shape[0])
    size = (round(face.shape[1] * scale), round(face.shape[0] * scale))
    if 3 * size[0] > hw[1] or 3 * size[1] > hw[0] or min(size) < 2:
        return None
    small = cv2.resize(face, size, interpolation=cv2.INTER_AREA)
    frame = np.full((*hw, 3), 128, np.uint8)
    for k in range(9):
        top, left = k // 3 * (hw[0] // 3), k % 3 * (hw[1] // 3)
        frame[top : top + size[1], left : left + size[0]] = small
    return frame


def smallest(detect: Detector, face: Image, share: float, hw: tuple[int, int]) -> int | None:
    """Return the least height of a face that is found; None: not even the largest is."""
    least = None
    for height_px in HEIGHTS_PX:
        frame = lay_out(face, share, hw, height_px)
        if frame is None:
            continue
        if len(detect(frame)) < 8:
            break
        least = height_px
    return least


def cost_ms(detect: Detector, frame: Image, repeats: int) -> float:
    """Return the CPU time per frame, milliseconds, from a decoded frame to its faces."""
    decoded = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p")
    converter, hw = Converter(), (frame.shape[0], frame.shape[1])

    def once() -> None:
        pictures = [converter.thumbnail(decoded, side_px=side) for side in detect.sides(hw)]
        detect.in_pictures(pictures, frame_hw=hw)

    once()
    began = time.process_time()
    for _ in range(repeats):
        once()
    return 1000 * (time.process_time() - began) / repeats


def main() -> None:
    """Print a Markdown row per frame size, detector and side."""
    config = tyro.cli(Config, description=__doc__)
    face, share = read_face(config.picture)
    print("| frame | detector | side | smallest face, px | ms per frame |")
    print("|---|---|---|---|---|")
    for text in config.frames:
        width, height = map(int, text.split("x"))
        empty = lay_out(face, share, (height, width), 60)
        for name, sides in SIDES.items():
            for side in sides:
                model = weights.load_yunet() if name == "yunet" else None
                detect = load_detector(spec_for(name, detect_side_px=side), model)
                least = smallest(detect, face, share, (height, width))
                cost = cost_ms(detect, empty, config.repeats) if empty is not None else 0.0
                row = (text, name, side, least or "none", f"{cost:.0f}")
                print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main()
