"""Encoding of pictures to an MP4 file whose times are those of the source."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from emotion.video.container import zero_s

Image = NDArray[np.uint8]


def muxer_options(source: InputContainer) -> dict[str, str]:
    """Return the muxer's options: the index in front, and times on the source's player clock.

    Transport streams begin at any time, and players count from there; in MP4 they count from 0.
    """
    return {"movflags": "+faststart", "output_ts_offset": f"{-float(zero_s(source)):.6f}"}


class PictureWriter:
    """Encoder of pictures to H.264 packets with the times of the source.

    Attributes:
        num_frames: number of pictures so far.
    """

    def __init__(self, out: OutputContainer, time_base: Fraction, rate: Fraction) -> None:
        self._out, self._time_base = out, time_base
        options = {"crf": "21", "preset": "veryfast"}
        self._stream: Any = out.add_stream("libx264", rate=rate, options=options)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = time_base
        self._durations: dict[int, int] = {}
        self.num_frames = 0

    def write(self, pts: int, picture: Image, *, duration: int) -> None:
        """Encode one picture.

        ``pts`` and ``duration`` are in units of the source's time base. H.264 in 4:2:0 needs even
        sides, so the last row or column of an odd side is repeated.
        """
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if not self.num_frames:
            self._stream.height, self._stream.width = picture.shape[:2]
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, self._time_base
        self._durations[pts] = duration
        self.num_frames += 1
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write the packets that are still in the encoder."""
        self._mux(self._stream.encode(None))

    def _mux(self, packets: Sequence[Packet[Any]]) -> None:
        for packet in packets:
            if packet.pts is not None and packet.time_base == self._time_base:
                packet.duration = self._durations.pop(packet.pts, 0)
            self._out.mux(packet)
