"""Facts about a video that are known after its frames were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class VideoFacts:
    """Size, codec, frames and duration of a video or a part; complete after its last frame.

    Attributes:
        width: width of the first frame as it is displayed, pixels.
        height: height of the first frame as it is displayed, pixels.
        codec: FFmpeg's name of the video codec.
        num_decoded: number of frames; for a part, of the frames whose presentation time is in it.
            It also counts frames that no sample needs, even if they were not decoded.
        duration_s: seconds from the start of the video's first frame to the end of the last frame
            that was read.
        first_frame_s: time of the first frame on a player's clock, seconds; above 0 if the pictures
            begin after the sound.
    """

    width: int = 0
    height: int = 0
    codec: str = ""
    num_decoded: int = 0
    duration_s: float = 0.0
    first_frame_s: float = 0.0

    @property
    def fps(self) -> float:
        """Mean frames per second of a whole video; 0 if no frame was decoded."""
        return self.num_decoded / self.duration_s if self.duration_s > 0 else 0.0


def join_facts(parts: Sequence[VideoFacts]) -> VideoFacts:
    """Return the facts of a whole video from those of its consecutive parts, in order.

    No parts give the default ``VideoFacts()``.

    >>> join_facts([VideoFacts(64, 48, "h264", 50, 2.0), VideoFacts(64, 48, "h264", 30, 3.2)])
    VideoFacts(width=64, height=48, codec='h264', num_decoded=80, duration_s=3.2, first_frame_s=0.0)
    """
    if not parts:
        return VideoFacts()
    return VideoFacts(
        parts[0].width,
        parts[0].height,
        parts[0].codec,
        sum(part.num_decoded for part in parts),
        max(part.duration_s for part in parts),
        parts[0].first_frame_s,
    )
