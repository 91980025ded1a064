"""Overlay videos: a copy of the video with its tracks drawn in, its faces blurred, or both.

Every frame keeps its time, also in a video with a variable frame rate. Audio that MP4 can hold is
copied; other audio is encoded as AAC. Faces are detected in the sampled frames only, so between two
samples a box is interpolated.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes
from emotion.errors import VideoError
from emotion.export.picture_writer import PictureWriter, muxer_options
from emotion.export.sound import Sound, SoundWay, choose_way
from emotion.predict.spans import Span
from emotion.video.container import Limits, open_video
from emotion.video.geometry import fitted
from emotion.video.packets import Reader
from emotion.video.picture import Converter

Image = NDArray[np.uint8]
Box = NDArray[np.float64]
Colour = tuple[int, int, int]
WHITE, DARK = (255, 255, 255), (24, 24, 24)
FONT = cv2.FONT_HERSHEY_SIMPLEX
LEAST_SIDE_PX = 400
"""Smallest shorter side, in pixels, of a picture on which names are readable."""

HOLD_S = 0.15
"""Seconds for which a box is drawn before its first and after its last sample, or in a long gap."""
BRIDGE_S = 1.0
"""Longest gap between two samples, in seconds, over which a box is interpolated."""
BLUR_MARGIN = 0.25
"""Blurred border around a box, as a share of its longer side: the head is larger than the box."""
BLUR_CELLS = 6
"""Number of cells of one colour across a blurred face: too few to recognise a person."""


@dataclass(frozen=True)
class DrawnTrack:
    """One track to draw.

    Attributes:
        name: name of the person; an empty name: the face may be blurred and is not drawn.
        times_s: (N,) times of the samples in seconds, ascending; N at least 1.
        boxes: (N, 4) xyxy pixels.
        spans: segments of the track, in order of time.
        colour: RGB by label, 0 to 255.
        bars: probabilities in label order, by second; seconds without an answer are missing.
        labels: the label set, in order.
    """

    name: str
    times_s: NDArray[np.float64]
    boxes: NDArray[np.float64]
    spans: Sequence[Span] = ()
    colour: Mapping[str, Colour] = field(default_factory=dict)
    bars: Mapping[int, Sequence[float]] = field(default_factory=dict)
    labels: Sequence[str] = ()

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        num = len(self.times_s)
        check_array("DrawnTrack.times_s", self.times_s, shape=(None,), dtype=np.float64)
        check_array("DrawnTrack.boxes", self.boxes, shape=(num, 4), dtype=np.float64)

    def box_at(self, time_s: float) -> Box | None:
        """Return the box of the face at a time, xyxy pixels; None if the track has none there.

        Between two samples at most ``BRIDGE_S`` apart the box is interpolated. Elsewhere it is that
        of a sample at most ``HOLD_S`` away.
        """
        right = bisect.bisect_left(self.times_s, time_s)
        if right < len(self.times_s) and self.times_s[right] - time_s < 1e-9:
            exact: Box = self.boxes[right]
            return exact
        if right == 0 or right == len(self.times_s):
            edge = 0 if right == 0 else -1
            return self.boxes[edge] if abs(self.times_s[edge] - time_s) <= HOLD_S else None
        before, after = self.times_s[right - 1], self.times_s[right]
        if after - before > BRIDGE_S:
            left_s, right_s = time_s - before, after - time_s
            near = right - 1 if left_s <= right_s else right
            return self.boxes[near] if min(left_s, right_s) <= HOLD_S else None
        share = (time_s - before) / (after - before)
        between: Box = (1 - share) * self.boxes[right - 1] + share * self.boxes[right]
        return between

    def span_at(self, time_s: float) -> Span | None:
        """Return the segment at a time; None if there is none."""
        return next((s for s in self.spans if s.start_s <= time_s < s.stop_s), None)


@dataclass(frozen=True)
class OverlayResult:
    """Facts of a written overlay video: frames, length in seconds, treatment of the audio."""

    num_frames: int
    duration_s: float
    audio: SoundWay


def overlay(
    source: Path,
    target: Path,
    tracks: Sequence[DrawnTrack],
    *,
    blur_faces: bool = False,
    draw: bool = True,
    limits: Limits | None = None,
    remark: str = "",
) -> OverlayResult:
    """Write ``source`` as MP4 (H.264, yuv420p) with its tracks drawn in.

    Args:
        source: the video.
        target: the file to write, ending in .mp4.
        tracks: tracks to draw or to blur; with ``blur_faces`` pass every detection.
        blur_faces: blur the faces so that no person can be recognised.
        draw: draw boxes, names and bars. A picture whose shorter side is below ``LEAST_SIDE_PX`` is
            enlarged two or three times.
        limits: bounds on the video's size, length and reading time; None: the defaults.
        remark: text for the comment in the file's metadata; empty: none.

    Raises:
        VideoError: if the video cannot be read to its end.
    """
    limits = limits or Limits()
    way = choose_way(source, limits)
    with (
        open_video(source, limits) as (container, stream),
        open_video(source, limits) as (sound, _),
        av.open(str(target), "w", options=muxer_options(container)) as out,
    ):
        if remark:
            out.metadata["comment"] = remark
        time_base = stream.time_base or Fraction(1, 1000)
        reader = Reader(container, stream, check=lambda: None, may_skip=False)
        audio = Sound(sound, out, way, like=reader.unroller)
        converter = Converter.of(stream)
        frame_hw: tuple[int, int] | None = None
        writer = PictureWriter(out, time_base, stream.average_rate or Fraction(25))
        previous, first, gap = None, None, max(1, round(1 / (25 * time_base)))
        for moment in reader.moments():
            if moment.frame is None or (previous is not None and moment.pts <= previous[0]):
                continue
            if previous is not None:
                gap = moment.pts - previous[0]
                writer.write(*previous, duration=gap)
                audio.mux_until(float(previous[0] * time_base))
            first = moment.pts if first is None else first
            time_s = float((moment.pts - first) * time_base)
            frame_hw = frame_hw or converter.hw(moment.frame)
            picture = fitted(converter.rgb(moment.frame), frame_hw)
            if blur_faces:
                _blur(picture, tracks, time_s)
            picture, times = _enlarged(picture, draw=draw)
            if draw:
                _draw(picture, tracks, time_s, times)
            previous = (moment.pts, picture)
        if reader.broke is not None:
            raise VideoError(reader.broke.reason, reader.broke.detail)
        if previous is None or first is None:
            raise VideoError("undecodable", "no frame can be decoded")
        writer.write(*previous, duration=gap)
        writer.close()
        audio.mux_until(float("inf"))
        duration_s = float((previous[0] + gap - first) * time_base)
        return OverlayResult(writer.num_frames, duration_s, way)


def _blur(picture: Image, tracks: Sequence[DrawnTrack], time_s: float) -> None:
    """Replace each face by a few cells of one colour, in place."""
    height, width = picture.shape[:2]
    for track in tracks:
        box = track.box_at(time_s)
        if box is None:
            continue
        more = BLUR_MARGIN * max(box[2] - box[0], box[3] - box[1])
        x1, y1 = max(0, int(box[0] - more)), max(0, int(box[1] - more))
        x2, y2 = min(width, int(np.ceil(box[2] + more))), min(height, int(np.ceil(box[3] + more)))
        if x2 <= x1 or y2 <= y1:
            continue
        part = picture[y1:y2, x1:x2]
        cells = cv2.resize(part, (BLUR_CELLS, BLUR_CELLS), interpolation=cv2.INTER_AREA)
        picture[y1:y2, x1:x2] = cv2.resize(
            cells, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST
        )


def _enlarged(picture: Image, *, draw: bool) -> tuple[Image, int]:
    """Return the picture and the factor, 1 to 3, by which it was enlarged for readable names."""
    times = min(3, -(-LEAST_SIDE_PX // min(picture.shape[:2]))) if draw else 1
    if times == 1:
        return picture, 1
    large = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8), times


def _draw(picture: Image, tracks: Sequence[DrawnTrack], time_s: float, times: int) -> None:
    """Draw boxes, names and bars, in place; ``times`` is the factor of the enlarged picture."""
    unit = max(1, round(min(picture.shape[:2]) / 240))
    for track in tracks:
        box = track.box_at(time_s)
        if box is None or not track.name:
            continue
        span = track.span_at(time_s)
        colour = track.colour.get(span.label, WHITE) if span else WHITE
        x1, y1, x2, y2 = (round(times * float(v)) for v in box)
        cv2.rectangle(picture, (x1, y1), (x2, y2), DARK, 3 * unit)
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, 2 * unit)
        text = f"{track.name}: {span.text}" if span else track.name
        _text(picture, text, (x1, y1 - 3 * unit), unit, colour)
        bars = track.bars.get(int(time_s))
        if bars is not None:
            _bars(picture, track, bars, (x2 + 4 * unit, y1), unit)


def _text(picture: Image, text: str, at: tuple[int, int], unit: int, colour: Colour) -> None:
    """Draw white text on a dark rectangle with a coloured stripe, inside the picture."""
    (wide, high), _ = cv2.getTextSize(text, FONT, 0.36 * unit, unit)
    x = max(0, min(at[0], picture.shape[1] - wide - 7 * unit))
    y = max(high + 4 * unit, min(at[1], picture.shape[0] - 2 * unit))
    plate = (x + wide + 7 * unit, y + 3 * unit)
    cv2.rectangle(picture, (x, y - high - 3 * unit), plate, DARK, -1)
    cv2.rectangle(picture, (x, y - high - 3 * unit), (x + 3 * unit, plate[1]), colour, -1)
    cv2.putText(picture, text, (x + 5 * unit, y), FONT, 0.36 * unit, WHITE, unit, cv2.LINE_AA)


def _bars(
    picture: Image, track: DrawnTrack, bars: Sequence[float], at: tuple[int, int], unit: int
) -> None:
    """Draw one bar with a name per label, at ``at`` or further left, inside the picture."""
    long, thick = 56 * unit, 9 * unit
    x, y = at
    if x + long > picture.shape[1]:
        x = max(0, picture.shape[1] - long)
    y = max(0, min(y, picture.shape[0] - len(bars) * (thick + unit)))
    for number, (label, prob) in enumerate(zip(track.labels, bars, strict=True)):
        top = y + number * (thick + unit)
        colour = track.colour.get(label, WHITE)
        cv2.rectangle(picture, (x, top), (x + long, top + thick), DARK, -1)
        end = x + round(long * float(prob))
        cv2.rectangle(picture, (x, top + 6 * unit), (end, top + thick), colour, -1)
        at = (x + unit, top + 5 * unit)
        cv2.putText(picture, label, at, FONT, 0.2 * unit, WHITE, 1, cv2.LINE_AA)
