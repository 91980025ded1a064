"""Audio of a video, copied or encoded into a file with newly encoded pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from emotion.video.unroll import Unroller

COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
"""Audio codecs that MP4 players accept; other audio is encoded as AAC."""


class Sound:
    """First audio stream of a source, which is written to the output packet by packet.

    ``how`` is ``copied``, ``encoded``, or ``none`` if the source has no audio.
    """

    def __init__(
        self, sound: InputContainer, out: OutputContainer, *, like: Unroller | None = None
    ) -> None:
        """Add the audio to ``out``; ``like`` has the jumps of the clock of the pictures."""
        self._out = out
        self.how = "none"
        self._last_dts: float = -math.inf
        self._waiting: Packet[AudioStream] | None = None
        self._packets: Iterator[Packet[AudioStream]] = iter(())
        self._encoder: Any = None
        if not sound.streams.audio:
            return
        stream = sound.streams.audio[0]
        self._unroller = Unroller(sound, stream, like)
        self._packets = iter(sound.demux(stream))
        if stream.codec_context.name in COPIED:
            self.how, self._stream = "copied", out.add_stream_from_template(stream)
        else:
            self.how = "encoded"
            rate = stream.codec_context.sample_rate
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
                self._out.mux(packet)
            return
        for frame in packet.decode():
            self._out.mux(self._encoder.encode(frame))
        if packet.size == 0:
            self._out.mux(self._encoder.encode(None))
