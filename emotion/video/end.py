"""End of a video: is it whole, damaged, or cut off?"""

from __future__ import annotations

from av.container import InputContainer
from av.video.stream import VideoStream

from emotion.errors import VideoError
from emotion.video.container import counts_frames, header_stop
from emotion.video.facts import VideoFacts
from emotion.video.packets import Reader

END_TOLERANCE_SHARE = 0.1
"""Share of the duration that may be missing at the end before a file counts as truncated."""
END_TOLERANCE_S = (0.2, 2.0)
"""Least and greatest value of that tolerance, seconds; headers round the duration up a little."""


def check_end(
    *,
    container: InputContainer,
    stream: VideoStream,
    facts: VideoFacts,
    reader: Reader,
    first: int,
) -> None:
    """Check that a video was read to its end without damage.

    Args:
        container: the container.
        stream: the video stream.
        facts: facts of the decoding.
        reader: the reader, at its end.
        first: presentation time of the first frame, ticks.

    Raises:
        VideoError: corrupt or truncated, if the video is damaged or its end is missing; see
            ``END_TOLERANCE_SHARE``.
    """
    broke, at = reader.broke, f"at {facts.duration_s:.3f} s"
    if broke is not None:
        raise VideoError(
            broke.reason,
            f"decoding stopped {at}; {broke.detail}",
            offset_s=facts.duration_s,
            offset_bytes=broke.offset_bytes,
        )
    time_base = stream.time_base or 1
    end_s = float(first * time_base) + facts.duration_s
    header = header_stop(container, stream)
    lacking_s = 0.0 if header is None else float(header) - end_s
    if counts_frames(container):  # empty frames are counted, too; a tick is a frame
        lacking_s = max(lacking_s, float(stream.frames * time_base) - end_s)
    low, high = END_TOLERANCE_S
    if lacking_s > min(max(low, END_TOLERANCE_SHARE * (end_s + lacking_s)), high):
        raise VideoError(
            "truncated",
            f"decoding stopped {at}, {lacking_s:.3f} s before the header's end",
            offset_s=facts.duration_s,
            offset_bytes=reader.last_pos(),
        )
