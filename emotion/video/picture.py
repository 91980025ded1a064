"""Conversion of a decoded frame to pixels: upright, deinterlaced, at full size or small."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

BOTTOM_FIRST = frozenset({3, 5})  # AV_FIELD_BB and AV_FIELD_BT of FFmpeg's AVFieldOrder


@dataclass(frozen=True)
class Converter:
    """Converter for the frames of one stream; keeps the scalers, which are slow to make.

    Attributes:
        field_order: FFmpeg's AVFieldOrder of the stream; 0 (unknown) counts as upper field first.
    """

    field_order: int = 0
    _full: VideoReformatter = field(default_factory=VideoReformatter)
    _small: VideoReformatter = field(default_factory=VideoReformatter)

    def rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return the frame at full size, (H, W, 3) uint8 RGB, upright.

        Of an interlaced frame, only the field that is shown first is used, scaled to the full
        height. So motion has no comb artefacts and no other frame is needed, but half of the lines
        are lost.
        """
        source = self._progressive(frame)
        done = self._full.reformat(
            source, width=frame.width, height=frame.height, format="rgb24", threads=1
        )
        return upright(done, quarter_turns(frame))

    def thumbnail(self, frame: VideoFrame, *, side_px: int) -> NDArray[np.uint8]:
        """Return the frame with at most ``side_px`` on its longer side: (h, w, 3) uint8 RGB.

        The frame is upright. It is scaled by area averaging, before its colours are converted. It
        is never enlarged.
        """
        scale = side_px / max(frame.width, frame.height)
        if scale >= 1:
            return self.rgb(frame)
        done = self._small.reformat(
            self._progressive(frame),
            width=max(1, round(frame.width * scale)),
            height=max(1, round(frame.height * scale)),
            format="rgb24",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        return upright(done, quarter_turns(frame))

    def _progressive(self, frame: VideoFrame) -> VideoFrame:
        if not frame.interlaced_frame or frame.height < 4:
            return frame
        return take_field(frame, first_line=1 if self.field_order in BOTTOM_FIRST else 0)


def upright_hw(frame: VideoFrame) -> tuple[int, int]:
    """Return the height and width of a frame as it is displayed, pixels."""
    turned = quarter_turns(frame) % 2
    return (frame.width, frame.height) if turned else (frame.height, frame.width)


def quarter_turns(frame: VideoFrame) -> int:
    """Return the counter-clockwise quarter turns that make a frame upright, 0 to 3.

    The result is 0 if the angle that the file gives is invalid (more than 360 degrees).
    """
    return round(frame.rotation / 90) % 4 if abs(frame.rotation) <= 360 else 0


def take_field(frame: VideoFrame, *, first_line: int) -> VideoFrame:
    """Return one field of a frame: every second line, as a frame of half the height.

    Args:
        frame: the interlaced frame.
        first_line: 0 for the upper field, 1 for the lower one.
    """
    half = VideoFrame(frame.width, (frame.height + 1 - first_line) // 2, frame.format.name)
    half.colorspace, half.color_range = frame.colorspace, frame.color_range
    for number, target in enumerate(half.planes):
        plane = frame.planes[number]
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
            first_line::2
        ]
        out = np.zeros((target.buffer_size // target.line_size, target.line_size), np.uint8)
        rows, columns = min(len(lines), len(out)), min(plane.line_size, target.line_size)
        out[:rows, :columns] = lines[:rows, :columns]
        out[rows:] = out[rows - 1]
        target.update(out.tobytes())
    return half


def upright(rgb: VideoFrame, turns: int) -> NDArray[np.uint8]:
    """Return an RGB frame as an array, after ``turns`` counter-clockwise quarter turns."""
    image = np.asarray(rgb.to_ndarray(), np.uint8)
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


@dataclass(frozen=True)
class Frame:
    """One sampled frame; its pixels are computed at the first access.

    Attributes:
        index: number k of the sample. A frame that is shown at several samples has the first k;
            the other numbers do not occur.
        pts_s: the frame's presentation time, seconds from the first frame.
        picture: the decoded frame.
        converter: converts the frame to pixels.
    """

    index: int
    pts_s: float
    picture: VideoFrame
    converter: Converter

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The pixels, (H, W, 3) uint8 RGB, upright; see ``Converter.rgb``."""
        return self.converter.rgb(self.picture)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of ``image``, pixels."""
        return upright_hw(self.picture)

    def thumbnail(self, side_px: int) -> NDArray[np.uint8]:
        """Return the frame, at most ``side_px`` on its longer side; see ``Converter.thumbnail``."""
        return self.converter.thumbnail(self.picture, side_px=side_px)
