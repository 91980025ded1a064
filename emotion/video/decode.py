"""Sampling: the frames of a video that are shown at regular times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emotion.errors import VideoError
from emotion.video.clock import Clock
from emotion.video.container import (
    Limits,
    Probe,
    Source,
    can_seek,
    check_size,
    last_counted,
    open_video,
    probe,
    zero_s,
)
from emotion.video.end import check_end
from emotion.video.facts import VideoFacts, join_facts
from emotion.video.formats import FORMATS, SUFFIXES
from emotion.video.geometry import Fit
from emotion.video.packets import Inexact, Moment, Reader
from emotion.video.picture import Converter, Frame

__all__ = [
    "FORMATS", "SUFFIXES", "Frame", "Limits", "Probe", "Source", "VideoFacts", "can_seek",
    "join_facts", "open_video", "probe", "sample_frames",
]  # fmt: skip

_SEEK_BACK_S = (0, 1, 4, 16, 64)
"""Seconds before the target to seek to, tried in order.

Containers index by decoding time, so the keyframe that is found may be shown after the target.
"""


def sample_frames(
    path: Source,
    *,
    sample_fps: float,
    limits: Limits,
    facts: VideoFacts,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Frame]:
    """Yield the frame shown at ``first_pts + k / sample_fps`` for k = ``start``, ``start`` + 1, ...

    A frame is shown from its presentation time until that of the next frame; the last frame is
    shown for its duration. A frame is yielded once, with the first k at which it is shown and the
    number of samples at which it is shown::

        frames    |0     |1     |2                    |3     |     (variable frame rate)
        samples   k0        k1        k2        k3        k4
        yields    0,k0      1,k1      2,k2 (2 samples)    3,k4

    For a part of a video (``start``, ``stop``), the frames are those of the whole video with these
    k, with equal pixels. Reading ends at the first damage: the frames before it are yielded, then
    the error is raised. Damage before the first keyframe is ignored, because recordings of
    broadcasts begin with it.

    Args:
        path: a local file, or a seekable binary file object.
        sample_fps: samples per second of presentation time.
        limits: bounds on the video.
        facts: object that is filled in while the frames are read; ``join_facts`` joins parts.
        start: first sample k.
        stop: sample after the last; None reads to the end and checks that nothing is missing.

    Raises:
        VideoError: see ``open_video``; also with the reason undecodable, truncated, corrupt,
            too_large or timeout.
    """
    part = _Part(Fraction(sample_fps).limit_denominator(1001), start, stop)
    check = _wall_clock(limits)
    ahead = start
    for exact in (False, True):
        facts.num_decoded, facts.duration_s = 0, 0.0
        try:
            with open_video(path, limits) as (container, stream):
                converter = Converter.of(stream)
                counted = last_counted(container, stream)
                video = _Video(container, stream, limits, facts, check, converter, counted)
                for frame in _part_frames(video, part, exact=exact):
                    if frame.index >= ahead:
                        ahead = frame.index + 1
                        yield frame
            return
        except Inexact:
            continue


@dataclass(frozen=True)
class _Part:
    fps: Fraction
    start: int
    stop: int | None


@dataclass(frozen=True)
class _Video:
    """An open video, its limits and its facts."""

    container: InputContainer
    stream: VideoStream
    limits: Limits
    facts: VideoFacts
    check: Callable[[], None]
    converter: Converter
    num_counted: int

    @cached_property
    def time_base(self) -> Fraction:
        return self.stream.time_base or Fraction(1, 1000)

    def seconds(self, ticks: int) -> float:
        """Return a number of ticks in seconds, rounded once; a Fraction would be slow here."""
        return ticks * self.time_base.numerator / self.time_base.denominator


@dataclass(frozen=True)
class _Shown:
    """A frame and its time [start, stop) in ticks; ``picture`` is None if it was not decoded."""

    picture: VideoFrame | None
    start: int
    stop: int


def _wall_clock(limits: Limits) -> Callable[[], None]:
    deadline = time.monotonic() + limits.max_wall_s

    def check() -> None:
        if time.monotonic() > deadline:
            raise VideoError("timeout", f"not read within {limits.max_wall_s:g} s")

    return check


def _part_frames(video: _Video, part: _Part, *, exact: bool) -> Iterator[Frame]:
    """Yield the sampled frames; ``exact`` decodes every frame from the beginning of the file."""
    video.facts.codec = video.stream.codec_context.name
    reader = Reader(video.container, video.stream, check=video.check, may_skip=not exact)
    if part.start and not exact and can_seek(video.container):
        reader = _reader_at(video, part, _first_pts(video))
    for shown in _shown_frames(video, part, reader):
        clock = reader.clock
        if clock is None or not clock.is_needed(shown.start, shown.stop):
            continue
        if shown.picture is None:
            raise Inexact("a frame that a sample needs was not decoded")
        index = clock.sample_from(shown.start)
        yield Frame(
            index=index,
            pts_s=video.seconds(shown.start - clock.first),
            picture=shown.picture,
            converter=video.converter,
            num_samples=clock.sample_from(shown.stop) - index,
            fit=Fit.of(video.converter.hw(shown.picture), (video.facts.height, video.facts.width)),
        )


def _first_pts(video: _Video) -> int:
    reader = Reader(video.container, video.stream, check=video.check)
    for moment in reader.moments():
        _note_first(moment, video)
        return moment.pts
    raise Inexact("the first frame did not come out")


def _reader_at(video: _Video, part: _Part, first: int) -> Reader:
    """Return a reader at a keyframe that is shown at or before the part's first sample."""
    clock = Clock.of(first, video.time_base, part.fps, (part.start, part.stop))
    target = first + part.start * clock.den // clock.num
    for back_s in _SEEK_BACK_S:
        ticks = max(target - int(back_s / video.time_base), first)
        packet = _seek(video, ticks)
        if packet is None or packet.pts is None or not packet.is_keyframe:
            break
        if packet.pts <= target:
            _seek(video, ticks, peek=False)
            return Reader(
                video.container, video.stream, check=video.check, clock=clock, from_key=True
            )
    raise Inexact("seeking gave no keyframe")


