"""Videos to draw in every codec and container, and the frame that each sample must show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from emotion.video.decode import Frame, Limits, VideoFacts, sample_frames
from tests.helpers.drawing import number_frame, write_video

STEADY = [n / 25 for n in range(40)]
VARIABLE = [0.0, 0.04, 0.08, 0.48, 0.56, 1.2, 1.24, 1.28, 1.32, 2.0, 2.04]
OFFSET = [t + 3.0 for t in VARIABLE]


@dataclass(frozen=True)
class Case:
    """A video to draw, with the rounding of times by its container."""

    name: str
    suffix: str
    codec: str = "libx264"
    pts_s: list[float] = field(default_factory=lambda: STEADY)
    hw: tuple[int, int] = (64, 64)
    b_frames: int = 0
    pix_fmt: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)
    interlaced: bool = False
    rotation: int = 0
    pixel_width: float = 1.0  # as a share of a pixel's height: how wide a player shows it

    @property
    def shown_hw(self) -> tuple[int, int]:
        return self.hw[0], round(self.hw[1] * self.pixel_width)

    def draw(self, folder: Path) -> Path:
        try:
            av.Codec(self.codec, "w")
            av.Codec(DECODERS.get(self.codec, self.codec), "r")
        except av.FFmpegError:
            pytest.skip(f"this FFmpeg cannot both write and read {self.codec}")
        images = [self.image(number) for number in range(len(self.pts_s))]
        return write_video(
            folder / f"v{self.suffix}",
            images,
            pts_s=self.pts_s,
            codec=self.codec,
            b_frames=self.b_frames,
            pix_fmt=self.pix_fmt,
            options=self.options,
            interlaced=self.interlaced,
            rotation=self.rotation,
        )

    def image(self, number: int) -> NDArray[np.uint8]:
        return np.ascontiguousarray(np.rot90(number_frame(number, hw=self.hw), self.rotation // 90))


DECODERS = {
    "libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libvpx": "vp8",
    "libsvtav1": "libdav1d", "prores_ks": "prores",
}  # fmt: skip
PYRAMID = {"x264-params": "b-pyramid=normal:keyint=12:b-adapt=0"}
OPEN_GOP = {"x264-params": "open-gop=1:keyint=10:b-adapt=0"}
HEVC_OPEN_GOP = {
    "x265-params": "log-level=none:pools=none:frame-threads=1:bframes=4:open-gop=1:keyint=10"
}
HEVC_CLOSED = {
    "x265-params": "log-level=none:pools=none:frame-threads=1:bframes=4:open-gop=0:keyint=10"
}
INTRA_REFRESH = {"x264-params": "intra-refresh=1:keyint=10"}

SOUGHT = [
    Case("h264 with b-frames, mp4", ".mp4", b_frames=3, options={"g": "12"}),
    Case("h264 with a pyramid, mp4", ".mp4", b_frames=7, options=PYRAMID),
    Case("h264 with open gops, mp4", ".mp4", b_frames=3, options=OPEN_GOP),
    Case("h264 with open gops, mkv", ".mkv", b_frames=3, options=OPEN_GOP),
    Case("h264 refreshed line by line, mp4", ".mp4", options=INTRA_REFRESH),
    Case("h264, uneven times, mp4", ".mp4", pts_s=VARIABLE, b_frames=2, options={"g": "4"}),
    Case("h264, uneven times from 3 s, mkv", ".mkv", pts_s=OFFSET, options={"g": "4"}),
    Case("h264, uneven times from 3 s, mov", ".mov", pts_s=OFFSET, options={"g": "4"}),
    Case("h264 with two fields, mp4", ".mp4", interlaced=True, options={"g": "10"}),
    Case("hevc with b-frames, mp4", ".mp4", codec="libx265", options=HEVC_CLOSED),
    Case("hevc with open gops, mkv", ".mkv", codec="libx265", options=HEVC_OPEN_GOP),
    Case("vp9, webm", ".webm", codec="libvpx-vp9", options={"g": "10"}),
    Case("av1, webm", ".webm", codec="libsvtav1", options={"g": "10"}),
    Case("av1, mp4", ".mp4", codec="libsvtav1", options={"g": "10"}),
    Case("mpeg-4 with b-frames, mp4", ".mp4", codec="mpeg4", b_frames=2),
    Case("mjpeg, mov", ".mov", codec="mjpeg", pix_fmt="yuvj420p"),
]
WHOLE = [
    *SOUGHT,
    Case("h264, uneven times, ts", ".ts", pts_s=VARIABLE, b_frames=2),
    Case("h264 from 3 s, ts", ".ts", pts_s=OFFSET, b_frames=2),
    Case("h264, m2ts", ".m2ts", b_frames=2),
    Case("h264, 3gp", ".3gp", b_frames=2),
    Case("h264 with b-frames, flv", ".flv", b_frames=2),
    Case("h264 without b-frames, avi", ".avi"),
    Case("h264 with b-frames, avi", ".avi", b_frames=2),
    Case("h264 of 10 bits, mp4", ".mp4", pix_fmt="yuv420p10le"),
    Case("h264 of an odd size, mkv", ".mkv", hw=(63, 77), pix_fmt="yuv444p"),
    Case("h264, lower field first, mkv", ".mkv", interlaced=True, options={"x264-params": "bff=1"}),
    *(Case(f"h264 turned by {d}, mp4", ".mp4", hw=(64, 96), rotation=d) for d in (90, 180, 270)),
    Case("hevc of 10 bits, mov", ".mov", codec="libx265", b_frames=2, pix_fmt="yuv420p10le"),
    Case("hevc turned by 90, mov", ".mov", codec="libx265", hw=(64, 96), rotation=90),
    Case("vp9 of an odd size, webm", ".webm", codec="libvpx-vp9", hw=(63, 77)),
    Case("vp9, uneven times, webm", ".webm", codec="libvpx-vp9", pts_s=VARIABLE),
    Case("vp8, webm", ".webm", codec="libvpx"),
    Case("av1, uneven times, mkv", ".mkv", codec="libsvtav1", pts_s=VARIABLE),
    Case("mpeg-4 with b-frames, avi", ".avi", codec="mpeg4", b_frames=2),
    Case("mpeg-4 of an odd size, avi", ".avi", codec="mpeg4", hw=(63, 77)),
    Case("mpeg-4 with b-frames, mkv", ".mkv", codec="mpeg4", b_frames=2),
    Case("mjpeg, avi", ".avi", codec="mjpeg", pix_fmt="yuvj420p"),
    Case("mjpeg of an odd size, mov", ".mov", codec="mjpeg", pix_fmt="yuvj420p", hw=(63, 77)),
    Case("mpeg-1, mpg", ".mpg", codec="mpeg1video", b_frames=2),
    Case("mpeg-2 with b-frames, mpg", ".mpg", codec="mpeg2video", b_frames=2),
    Case("mpeg-2 with b-frames, ts", ".ts", codec="mpeg2video", b_frames=2),
    Case("mpeg-2 with two fields, mpg", ".mpg", codec="mpeg2video", interlaced=True),
    Case("mpeg-2 with b-frames, mkv", ".mkv", codec="mpeg2video", b_frames=2),
    Case("prores of 10 bits, mov", ".mov", codec="prores_ks", pix_fmt="yuv422p10le"),
    Case("h263, 3gp", ".3gp", codec="h263", hw=(144, 176), pixel_width=12 / 11),
]


def sampled(path: Path, fps: float, *, start: int = 0, stop: int | None = None) -> list[Frame]:
    frames = sample_frames(
        path, sample_fps=fps, limits=Limits(), facts=VideoFacts(), start=start, stop=stop
    )
    return list(frames)


def expected(pts_s: list[float], fps: float) -> list[tuple[int, int]]:
    """Return (sample, number of the frame shown), each frame once; the last lasts 0.04 s."""
    found: list[tuple[int, int]] = []
    k = 0
    while pts_s[0] + k / fps < pts_s[-1] + 0.04 - 1e-6:
        shown = max(n for n, pts in enumerate(pts_s) if pts <= pts_s[0] + k / fps + 1e-6)
        if not found or found[-1][1] != shown:
            found.append((k, shown))
        k += 1
    return found


def same(one: list[Frame], other: list[Frame]) -> bool:
    return [(f.index, f.pts_s) for f in one] == [(f.index, f.pts_s) for f in other] and all(
        np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True)
    )
