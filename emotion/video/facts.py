"""What reading a video told of it as a whole, and of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class VideoFacts:
    """What the container and the decoding told; complete once the frames are exhausted.

    Attributes:
        width: of the upright frame, pixels.
        height: of the upright frame, pixels.
        codec: FFmpeg's name of the video codec.
        num_decoded: frames shown; of a part those whose showing begins in it. Frames that no
            sample needs are counted, decoded or not.
        duration_s: end of the last of them minus start of the video's first.
    """

    width: int = 0
    height: int = 0
    codec: str = ""
    num_decoded: int = 0
    duration_s: float = 0.0

    @property
    def fps(self) -> float:
        """Mean frames per second; 0 when nothing was decoded. Of the whole video only."""
        return self.num_decoded / self.duration_s if self.duration_s > 0 else 0.0


def join_facts(parts: Sequence[VideoFacts]) -> VideoFacts:
    """The facts of a whole video of those of its consecutive parts, in order.

    >>> join_facts([VideoFacts(64, 48, "h264", 50, 2.0), VideoFacts(64, 48, "h264", 30, 3.2)])
    VideoFacts(width=64, height=48, codec='h264', num_decoded=80, duration_s=3.2)
    """
    if not parts:
        return VideoFacts()
    return VideoFacts(
        parts[0].width,
        parts[0].height,
        parts[0].codec,
        sum(part.num_decoded for part in parts),
        max(part.duration_s for part in parts),
    )
