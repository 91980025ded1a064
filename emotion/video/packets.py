"""Packets to frames in order of showing, without decoding what no sample needs.

The presentation times of the packets are read some packets ahead, so that for most frames it is
known before decoding when the next frame replaces them. A frame that is shown at no sample time is
not needed; if no other frame refers to it (the decoder knows), it is not decoded either::

    order of decoding   I0   P4   B2   b1   b3   P8   B6   b5   b7
    needed at 5 of 25   yes            no   no             yes  no
    decoded             yes  yes  yes  -    -    yes  yes  yes  -

An undecoded frame keeps its place in time as a moment without a picture. If the times that come
out of the decoder turn out not to be those that went in, ``Inexact`` is raised and the caller reads
the video again, decoding everything: results never depend on what was left out.
"""

from __future__ import annotations

import bisect
import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emotion.video.clock import Clock
from emotion.video.container import counts_frames

LOOK_AHEAD = 32
"""Packets read before they are decoded: more than any codec reorders."""
_REMEMBERED = 3 * LOOK_AHEAD


class Inexact(Exception):
    """What was left out was needed after all; decode everything from the beginning."""


@dataclass(frozen=True)
class Moment:
    """From ``pts``, in ticks, on this frame is shown; None: it was not needed."""

    pts: int
    frame: VideoFrame | None


@dataclass(frozen=True)
class Break:
    """Where a video cannot be read any further.

    Attributes:
        reason: truncated: nothing follows; corrupt: more would.
        detail: what FFmpeg said.
        pts: of the damaged frame, ticks, where known.
        offset_bytes: where the last good packet begins, where known.
    """

    reason: Literal["truncated", "corrupt"]
    detail: str
    pts: int | None
    offset_bytes: int | None


