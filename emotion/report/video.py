"""The page of one video: the video, a timeline of labels for each person, and faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emotion.colours import colour
from emotion.package.trust import TrustNote
from emotion.predict.mixture import label_text
from emotion.predict.people import USABLE
from emotion.predict.spans import Names, person
from emotion.report.page import data_uri, name_of, render
from emotion.video.decode import Limits, VideoFacts, open_video, sample_frames
from emotion.video.geometry import fitted
from schemas.scores import prob_column

MAX_FACES = 24
FACE_PX = 96
FACE_MARGIN = 0.3
CHART_PX = 1000
Row = dict[str, Any]


@dataclass(frozen=True)
class VideoRows:
    """Rows of one video in a score set, by table, and the names of its people."""

    video: Row
    segments: list[Row]
    timeline: list[Row]
    tracks: list[Row]
    people: list[Row]
    faces: list[Row]
    names: Names = field(default_factory=dict)


@dataclass(frozen=True)
class PersonChart:
    """Chart of one person; x goes from 0 to ``CHART_PX`` over the length of the video.

    Attributes:
        identity_id: number of the person in the video, from 0.
        name: name of the person.
        num_tracks: number of tracks of the person.
        bars: x, width, y, height, colour, start_s and text for each label in each second; y and
            height are 0 to 1, from the top.
        runs: x, width, colour, label, start_s, text, and True for an uncertain answer, for each
            segment.
    """

    identity_id: int
    name: str
    num_tracks: int
    bars: list[tuple[float, float, float, float, str, float, str]]
    runs: list[tuple[float, float, str, str, float, str, bool]]


def video_report(
    rows: VideoRows,
    path: Path,
    *,
    drawn: Path,
    labels: Sequence[str],
    fps: float,
    embed_bytes: int,
    note: TrustNote = TrustNote(),  # noqa: B008  (frozen)
) -> str:
    """Return the page of one video as HTML.

    Args:
        rows: rows of the video in the score set.
        path: the video.
        drawn: the video with its overlay, mp4.
        labels: the package's label set.
        fps: samples per second of the extraction spec.
        embed_bytes: largest size of ``drawn``, bytes, that is embedded in the page; for a larger
            video the page asks the reader to choose the file.
        note: warning and recall of the model.

    Raises:
        VideoError: if the video cannot be read to its end.
    """
    fits = drawn.stat().st_size <= embed_bytes
    source = data_uri(drawn.read_bytes(), mime="video/mp4") if fits else ""
    video = rows.video
    length_s = max(float(video["duration_s"]), 1e-3)
    return render(
        "video.html",
        title=name_of(str(video["uri"])),
        video=video,
        label=label_text(video["label"], uncertain=video["is_uncertain"])
        if video["label"]
        else None,
        note=note,
        usable=USABLE,
        evidence=[row | {"person": person(row["identity_id"], rows.names)} for row in rows.people],
        people=video["num_identities"],
        names=dict(rows.names),
        source=source,
        first_s=_first_s(drawn),
        shares=_shares(rows.segments, labels),
        legend=[(label, colour(label, labels)) for label in labels],
        strips=[
            _chart(identity, rows, labels, length_s)
            for identity in sorted({track["identity_id"] for track in rows.tracks})
        ],
        ticks=_ticks(length_s),
        chart_px=CHART_PX,
        length_s=length_s,
        segments=[
            row | {"person": person(row["identity_id"], rows.names), "text": _text(row)}
            for row in rows.segments
        ],
        faces=_faces(rows, path, fps),
    )


def _first_s(drawn: Path) -> float:
    """Return the time of the first picture on the clock of a browser that plays ``drawn``."""
    with open_video(drawn, Limits()) as (_, stream):
        return float((stream.start_time or 0) * (stream.time_base or 0))


def _chart(identity: int, rows: VideoRows, labels: Sequence[str], length_s: float) -> PersonChart:
    def x(time_s: float) -> float:
        return round(CHART_PX * min(time_s, length_s) / length_s, 2)

    bars = []
    for row in rows.timeline:
        if row["identity_id"] != identity or row["label"] is None:
            continue
        top = 0.0
        for label in labels:
            prob = float(row[prob_column(label)])
            text = f"{row['start_s']:.0f} s: {label} {prob:.0%}"
            start, width = x(row["start_s"]), x(row["stop_s"]) - x(row["start_s"])
            bars.append((start, width, top, prob, colour(label, labels), row["start_s"], text))
            top += prob
    runs = [
        (
            x(row["start_s"]),
            x(row["stop_s"]) - x(row["start_s"]),
            colour(row["label"], labels),
            _text(row),
            row["start_s"],
            f"{_text(row)}, {row['confidence']:.0%}, {row['start_s']:.1f}–{row['stop_s']:.1f} s, "
            f"track {row['track_id']}",
            bool(row["is_uncertain"]),
        )
        for row in rows.segments
        if row["identity_id"] == identity
    ]
    num_tracks = sum(track["identity_id"] == identity for track in rows.tracks)
    return PersonChart(identity, person(identity, rows.names), num_tracks, bars, runs)


def _shares(segments: Sequence[Row], labels: Sequence[str]) -> list[tuple[str, float, float, str]]:
    """Return each label, its share of the segments' time, the uncertain part of it, its colour."""
    time_s = dict.fromkeys(labels, 0.0)
    uncertain_s = dict.fromkeys(labels, 0.0)
    for row in segments:
        length_s = row["stop_s"] - row["start_s"]
        time_s[row["label"]] += length_s
        if row["is_uncertain"]:
            uncertain_s[row["label"]] += length_s
    total_s = sum(time_s.values())
    if not total_s:
        return []
    return [
        (label, time_s[label] / total_s, uncertain_s[label] / total_s, colour(label, labels))
        for label in labels
    ]


