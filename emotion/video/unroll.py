"""Clocks that jump: packets of joined recordings get times that go on.

The clock of a transport stream goes back where a second recording was joined to the first, and
jumps where a recorder began again. Every piece is moved to begin where the one before it ended::

    recorded   0 1 2 3 | 0 1 2         0 1 2 3 | 50000 50001
    unrolled   0 1 2 3 | 4 5 6         0 1 2 3 | 4     5
"""

from __future__ import annotations

from fractions import Fraction

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from emotion.video.formats import SEEKABLE

BACK_S = Fraction(1, 10)
"""Seconds by which decoding times must go back to count as a new piece; less is a bad time."""
AHEAD_S = Fraction(10)
"""Seconds by which they must jump ahead; less is a picture that is held, as in FFmpeg."""
_MAY_JUMP = 0x0200  # FFmpeg's AVFMT_TS_DISCONT: the format allows a clock to jump


class Unroller:
    """Changer of the times of one stream's packets, in the order in which they are stored.

    Containers with an index (mp4, mkv) state the time of each frame, and AVI counts frames: there
    nothing is changed.

    Attributes:
        shifts_s: seconds added to the times of the second piece, the third, and so on.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream | AudioStream,
        like: Unroller | None = None,
    ) -> None:
        """Prepare to change times.

        Args:
            container: container of the stream.
            stream: the stream.
            like: unroller of another stream of the file. Its shifts are used where they are
                known, so that both streams stay together.
        """
        names = set(container.format.name.split(","))
        self._is_active = not names & (SEEKABLE | {"avi"})
        self._may_jump_ahead = bool(container.format.flags & _MAY_JUMP)
        self._tick = stream.time_base or Fraction(1, 1000)
        rate = getattr(stream, "average_rate", None)
        self._gap = max(1, round((1 / rate if rate else Fraction(1, 50)) / self._tick))
        self._like = like
        self._next: int | None = None  # decoding time at which the piece goes on, as recorded
        self._shift = 0
        self.shifts_s: list[Fraction] = []

    def unroll(self, packet: Packet[VideoStream] | Packet[AudioStream]) -> bool:
        """Change the times of a packet; return True if it is the first of a new piece."""
        if not self._is_active:
            return False
        dts = packet.dts
        is_new = dts is not None and self._next is not None and self._is_jump(dts - self._next)
        if dts is not None:
            if is_new and self._next is not None:
                self._begin(self._shift + self._next - dts)
            self._next = dts + (packet.duration or self._gap)
        if self._shift:
            packet.pts = None if packet.pts is None else packet.pts + self._shift
            packet.dts = None if dts is None else dts + self._shift
        return is_new

    def _is_jump(self, ticks: int) -> bool:
        return ticks * self._tick < -BACK_S or (
            self._may_jump_ahead and ticks * self._tick > AHEAD_S
        )

    def _begin(self, shift: int) -> None:
        number = len(self.shifts_s)
        if self._like is not None and number < len(self._like.shifts_s):
            shift = round(self._like.shifts_s[number] / self._tick)
        self._shift = shift
        self.shifts_s.append(shift * self._tick)
