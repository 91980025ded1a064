"""Choice of the film among the video streams of a container."""

from __future__ import annotations

from collections import Counter

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

_NO_FILM = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
_LOOKED_AT = 400
"""Packets that are read to tell a film from a stream with a single picture."""


def film_streams(container: InputContainer) -> list[VideoStream]:
    """Return the video streams that may be the film, in their order.

    Covers (attached pictures), stills and thumbnails are left out by their flags.
    """
    return [s for s in container.streams.video if not s.disposition & _NO_FILM]


def best_stream(container: InputContainer) -> int:
    """Return the index of the film among several streams; this reads from the container.

    A stream that can be decoded comes before one that cannot, one with several pictures before a
    still, a larger picture before a smaller one (a preview), the default one before the others,
    then the first.
    """
    streams = film_streams(container)
    counts: Counter[int] = Counter()
    try:
        for number, packet in enumerate(container.demux(streams)):
            counts[packet.stream_index] += packet.size > 0
            if number >= _LOOKED_AT or all(counts[s.index] > 1 for s in streams):
                break
    except (av.FFmpegError, IndexError):  # damage is reported when the film itself is read
        pass

    def rank(stream: VideoStream) -> tuple[bool, bool, int, bool, int]:
        is_decodable = stream.codec_context is not None
        area = stream.width * stream.height if is_decodable else 0
        is_default = bool(stream.disposition & Disposition.default)
        return is_decodable, counts[stream.index] > 1, area, is_default, -stream.index

    return max(streams, key=rank).index
