"""Decoding of packets to frames in presentation order, without frames that no sample needs.

Packets are read ahead of the decoder (``LOOK_AHEAD``). So for most frames the presentation time of
the next frame is known before decoding. A frame is not needed if it is shown at no sample time. It
is not decoded if, in addition, no other frame refers to it (the decoder knows this)::

    order of decoding   I0   P4   B2   b1   b3   P8   B6   b5   b7
    needed at 5 of 25   yes            no   no             yes  no
    decoded             yes  yes  yes  -    -    yes  yes  yes  -

For a frame that is not decoded, a ``Moment`` without a picture is yielded. If the decoder's times
differ from those of the packets, ``Inexact`` is raised. Then the caller reads the video again and
decodes every frame. So skipping never changes the results.
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
from emotion.video.unroll import Unroller

LOOK_AHEAD = 32
"""Number of packets read ahead of the decoder; more than any codec reorders."""
_REMEMBERED = 3 * LOOK_AHEAD


class Inexact(Exception):
    """A skipped frame was needed, or a seek failed: decode every frame from the beginning."""


@dataclass(frozen=True)
class Moment:
    """A frame and its presentation time in ticks; ``frame`` is None if it was not decoded."""

    pts: int
    frame: VideoFrame | None


@dataclass(frozen=True)
class Break:
    """Point after which a video cannot be read.

    Attributes:
        reason: truncated if no packet follows, corrupt if more follow.
        detail: FFmpeg's message.
        pts: presentation time of the damaged frame, ticks; None if unknown.
        offset_bytes: start of the last good packet in the file, bytes; None if unknown.
    """

    reason: Literal["truncated", "corrupt"]
    detail: str
    pts: int | None
    offset_bytes: int | None


class Reader:
    """Reader of one stream: decodes it once, from the container's current position.

    Attributes:
        clock: clock of the samples; while it is None, every frame is decoded.
        broke: the damage that ended ``moments`` early; None if there was none.
        unroller: changes the packets' times where the clock jumps.
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
            container: an open container.
            stream: its video stream.
            check: called for every packet; may raise an exception to stop.
            clock: clock of the samples, if known.
            may_skip: False decodes every frame.
            from_key: True if the container is at a keyframe after a seek; frames that are shown
                before this keyframe are dropped.
        """
        self.clock = clock
        self.broke: Break | None = None
        self.unroller = Unroller(container, stream)
        self._container, self._stream, self._check = container, stream, check
        self._may_skip, self._from_key = may_skip, from_key
        self._stands_alone = stream.codec_context.codec.intra_only
        self._ahead: deque[Packet[VideoStream]] = deque()
        self._times: list[int] = []  # sorted times of the latest packets
        self._sent: deque[tuple[int | None, int | None]] = deque(maxlen=_REMEMBERED)  # pts, pos
        # AVI numbers frames in decoding order; with B-frames only the decoder knows the order in
        # which they are shown.
        counted = self._stream.codec_context.has_b_frames and counts_frames(container)
        self._order: list[int] | None = None  # heap of the packets' times
        if counted and stream.codec_context.name in ("h264", "hevc"):
            self._order, self._may_skip = [], False
        self._skipped: list[int] = []  # heap of the times of frames not decoded
        self._key_pts: int | None = None  # of the first keyframe
        self._armed = False  # True from the first keyframe on; earlier damage is ignored
        self._unread = ""  # message if the container could not be read to its end
        self._waits_for_key = False  # True after a jump of the clock

    @property
    def has_jumped(self) -> bool:
        """True if the clock has jumped; see ``Unroller``."""
        return bool(self.unroller.shifts_s)

    def moments(self) -> Iterator[Moment]:
        """Yield the moments in presentation order; bad timestamps may repeat or go backwards."""
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
        """Yield packets, with ``LOOK_AHEAD`` more already read; at the end None (flush)."""
        packets = self._container.demux(self._stream)
        more = True
        while more or self._ahead:
            while more and len(self._ahead) <= LOOK_AHEAD:
                try:
                    packet = next(packets, None)
                except av.FFmpegError as err:
                    self._unread = err.strerror or "it cannot be read any further"
                    packet = None
                except IndexError:  # from PyAV at the end, if a stream began after the header
                    packet = None
                more = packet is not None
                if packet is not None and packet.size:
                    self._take(packet)
            if self._ahead:
                yield self._ahead.popleft()
        yield None

    def _take(self, packet: Packet[VideoStream]) -> None:
        """Queue a packet that was read.

        Where a second recording was joined, FFmpeg misses a piece of the transport stream and
        flags the whole packet before the joint as damaged. What lacks its keyframe is left out.
        """
        if self.unroller.unroll(packet):
            self._waits_for_key = True
            if self._ahead:
                self._ahead[-1].is_corrupt = False
        if self._waits_for_key and not packet.is_keyframe:
            return
        self._waits_for_key = False
        self._ahead.append(packet)
        self._note_time(packet)

    def _note_time(self, packet: Packet[VideoStream]) -> None:
        if packet.is_discard:  # outside the edit list: decoded, never shown
            return
        if packet.pts is None:
            self._may_skip = False  # the container has no time for it; do not guess
            return
        bisect.insort(self._times, packet.pts)
        del self._times[:-_REMEMBERED]

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        context = self._stream.codec_context
        if packet is not None and packet.is_keyframe and not self._armed:
            self._armed, self._key_pts = True, packet.pts
        try:
            if packet is None or not self._can_skip(packet):
                return context.decode(packet)
            if self._stands_alone:
                return []
            context.skip_frame = "NONREF"
            frames = context.decode(packet)
            context.skip_frame = "DEFAULT"
            return frames
        except av.FFmpegError as err:
            return self._fail(packet, err)

    def _can_skip(self, packet: Packet[VideoStream]) -> bool:
        """Return True, and store the frame's time, if no sample needs the frame of a packet."""
        self._sent.append((packet.pts, packet.pos))
        if self._order is not None and packet.dts is not None:
            heapq.heappush(self._order, packet.dts)
        if not self._may_skip or self.clock is None:
            return False
        if packet.pts is None or packet.is_discard:
            return False
        place = bisect.bisect_right(self._times, packet.pts)
        if place == len(self._times):
            return False
        # A later packet can only make the next frame's time earlier.
        if self.clock.is_needed(packet.pts, self._times[place]):
            return False
        heapq.heappush(self._skipped, packet.pts)
        return True

    def _due(self, pts: int | None) -> Iterator[Moment]:
        """Yield the moments of skipped frames that are shown before ``pts``; None: of all."""
        while self._skipped and (pts is None or self._skipped[0] <= pts):
            due = heapq.heappop(self._skipped)
            if due != pts and not self._is_dropped(due):
                yield Moment(due, None)

    def _time_of(self, frame: VideoFrame) -> int | None:
        """Return the presentation time of a frame, ticks, or its decoding time if it has none."""
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
        """Return True, and set ``broke``, if a frame from the first keyframe on is damaged."""
        if not frame.is_corrupt:
            return False
        if not self._armed or (self._key_pts is not None and pts < self._key_pts):
            return False
        last = bool(self._sent) and self._sent[-1][0] == pts
        self._break("the decoder flags damage", pts, more=bool(self._ahead) or not last)
        return True

    def _fail(self, packet: Packet[VideoStream] | None, err: av.FFmpegError) -> list[VideoFrame]:
        """Set ``broke``; return the frames before the damage that are still in the decoder."""
        self._stream.codec_context.skip_frame = "DEFAULT"
        if not self._armed:
            return []
        limit = packet.pts if packet else None
        self._break(err.strerror or "a packet cannot be decoded", limit, more=bool(self._ahead))
        try:
            frames = self._stream.codec_context.decode(None)
        except av.FFmpegError:
            return []
        return [f for f in frames if limit is not None and f.pts is not None and f.pts < limit]

    def _break(self, detail: str, pts: int | None, *, more: bool) -> None:
        if self.broke is None:
            reason: Literal["truncated", "corrupt"] = "corrupt" if more else "truncated"
            self.broke = Break(reason, detail, pts, self.last_pos(pts))

    def last_pos(self, pts: int | None = None) -> int | None:
        """Return the byte position of the packet before that of ``pts``, by default of the last.

        None if it is unknown.
        """
        last: int | None = None
        for sent, pos in self._sent:
            if pts is not None and sent == pts:
                break
            last = pos if pos is not None else last
        return last
