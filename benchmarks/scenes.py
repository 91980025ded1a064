"""Scenes with two people, composed from clips of one person each, with the true boxes.

A head is cut out of its clip as an oval and moved along a path over a drawn background. A later
actor covers an earlier one. Clips are played forwards and backwards until the scene ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.extract.detect import Detector
from emotion.video.decode import Limits, VideoFacts, sample_frames

Kind = Literal["beside", "crossing", "turning", "leaving", "cut", "swap"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FPS = 24
HW = (360, 640)
_HEAD_PX = 170
_FACE_SHARE = 0.5  # height of the face over the side of the head
_MIN_VISIBLE = 0.5

Path2 = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Head:
    """One person's clip, cut down to the head.

    Attributes:
        pictures: (T, 170, 170, 3) uint8 RGB, 24 per second.
        boxes: (T, 4) float64 xyxy of the face, pixels of the pictures.
    """

    pictures: NDArray[np.uint8]
    boxes: NDArray[np.float64]


@dataclass(frozen=True)
class Actor:
    """One head and its path through a shot.

    Attributes:
        person: name of the person.
        head: pictures and boxes.
        path: (seconds from the shot's start, x, y) of its centre, in shares of the frame.
    """

    person: str
    head: Head
    path: Path2

    def place(self, at_s: float) -> tuple[int, int]:
        """Return the upper left corner in pixels, with a slight nod."""
        times, xs, ys = (np.array(v) for v in zip(*self.path, strict=True))
        x = float(np.interp(at_s, times, xs)) * HW[1] - _HEAD_PX / 2
        y = float(np.interp(at_s, times, ys)) * HW[0] - _HEAD_PX / 2
        return round(x), round(y + 4 * np.sin(3 * at_s))


@dataclass(frozen=True)
class Shot:
    """Some seconds without a cut; actors from the back to the front."""

    seconds: float
    actors: tuple[Actor, ...]
    background: int


@dataclass(frozen=True)
class Truth:
    """Person and xyxy pixels of a visible face of one frame."""

    person: str
    box: tuple[float, float, float, float]


def cut_out(path: Path, detector: Detector) -> Head:
    """Cut the head out of a clip that shows one person.

    Raises:
        ValueError: if less than half of its frames have a detected face.
    """
    frames = sample_frames(path, sample_fps=FPS, limits=Limits(), facts=VideoFacts())
    images, index, boxes = [], [], []
    shown = 0
    for frame in frames:
        images += [frame.image] * max(1, frame.index - shown)
        shown = frame.index
        faces = detector(frame.image)
        if len(faces):
            index.append(len(images) - 1)
            boxes.append(faces.boxes[0].astype(np.float64))
    if 2 * len(boxes) < len(set(map(id, images))):
        raise ValueError(f"{path.name}: a face in {len(boxes)} frames, must be in half of them")
    known = np.array(boxes)
    each = np.column_stack(
        [np.interp(np.arange(len(images)), index, known[:, k]) for k in range(4)]
    )
    x0, y0, x1, y1 = np.median(known, axis=0)
    side = (y1 - y0) / _FACE_SHARE
    scale = _HEAD_PX / side
    left, top = (x0 + x1) / 2 - side / 2, (y0 + y1) / 2 - side * 0.54
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    pictures = [
        cv2.warpAffine(
            i, matrix, (_HEAD_PX, _HEAD_PX), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        for i in images
    ]
    return Head(np.array(pictures, np.uint8), (each - [left, top, left, top]) * scale)


def plan(kind: Kind, heads: Mapping[str, Sequence[Head]], *, seed: int) -> tuple[Shot, ...]:
    """Return the shots of a scene of two people.

    Args:
        kind: beside: both stay on their side. crossing: they pass each other twice, each once in
            front. turning: they meet, one covers the other for 0.3 s, later for 1 s, and both turn
            back. leaving: one leaves for about 1.5 s, later for about 5 s, and comes back. cut:
            both, cut, both with sides changed, cut, one alone, cut, the other alone. swap: they
            change places twice from one frame to the next; the background stays the same, so no
            cut detector can detect it.
        heads: two persons with two clips each.
        seed: seed of speed, height and background.
    """
    draw = np.random.default_rng(seed)
    (a, (a1, a2)), (b, (b1, b2)) = heads.items()
    ya, yb = draw.uniform(0.45, 0.55, 2)
    t = float(draw.uniform(1.5, 4.5))
    ground = 10 * seed

    def actor(name: str, head: Head, *path: tuple[float, float], y: float) -> Actor:
        return Actor(name, head, tuple((at, x, y) for at, x in path))

    if kind == "beside":
        one = actor(a, a1, (0, 0.2), (4, 0.3), (8, 0.2), (12, 0.3), y=ya)
        two = actor(b, b1, (0, 0.65), (5, 0.8), (9, 0.6), (12, 0.75), y=yb)
        return (Shot(12, (one, two), ground),)
    if kind == "crossing":
        there, back = ((1, 0.2), (1 + t, 0.8)), ((1, 0.8), (1 + t, 0.2))
        first = actor(a, a1, *there, y=ya), actor(b, b1, *back, y=yb)
        second = actor(b, b1, *there, y=yb), actor(a, a1, *back, y=ya)
        return Shot(t + 2, first, ground), Shot(t + 2, second, ground)  # no cut between
    if kind == "turning":
        xs = (0.2, 0.46, 0.46, 0.2, 0.2, 0.49, 0.49, 0.2)
        times = (1, 2.5, 2.8, 4.3, 6, 8, 9, 11)
        one = actor(a, a1, *zip(times, xs, strict=True), y=ya)
        two = actor(b, b1, *((at, 0.98 - x) for at, x in zip(times, xs, strict=True)), y=yb)
        return (Shot(12, (one, two), ground),)
    if kind == "leaving":
        one = actor(a, a1, (0, 0.3), (6, 0.4), (12, 0.25), (18, 0.35), y=ya)
        two = actor(b, b1, (2, 0.7), (3.5, 1.2), (4.3, 1.2), (5.5, 0.8), (8, 0.7), (9.5, 1.2),
                    (13.5, 1.2), (15, 0.75), y=yb)  # fmt: skip
        return (Shot(17, (one, two), ground),)
    if kind == "swap":
        first = actor(a, a1, (0, 0.3), y=ya), actor(b, b1, (0, 0.7), y=yb)
        second = actor(b, b1, (0, 0.3), y=yb), actor(a, a1, (0, 0.7), y=ya)
        return Shot(4.5, first, ground), Shot(6, second, ground), Shot(3, first, ground)
    return (
        Shot(4, (actor(a, a1, (0, 0.3), y=ya), actor(b, b1, (0, 0.7), y=yb)), ground),
        Shot(4, (actor(a, a2, (0, 0.7), y=yb), actor(b, b2, (0, 0.3), y=ya)), ground + 1),
        Shot(3, (actor(a, a1, (0, 0.5), y=ya),), ground + 2),
        Shot(3, (actor(b, b1, (0, 0.5), y=yb),), ground + 3),
    )


def render(shots: Sequence[Shot], out: Path) -> list[list[Truth]]:
    """Write the scene as H.264 mp4, and return the visible faces of each frame."""
    truth = []
    played = 0  # frames since the start of the scene: heads continue over shots
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.height, stream.width = HW
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        stream.thread_count = 1
        for shot in shots:
            background = _background(shot.background)
            for k in range(round(shot.seconds * FPS)):
                image, faces = _compose(shot, background, k / FPS, played)
                truth.append(faces)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                played += 1
        container.mux(stream.encode(None))
    return truth


def _background(seed: int) -> NDArray[np.uint8]:
    """Return an image of soft patches of colour."""
    draw = np.random.default_rng(seed)
    patches = draw.integers(20, 236, (4, 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(patches, HW[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _compose(
    shot: Shot, background: NDArray[np.uint8], at_s: float, played: int
) -> tuple[NDArray[np.uint8], list[Truth]]:
    image = background.astype(np.float32)
    owner = np.full(HW, -1)
    oval = _oval()
    placed = []
    for number, actor in enumerate(shot.actors):
        length = len(actor.head.pictures)
        to_and_fro = [*range(length), *range(length - 2, 0, -1)]
        frame = to_and_fro[played % len(to_and_fro)]
        x, y = actor.place(at_s)
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + _HEAD_PX, HW[1]), min(y + _HEAD_PX, HW[0])
        placed.append((x, y, frame))
        if x0 >= x1 or y0 >= y1:
            continue
        part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
        alpha = oval[part][..., None]
        region = image[y0:y1, x0:x1]
        region += alpha * (actor.head.pictures[frame][part] - region)
        owner[y0:y1, x0:x1][oval[part] > 0.5] = number
    faces = []
    for number, (actor, (x, y, frame)) in enumerate(zip(shot.actors, placed, strict=True)):
        box = actor.head.boxes[frame] + [x, y, x, y]
        if _visible(owner == number, box) >= _MIN_VISIBLE:
            x0_px, y0_px, x1_px, y1_px = (float(v) for v in box)
            faces.append(Truth(actor.person, (x0_px, y0_px, x1_px, y1_px)))
    return image.round().astype(np.uint8), faces


def _oval() -> NDArray[np.float32]:
    """Return (170, 170) float32: 1 inside the oval, 0 outside, soft at the edge."""
    mask = np.zeros((_HEAD_PX, _HEAD_PX), np.float32)
    centre = (_HEAD_PX // 2, _HEAD_PX // 2)
    cv2.ellipse(mask, centre, (round(_HEAD_PX * 0.33), round(_HEAD_PX * 0.44)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (9, 9), 0), np.float32)


def _visible(own: NDArray[np.bool_], box: NDArray[np.float64]) -> float:
    """Return the visible share of a face's box; the part outside the frame is not visible."""
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    inside = own[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    return float(inside.sum()) / max((x1 - x0) * (y1 - y0), 1)


def pairs(people: Sequence[str], count: int, *, seed: int) -> list[tuple[str, str]]:
    """Draw ``count`` different pairs of people at random."""
    every = list(itertools.combinations(people, 2))
    chosen = np.random.default_rng(seed).permutation(len(every))[:count]
    return [every[int(k)] for k in chosen]
