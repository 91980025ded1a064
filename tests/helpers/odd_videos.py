"""Odd but valid videos: containers, codecs, rotations, pixel aspects, start offsets, colour tags.

Every picture shows its number, a red and a green patch at known places, and patches of other
colours. Pictures are drawn as a player shows them, and coded by the formulas of the standards in
numpy (ITU-R BT.601, BT.709, BT.2020, BT.2100): what comes out must be what was drawn.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.helpers.drawing import Image, kept_scheduling, number_frame, read_number

Floats = NDArray[np.float64]

PATCHES = {  # colour: (left, top, right, bottom) as shares of the width and the height
    (190, 40, 40): (0.54, 0.06, 0.72, 0.44),
    (40, 150, 60): (0.54, 0.56, 0.84, 0.94),
    (40, 60, 180): (0.78, 0.06, 0.94, 0.28),
    (215, 165, 140): (0.78, 0.32, 0.94, 0.5),
}
RED, GREEN = list(PATCHES)[:2]
NUMBER_WIDTH = 0.5

# Matrix of the display (a, b, c, d): the coded pixel (x, y) is shown at (ax + cy, bx + dy).
TURNS = {
    "upright": (1, 0, 0, 1),
    "right": (0, 1, -1, 0),  # turned clockwise by a quarter
    "half": (-1, 0, 0, -1),
    "left": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "upside down, mirrored": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "transversed": (0, -1, -1, 0),
}

LUMA = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
TAGS = {  # colour: FFmpeg's numbers of matrix, primaries and curve
    "bt601": (6, 6, 6), "bt709": (1, 1, 1), "bt2020": (9, 9, 14), "pq": (9, 9, 16),
    "hlg": (9, 9, 18),
}  # fmt: skip


@dataclass(frozen=True)
class OddVideo:
    """Choices of one video; ``colour`` is its tag, or "" for none."""

    suffix: str
    codec: str
    hw: tuple[int, int]  # as a player shows it
    turn: str = "upright"
    aspect: Fraction = Fraction(1)
    offset_s: float = 0.0
    colour: str = ""
    is_full: bool = False
    is_steady: bool = True
    pix_fmt: str = "yuv420p"
    b_frames: int = 0

    @property
    def pts_s(self) -> list[float]:
        """Times of the pictures, seconds."""
        steps = (
            [0.04] * 9 if self.is_steady else [0.04, 0.04, 0.28, 0.04, 0.12, 0.4, 0.04, 0.04, 0.2]
        )
        return [self.offset_s + sum(steps[:k]) for k in range(len(steps) + 1)]

    @property
    def transposes(self) -> bool:
        """True if width and height are exchanged for display."""
        return TURNS[self.turn][0] == 0

    @property
    def coded_hw(self) -> tuple[int, int]:
        """Size of the coded picture: even, and narrower where its pixels are wide."""
        height, width = self.hw[::-1] if self.transposes else self.hw
        return height, round(width / self.aspect / 2) * 2

    @property
    def matrix(self) -> str:
        """Matrix by the tag or, without one, by the coded size, as players guess it."""
        if self.colour:
            return "bt2020" if self.colour in ("pq", "hlg") else self.colour
        if self.codec in ("mjpeg", "libvpx"):  # JPEG and VP8 are always BT.601
            return "bt601"
        height, width = self.coded_hw
        return "bt709" if height > 576 or width >= 1280 else "bt601"


def draw(number: int, hw: tuple[int, int]) -> Image:
    """Return the picture with a number, (H, W, 3) uint8 RGB."""
    height, width = hw
    image = np.full((height, width, 3), 110, np.uint8)
    image[:, : int(width * NUMBER_WIDTH)] = number_frame(
        number, hw=(height, int(width * NUMBER_WIDTH))
    )
    for colour, box in PATCHES.items():
        x0, y0, x1, y1 = (round(v * side) for v, side in zip(box, (width, height) * 2, strict=True))
        image[y0:y1, x0:x1] = colour
    return image


def number_in(image: Image) -> int:
    """Read the number of a picture."""
    return read_number(image[:, : int(image.shape[1] * NUMBER_WIDTH)])


def patch_box(image: Image, colour: tuple[int, int, int]) -> list[int]:
    """Return the box of the pixels nearest to a patch's colour: left, top, right, bottom."""
    near = np.abs(image.astype(int) - colour).sum(-1) < 90
    near[:, : int(image.shape[1] * NUMBER_WIDTH)] = False
    rows, columns = np.nonzero(near.mean(1) > 0.05)[0], np.nonzero(near.mean(0) > 0.05)[0]
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def colour_error(image: Image) -> float:
    """Return the largest error of the mean colour inside any patch, 0 to 255."""
    height, width = image.shape[:2]
    errors = []
    for colour, (x0, y0, x1, y1) in PATCHES.items():
        dx, dy = (x1 - x0) / 4, (y1 - y0) / 4
        part = image[
            int((y0 + dy) * height) : int((y1 - dy) * height),
            int((x0 + dx) * width) : int((x1 - dx) * width),
        ]
        errors.append(float(np.abs(part.mean((0, 1)) - colour).max()))
    return max(errors)