def _seek(video: _Video, ticks: int, *, peek: bool = True) -> Packet[VideoStream] | None:
    """Seek to a keyframe at or before ``ticks``; with ``peek`` also return the packet there."""
    try:
        video.container.seek(ticks, stream=video.stream, backward=True)
        return next(video.container.demux(video.stream), None) if peek else None
    except (av.FFmpegError, IndexError) as err:  # PyAV raises IndexError: see Reader
        raise Inexact("seeking fails in this container") from err


def _shown_frames(video: _Video, part: _Part, reader: Reader) -> Iterator[_Shown]:
    """Yield all frames in presentation order, to the end of the part; count those of the part."""
    previous: Moment | None = None
    checked: tuple[int, int] | None = None
    gap = _nominal_gap(video)
    for moment in reader.moments():
        if reader.clock is None:
            span = (part.start, part.stop)
            reader.clock = Clock.of(moment.pts, video.time_base, part.fps, span)
            _note_first(moment, video)
        if previous is not None:
            if moment.pts <= previous.pts:  # a broken clock: times must increase
                continue
            gap = moment.pts - previous.pts
            yield _close(video, reader.clock, previous, moment.pts)
        if moment.frame is not None:
            size = (moment.frame.width, moment.frame.height)
            if size != checked:
                check_size(video.stream, *size, video.limits)
                checked = size
        previous = moment
        if part.stop is not None and reader.clock.is_reached(part.stop, moment.pts):
            return
        if not part.start or reader.clock.is_reached(part.start, moment.pts):
            video.facts.num_decoded += 1
        _check_duration(video, moment.pts + gap - reader.clock.first)
    if previous is None or reader.clock is None:
        raise _no_frame_error(reader, video)
    yield _close(video, reader.clock, previous, _last_stop(video, reader, previous, gap))
    if reader.broke is not None or (part.stop is None and not reader.has_jumped):
        check_end(
            container=video.container,
            stream=video.stream,
            facts=video.facts,
            reader=reader,
            first=reader.clock.first,
        )


def _close(video: _Video, clock: Clock, moment: Moment, stop: int) -> _Shown:
    video.facts.duration_s = video.seconds(stop - clock.first)
    return _Shown(moment.frame, moment.pts, stop)


def _last_stop(video: _Video, reader: Reader, last: Moment, gap: int) -> int:
    """Return the end of the last frame, ticks, but at most the time of any damage.

    The frame is shown for its own duration or, if that is unknown, for the gap before it, and
    through the empty frames after it.
    """
    stop = last.pts + ((last.frame.duration if last.frame else 0) or gap)
    if reader.broke is None:
        stop = max(stop, video.num_counted)  # AVI: a tick is a frame
    broke = reader.broke.pts if reader.broke else None
    return min(stop, broke) if broke is not None and broke > last.pts else stop


def _no_frame_error(reader: Reader, video: _Video) -> Exception:
    if reader.clock is not None:
        return Inexact("no frame follows the keyframe of the seek")
    detail = f"; {reader.broke.detail}" if reader.broke else ""
    if not video.stream.width:  # FFmpeg clears a size that it refuses
        detail += f"; the size is unknown or far above {video.limits.max_pixels} pixels"
    return VideoError(
        "undecodable", f"no frame comes out of the {video.facts.codec} stream{detail}"
    )


def _check_duration(video: _Video, ticks: int) -> None:
    if video.seconds(ticks) > video.limits.max_duration_s:
        raise VideoError("too_large", f"longer than {video.limits.max_duration_s:g} s")


def _nominal_gap(video: _Video) -> int:
    rate = video.stream.average_rate
    return max(1, round((1 / rate if rate else Fraction(1, 25)) / video.time_base))


def _note_first(moment: Moment, video: _Video) -> None:
    """Set the facts that follow from the first frame."""
    first_s = moment.pts * video.time_base - zero_s(video.container)
    video.facts.first_frame_s = max(float(first_s), 0.0)
    if moment.frame is not None:
        check_size(video.stream, moment.frame.width, moment.frame.height, video.limits)
        video.facts.height, video.facts.width = video.converter.hw(moment.frame)
