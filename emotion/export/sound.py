"""Audio of a video, copied or encoded into a file with newly encoded pictures."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from emotion.video.container import Limits, open_video
from emotion.video.unroll import Unroller

COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
"""Audio codecs that MP4 players accept; other audio is encoded as AAC."""
AAC_RATES = frozenset(
    {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
)
"""Sampling rates in Hz that AAC can hold; other audio is resampled to ``OTHER_RATE``."""
OTHER_RATE = 48000

SoundWay = Literal["copied", "encoded", "none", "dropped"]
"""Way of a source's audio into the output: as it is, as AAC, none in the source, or left out
because it can neither be copied nor encoded."""


def choose_way(source: Path, limits: Limits) -> SoundWay:
    """Return how the audio of a video can be written, by writing it to a temporary file first.

    So audio that fails after an hour does not cost the pictures.

    Args:
        source: the video.
        limits: bounds on the video.

    Raises:
        VideoError: if the video cannot be opened.
    """
    with open_video(source, limits) as (container, _):
        if not container.streams.audio:
            return "none"
        copied = container.streams.audio[0].codec_context.name in COPIED
    ways: tuple[SoundWay, ...] = ("copied", "encoded") if copied else ("encoded",)
    return next((way for way in ways if _can_write(source, limits, way)), "dropped")


def _can_write(source: Path, limits: Limits, way: SoundWay) -> bool:
    with tempfile.TemporaryDirectory(prefix="video-emotion-sound-") as folder:
        try:
            with (
                open_video(source, limits) as (container, _),
                av.open(str(Path(folder) / "sound.mp4"), "w") as out,
            ):
                sound = Sound(container, out, way)
                sound.mux_until(float("inf"))
        except (av.FFmpegError, ValueError):  # PyAV raises ValueError for frames of another format
            return False
    return sound.num_packets > 0


class Sound:
    """First audio stream of a source, which is written to the output packet by packet.

    Attributes:
        num_packets: number of packets that were written so far.
    """

    def __init__(
        self,
        sound: InputContainer,
        out: OutputContainer,
        way: SoundWay,
        *,
        like: Unroller | None = None,
    ) -> None:
        """Add the audio stream to ``out``.

        Args:
            sound: the source.
            out: the file to write.
            way: from ``choose_way``.
            like: it has the jumps of the clock of the pictures.
        """
        self._out = out
        self.num_packets = 0
        self._last_dts: float = -math.inf
        self._waiting: Packet[AudioStream] | None = None
        self._packets: Iterator[Packet[AudioStream]] = iter(())
        self._encoder: Any = None
        if way in ("none", "dropped"):
            return
        stream = sound.streams.audio[0]
        self._unroller = Unroller(sound, stream, like)
        self._packets = iter(sound.demux(stream))
        if way == "copied":
            self._stream = out.add_stream_from_template(stream)
        else:
            rate = stream.codec_context.sample_rate
            rate = rate if rate in AAC_RATES else OTHER_RATE
            self._encoder = self._stream = out.add_stream("aac", rate=rate)

    def mux_until(self, time_s: float) -> None:
        """Write the packets that are not yet written, up to ``time_s``.

        ``time_s`` is in seconds on the clock of the source, which may not begin at 0.
        """
        while True:
            packet, self._waiting = self._waiting or self._next(), None
            if packet is None:
                return
            if packet.dts is not None and float(packet.dts * packet.time_base) > time_s:
                self._waiting = packet
                return
            self._mux(packet)

    def _next(self) -> Packet[AudioStream] | None:
        """Return the next packet; leave out those that overlap the recording before a joint."""
        for packet in self._packets:
            if packet.size:
                self._unroller.unroll(packet)
            if packet.size and packet.dts is not None:
                if packet.dts <= self._last_dts:
                    continue
                self._last_dts = packet.dts
            return packet
        return None

    def _mux(self, packet: Packet[AudioStream]) -> None:
        if self._encoder is None:
            if packet.dts is not None:
                packet.stream = self._stream
                self._write([packet])
            return
        for frame in _frames(packet):
            self._write(self._encoder.encode(frame))
        if packet.size == 0:
            self._write(self._encoder.encode(None))

    def _write(self, packets: list[Packet[Any]]) -> None:
        self._out.mux(packets)
        self.num_packets += len(packets)


def _frames(packet: Packet[AudioStream]) -> list[AudioFrame]:
    """Return the frames of a packet; a damaged packet has none, so its time stays silent."""
    try:
        return packet.decode()
    except av.InvalidDataError:
        return []