class Reader:
    """One pass over the packets of a stream, from where the container stands.

    Attributes:
        clock: set it as soon as it is known; before, every frame is decoded.
        broke: set when the moments end before the packets do.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        check: Callable[[], None],
        clock: Clock | None = None,
        may_skip: bool = True,
        from_key: bool = False,
    ) -> None:
        """Prepare to read.

        Args:
            container: an open one.
            stream: its video stream.
            check: called for every packet; may raise.
            clock: of the samples, if known.
            may_skip: False decodes every frame.
            from_key: the container was sought to a keyframe: what is shown before it is dropped.
        """
        self.clock = clock
        self.broke: Break | None = None
        self._container, self._stream, self._check = container, stream, check
        self._may_skip, self._from_key = may_skip, from_key
        self._stands_alone = stream.codec_context.codec.intra_only
        self._ahead: deque[Packet[VideoStream]] = deque()
        self._known: list[int] = []  # sorted times of the packets read lately
        self._sent: deque[tuple[int | None, int | None]] = deque(maxlen=_REMEMBERED)  # pts, pos
        # An AVI counts frames as they are coded: with H.264's B-frames the order is the decoder's.
        counted = self._stream.codec_context.has_b_frames and counts_frames(container)
        self._order: list[int] | None = None  # heap of the packets' times
        if counted and stream.codec_context.name in ("h264", "hevc"):
            self._order, self._may_skip = [], False
        self._left_out: list[int] = []  # heap of the times of frames not decoded
        self._key_pts: int | None = None  # of the first keyframe
        self._armed = False  # damage before the first keyframe is a recording's beginning
        self._unread = ""  # why the container could not be read to its end

    def moments(self) -> Iterator[Moment]:
        """Frames as they are shown; times may repeat or go back where the file's clock does."""
        for packet in self._packets():
            self._check()
            for frame in self._decode(packet):
                pts = self._time_of(frame)
                if pts is None:
                    continue
                if self._is_damaged(frame, pts):
                    break
                if self._is_shown(pts):
                    yield from self._due(pts)
                    yield Moment(pts, frame)
            if self.broke:
                break
        if self.broke is None:
            yield from self._due(None)
            if self._unread:
                self.broke = Break("truncated", self._unread, None, self.last_pos())
        elif self.broke.pts is not None:
            yield from self._due(self.broke.pts)

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Packets with ``LOOK_AHEAD`` more already read; then None, which empties the decoder."""
        packets = self._container.demux(self._stream)
        more = True
        while more or self._ahead:
            while more and len(self._ahead) <= LOOK_AHEAD:
                try:
                    packet = next(packets, None)
                except av.FFmpegError as err:
                    self._unread = err.strerror or "it cannot be read any further"
                    packet = None
                except IndexError:  # PyAV at the end, where a stream appeared on the way
                    packet = None
                more = packet is not None
                if packet is not None and packet.size:
                    self._ahead.append(packet)
                    self._learn(packet)
            if self._ahead:
                yield self._ahead.popleft()
        yield None

    def _learn(self, packet: Packet[VideoStream]) -> None:
        if packet.is_discard:  # outside the edit list: decoded, never shown
            return
        if packet.pts is None:
            self._may_skip = False  # times that the container does not tell are not guessed at
            return
        bisect.insort(self._known, packet.pts)
        del self._known[:-_REMEMBERED]

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        context = self._stream.codec_context
        if packet is not None and packet.is_keyframe and not self._armed:
            self._armed, self._key_pts = True, packet.pts
        try:
            if packet is None or not self._leave_out(packet):
                return context.decode(packet)
            if self._stands_alone:
                return []
            context.skip_frame = "NONREF"
            frames = context.decode(packet)
            context.skip_frame = "DEFAULT"
            return frames
        except av.FFmpegError as err:
            return self._fail(packet, err)

    def _leave_out(self, packet: Packet[VideoStream]) -> bool:
        """Whether the frame of a packet is not needed; notes its time if so."""
        self._sent.append((packet.pts, packet.pos))
        if self._order is not None and packet.dts is not None:
            heapq.heappush(self._order, packet.dts)
        if not self._may_skip or self.clock is None:
            return False
        if packet.pts is None or packet.is_discard:
            return False
        place = bisect.bisect_right(self._known, packet.pts)
        if place == len(self._known):
            return False
        # A packet that is yet to come can only bring the next frame nearer.
        if self.clock.is_needed(packet.pts, self._known[place]):
            return False
        heapq.heappush(self._left_out, packet.pts)
        return True

    def _due(self, pts: int | None) -> Iterator[Moment]:
        """Moments of the frames that were left out and are shown before ``pts``."""
        while self._left_out and (pts is None or self._left_out[0] <= pts):
            due = heapq.heappop(self._left_out)
            if due != pts and not self._is_dropped(due):
                yield Moment(due, None)

    def _time_of(self, frame: VideoFrame) -> int | None:
        """When a frame is shown, ticks; the time of its decoding where nothing else is told."""
        if self._order is None:
            return frame.pts if frame.pts is not None else frame.dts
        return heapq.heappop(self._order) if self._order else None

    def _is_shown(self, pts: int) -> bool:
        if self._is_dropped(pts):
            return False
        if self._from_key and pts != self._key_pts:
            raise Inexact("the keyframe itself did not come out first")
        self._from_key = False
        self._armed = True
        return True

    def _is_dropped(self, pts: int) -> bool:
        return self._from_key and self._key_pts is not None and pts < self._key_pts

    def _is_damaged(self, frame: VideoFrame, pts: int) -> bool:
        """Note the break if a frame is damaged."""
        if not frame.is_corrupt:
            return False
        if not self._armed or (self._key_pts is not None and pts < self._key_pts):
            return False
        last = bool(self._sent) and self._sent[-1][0] == pts
        self._break("the decoder flags damage", pts, more=bool(self._ahead) or not last)
        return True

    def _fail(self, packet: Packet[VideoStream] | None, err: av.FFmpegError) -> list[VideoFrame]:
        """Note the break; the frames before it that wait in the decoder."""
        self._stream.codec_context.skip_frame = "DEFAULT"
        if not self._armed:
            return []
        limit = packet.pts if packet else None
        self._break(err.strerror or "a packet cannot be decoded", limit, more=bool(self._ahead))
        try:
            waiting = self._stream.codec_context.decode(None)
        except av.FFmpegError:
            return []
        return [f for f in waiting if limit is not None and f.pts is not None and f.pts < limit]

    def _break(self, detail: str, pts: int | None, *, more: bool) -> None:
        if self.broke is None:
            reason: Literal["truncated", "corrupt"] = "corrupt" if more else "truncated"
            self.broke = Break(reason, detail, pts, self.last_pos(pts))

    def last_pos(self, pts: int | None = None) -> int | None:
        """Where the packet before that of ``pts`` begins, or the last one that was sent."""
        found: int | None = None
        for sent, pos in self._sent:
            if pts is not None and sent == pts:
                break
            found = pos if pos is not None else found
        return found
