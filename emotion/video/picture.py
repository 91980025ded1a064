"""Conversion of a decoded frame to pixels: upright, deinterlaced, at full size or small."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from emotion.video.colour import colours_of, to_rgb
from emotion.video.geometry import Fit, display_width, pixel_aspect, turn_of, upright

BOTTOM_FIRST = frozenset({3, 5})  # AV_FIELD_BB and AV_FIELD_BT of FFmpeg's AVFieldOrder


@dataclass(frozen=True)
class Converter:
    """Converter for the frames of one stream; keeps the scalers, which are slow to make.

    Attributes:
        field_order: FFmpeg's AVFieldOrder of the stream; 0 (unknown) counts as upper field first.
        aspect: width of a pixel as a share of its height.
    """

    field_order: int = 0
    aspect: Fraction = Fraction(1)
    _full: VideoReformatter = field(default_factory=VideoReformatter)
    _small: VideoReformatter = field(default_factory=VideoReformatter)

    @staticmethod
    def of(stream: VideoStream) -> Converter:
        """Return the converter for the frames of a stream."""
        return Converter(stream.codec_context.field_order, pixel_aspect(stream))

    def rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return the frame at full size, (H, W, 3) uint8 RGB, as it is displayed.

        It is upright and has square pixels and the colours of SDR. Of an interlaced frame, only the
        field that is shown first is used, scaled to the full height. So motion has no comb
        artefacts and no other frame is needed, but half of the lines are lost.

        Raises:
            VideoError: undecodable, if its colours cannot be converted.
        """
        colours, hw = colours_of(frame), self._coded_hw(frame)
        return upright(to_rgb(self._full, self._progressive(frame), colours, hw=hw), turn_of(frame))

    def thumbnail(self, frame: VideoFrame, *, side_px: int) -> NDArray[np.uint8]:
        """Return the frame with at most ``side_px`` on its longer side: (h, w, 3) uint8 RGB.

        The frame is as in ``rgb``. It is scaled by area averaging, before its colours are
        converted. It is never enlarged.
        """
        height, width = self._coded_hw(frame)
        scale = side_px / max(height, width)
        if scale >= 1:
            return self.rgb(frame)
        image = to_rgb(
            self._small,
            self._progressive(frame),
            colours_of(frame),
            hw=(max(1, round(height * scale)), max(1, round(width * scale))),
            interpolation=Interpolation.AREA,
        )
        return upright(image, turn_of(frame))

    def hw(self, frame: VideoFrame) -> tuple[int, int]:
        """Return the height and width of a frame as it is displayed, pixels."""
        height, width = self._coded_hw(frame)
        return (width, height) if turn_of(frame).quarters % 2 else (height, width)

    def _coded_hw(self, frame: VideoFrame) -> tuple[int, int]:
        """Return the height and width before rotation, with square pixels."""
        if self._is_square:
            return frame.height, frame.width
        return frame.height, display_width(frame.width, self.aspect)

    @cached_property
    def _is_square(self) -> bool:
        return self.aspect == 1

    def _progressive(self, frame: VideoFrame) -> VideoFrame:
        if not frame.interlaced_frame or frame.height < 4:
            return frame
        return take_field(frame, first_line=1 if self.field_order in BOTTOM_FIRST else 0)


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


@dataclass(frozen=True)
class Frame:
    """One sampled frame; its pixels are computed at the first access.

    Attributes:
        index: number k of the sample. A frame that is shown at several samples has the first k.
        pts_s: the frame's presentation time, seconds from the first frame.
        picture: the decoded frame.
        converter: converts the frame to pixels.
        num_samples: number of samples at which the frame is shown: ``index`` and those after it.
        fit: place of the picture in the video's frame; it differs from ``Fit()`` if the video
            changes its size.
    """

    index: int
    pts_s: float
    picture: VideoFrame
    converter: Converter
    num_samples: int = 1
    fit: Fit = Fit()

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The pixels, (H, W, 3) uint8 RGB, upright; see ``Converter.rgb``."""
        return self.converter.rgb(self.picture)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of ``image``, pixels."""
        return self.converter.hw(self.picture)

    def thumbnail(self, side_px: int) -> NDArray[np.uint8]:
        """Return the frame, at most ``side_px`` on its longer side; see ``Converter.thumbnail``."""
        return self.converter.thumbnail(self.picture, side_px=side_px)