def coded(image: Image, video: OddVideo) -> Image:
    """Return a picture as it is stored: before its turn, and squeezed where pixels are wide."""
    a, b, c, d = TURNS[video.turn]
    height, width = video.coded_hw
    if a == 0:  # stored (x, y) is shown at (cy, bx)
        image = image.transpose(1, 0, 2)
        image = image[:, ::-1] if b < 0 else image
        image = image[::-1] if c < 0 else image
    else:
        image = image[:, ::-1] if a < 0 else image
        image = image[::-1] if d < 0 else image
    return np.asarray(
        cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=cv2.INTER_AREA),
        np.uint8,
    )


def to_yuv420(image: Image, video: OddVideo) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return a picture as planes of YCbCr 4:2:0, (1.5 H, W): 8 or 10 bits."""
    red, blue = LUMA[video.matrix]
    rgb = (
        hdr(image / 255.0, video.colour)
        if video.colour in ("pq", "hlg", "bt2020")
        else image / 255.0
    )
    luma = rgb @ np.array([red, 1 - red - blue, blue])
    cb = (rgb[..., 2] - luma) / (2 * (1 - blue))
    cr = (rgb[..., 0] - luma) / (2 * (1 - red))
    scale = 4 if "10" in video.pix_fmt else 1
    top = 256 * scale - 1
    low, span, chroma = (0, top, top) if video.is_full else (16 * scale, 219 * scale, 224 * scale)
    height, width = luma.shape
    planes = [low + span * luma]
    for plane in (cb, cr):
        half = plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
        planes.append((128 * scale + chroma * half).reshape(height // 4, width))
    values = np.clip(np.rint(np.concatenate(planes)), 0, top)
    return np.asarray(values, np.uint16) if scale == 4 else np.asarray(values, np.uint8)


def hdr(rgb: Floats, colour: str) -> Floats:
    """Return pixels of BT.709 (0 to 1) as BT.2020, coded with PQ or HLG and white at 203 nits."""
    to_xyz = np.array(
        [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923],
         [0.0193308, 0.1191948, 0.9505322]]
    )  # fmt: skip
    to_xyz_2020 = np.array(
        [[0.6369580, 0.1446169, 0.1688810], [0.2627002, 0.6779981, 0.0593017],
         [0.0, 0.0280727, 1.0609851]]
    )  # fmt: skip
    light = np.maximum(rgb**2.4 @ (np.linalg.inv(to_xyz_2020) @ to_xyz).T, 0)
    if colour == "bt2020":
        return np.asarray(light ** (1 / 2.4))
    nits = 203 * light
    if colour == "pq":
        y = (nits / 10_000) ** 0.1593017578125
        return np.asarray(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)
    light = nits / 1000
    luma = np.maximum(light @ np.array([0.2627, 0.6780, 0.0593]), 1e-9)[..., None]
    scene = light * luma ** ((1 - 1.2) / 1.2)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright))


OPTIONS = {
    "libx264": {"crf": "4", "preset": "ultrafast"},
    "libx265": {"crf": "4", "preset": "ultrafast"},
    "libsvtav1": {"preset": "12", "crf": "8", "g": "1"},  # between keyframes it drops changes
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "4"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
}
COUNTING = ("mpeg4", "mpeg2video", "wmv2")  # their clock counts frames


def write_odd(path: Path, video: OddVideo) -> Path:
    """Write a video; its pictures are numbered from 0."""
    height, width = video.coded_hw
    with kept_scheduling(), av.open(str(path), "w") as container:
        stream: Any = container.add_stream(video.codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, video.pix_fmt
        context = stream.codec_context
        counts = video.codec in COUNTING or video.suffix == ".ogv"
        context.time_base = Fraction(1, 25 if counts else 1000)
        context.sample_aspect_ratio = video.aspect
        context.max_b_frames = video.b_frames
        stream.options = dict(OPTIONS.get(video.codec, {}))
        if video.codec == "libx265":
            stream.options |= {"x265-params": "log-level=none:pools=none:frame-threads=1"}
        if video.codec not in ("libx264", "libx265", "libsvtav1", "ffv1"):
            context.bit_rate = 12_000_000
        if video.colour:
            context.colorspace, context.color_primaries, context.color_trc = TAGS[video.colour]
        if video.is_full:
            context.color_range = 2
        if video.turn != "upright":
            a, b, c, d = (v << 16 for v in TURNS[video.turn])
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for number, time_s in enumerate(video.pts_s):
            yuv = to_yuv420(coded(draw(number, video.hw), video), video)
            frame = av.VideoFrame.from_ndarray(yuv, format=video.pix_fmt)
            frame.time_base = context.time_base
            frame.pts = round(Fraction(time_s).limit_denominator(1000) / context.time_base)
            if video.colour:
                frame.colorspace, frame.color_primaries, frame.color_trc = TAGS[video.colour]
            frame.color_range = 2 if video.is_full else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


FILES = {  # containers of each codec
    "libx264": (".mp4", ".mov", ".mkv", ".ts", ".m2ts", ".flv", ".3gp", ".f4v"),
    "libx265": (".mp4", ".mkv", ".mov"),
    "libsvtav1": (".mp4", ".webm", ".mkv"),
    "libvpx-vp9": (".webm", ".mkv", ".mp4"),
    "libvpx": (".webm", ".mkv", ".ogv"),
    "mpeg4": (".mp4", ".avi", ".mkv", ".mov"),
    "mpeg2video": (".mpg", ".ts", ".mxf", ".vob"),
    "mjpeg": (".mov", ".avi"),
    "wmv2": (".wmv", ".avi"),
}
TAGGED = ("libx264", "libx265", "libsvtav1")  # carry tags of colour in their own stream
WITH_ASPECT = ("libx264", "libx265", "mpeg4")
TURNING = (".mp4", ".mov")


def odd_video(number: int) -> OddVideo:
    """Return video ``number`` of the endless list; the same number gives the same video."""
    rng = random.Random(number)
    codec = list(FILES)[number % len(FILES)]
    suffix = rng.choice(FILES[codec])
    is_hd = rng.random() < 0.15
    hw = (720, 1280) if is_hd else rng.choice([(96, 160), (128, 176), (160, 128), (144, 192)])
    turn = rng.choice(list(TURNS)) if suffix in TURNING and rng.random() < 0.7 else "upright"
    aspects = [Fraction(1)] * 2 + [Fraction(4, 3), Fraction(64, 45), Fraction(2), Fraction(8, 9)]
    aspect = rng.choice(aspects) if codec in WITH_ASPECT and suffix != ".flv" else Fraction(1)
    tags = ["", "bt601", "bt709", "pq", "hlg", "bt2020"]
    colour = rng.choice(tags) if codec in TAGGED else ""
    is_deep = codec == "libx265" and colour in ("pq", "hlg", "bt2020")
    if colour in ("pq", "hlg", "bt2020") and not is_deep:
        colour = "bt709"
    full = codec == "mjpeg" or (
        codec in ("libx264", "libx265") and colour != "" and rng.random() < 0.3
    )
    counts = codec in COUNTING or suffix in (".avi", ".mpg", ".mxf", ".vob", ".ogv")
    return OddVideo(
        suffix=suffix,
        codec=codec,
        hw=hw,
        turn=turn,
        aspect=aspect,
        offset_s=0.0 if counts else rng.choice([0.0, 0.0, 1.48, 3.0]),
        colour=colour,
        is_full=full,
        is_steady=counts or rng.random() < 0.4,
        pix_fmt="yuv420p10le" if is_deep else "yuvj420p" if codec == "mjpeg" else "yuv420p",
        b_frames=rng.choice([0, 2]) if codec in ("libx264", "mpeg2video") else 0,
    )