def _text(row: Row) -> str:
    """Return the label of a segment as people read it."""
    return label_text(row["label"], uncertain=row["is_uncertain"])


def _ticks(length_s: float) -> list[tuple[float, str]]:
    """Return (x, text) of round times, which divide the chart into at most ten intervals."""
    steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
    step = next((s for s in steps if length_s / s <= 10), 14400)
    count = int(length_s / step)
    return [(CHART_PX * k * step / length_s, _clock(k * step)) for k in range(count + 1)]


def _clock(time_s: float) -> str:
    """Return a time as minutes and seconds; from one hour on, also with hours.

    >>> _clock(61.5), _clock(3600), _clock(5)
    ('1:01.5', '1:00:00', '0:05')
    """
    minutes, seconds = divmod(time_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{seconds:04.1f}" if seconds % 1 else f"{seconds:02.0f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _faces(rows: VideoRows, path: Path, fps: float) -> list[Mapping[str, object]]:
    """Return a crop from the middle of each of the ``MAX_FACES`` longest segments, by time."""
    longest = sorted(rows.segments, key=lambda r: r["start_s"] - r["stop_s"])[:MAX_FACES]
    wanted: dict[int, list[tuple[Row, Row]]] = {}
    for segment in longest:
        inside = [
            face
            for face in rows.faces
            if face["track_id"] == segment["track_id"]
            and segment["start_s"] <= face["frame_index"] / fps < segment["stop_s"]
        ]
        middle = (segment["start_s"] + segment["stop_s"]) / 2
        face = min(inside, key=lambda f: abs(f["frame_index"] / fps - middle), default=None)
        if face is not None:
            wanted.setdefault(face["frame_index"], []).append((segment, face))
    crops: list[tuple[float, Mapping[str, object]]] = []
    waiting = sorted(wanted)
    facts = VideoFacts()
    frames = sample_frames(path, sample_fps=fps, limits=Limits(), facts=facts)
    picture = None
    for frame in frames:
        while waiting and frame.index > waiting[0] and picture is not None:
            crops += _crops(picture, wanted[waiting.pop(0)], rows.names)
        if waiting and frame.index <= waiting[0]:
            picture = fitted(frame.image, (facts.height, facts.width))
        if not waiting:
            break
    while waiting and picture is not None:
        crops += _crops(picture, wanted[waiting.pop(0)], rows.names)
    return [face for _, face in sorted(crops, key=lambda pair: pair[0])]


def _crops(
    picture: np.ndarray[Any, np.dtype[np.uint8]], wanted: list[tuple[Row, Row]], names: Names
) -> list[tuple[float, Mapping[str, object]]]:
    """Cut the faces out of one picture; return each with the start time of its segment."""
    height, width = picture.shape[:2]
    crops: list[tuple[float, Mapping[str, object]]] = []
    for segment, face in wanted:
        x1, y1, x2, y2 = face["box"]
        half = (0.5 + FACE_MARGIN) * max(x2 - x1, y2 - y1)
        cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
        left, top = max(0, int(cx - half)), max(0, int(cy - half))
        part = picture[top : min(height, int(cy + half)), left : min(width, int(cx + half))]
        if not part.size:
            continue
        small = cv2.resize(part, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        image = data_uri(jpeg.tobytes(), mime="image/jpeg")
        text = (
            f"{person(segment['identity_id'], names)}: {_text(segment)} {segment['confidence']:.0%}"
        )
        start_s = segment["start_s"]
        crops.append((start_s, {"image": image, "text": text, "time_s": start_s}))
    return crops
