"""Facts about a video that reading it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class VideoFacts:
    """Size, codec, frames and duration of a video; complete after its last frame was read.

    Attributes:
        width: of the upright frame, pixels.
        height: of the upright frame, pixels.
        codec: FFmpeg's name of the video codec.
        num_decoded: number of frames; of a part those whose presentation begins in it. It includes
            frames that no sample needs, also if they were not decoded.
        duration_s: end of the last of these frames minus start of the video's first frame.
    """

    width: int = 0
    height: int = 0
    codec: str = ""
    num_decoded: int = 0
    duration_s: float = 0.0

    @property
    def fps(self) -> float:
        """Mean frames per second of a whole video; 0 if no frame was decoded."""
        return self.num_decoded / self.duration_s if self.duration_s > 0 else 0.0


def join_facts(parts: Sequence[VideoFacts]) -> VideoFacts:
    """Join the facts of consecutive parts, in order, to those of the whole video.

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
