"""Spans: the segments of a video in the form that the exporters use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from emotion.predict.mixture import label_text


@dataclass(frozen=True, order=True)
class Span:
    """Run of one label in one track; see ``emotion.predict.segments``.

    Attributes:
        identity_id: number of the person in the video, from 0.
        track_id: number of the track in the video.
        start_s: start, seconds from the first frame, or on a player's clock.
        stop_s: end, in the same way; excluded.
        label: the label of the run.
        confidence: mean probability of the label, 0 to 1.
        is_uncertain: True if the run's margin is below the margin in use.
    """

    identity_id: int
    track_id: int
    start_s: float
    stop_s: float
    label: str
    confidence: float
    is_uncertain: bool = False

    @property
    def label_text(self) -> str:
        """Label as people read it: "happy", or "uncertain (happy)"."""
        return label_text(self.label, uncertain=self.is_uncertain)

    @property
    def text(self) -> str:
        """Label and confidence as people read them.

        >>> Span(0, 0, 0.0, 1.0, "happy", 0.872).text
        'happy 87%'
        """
        return label_text(self.label, uncertain=self.is_uncertain, confidence=self.confidence)


@dataclass(frozen=True)
class Scene:
    """Range of time, [start_s, stop_s), in which the same spans are on screen."""

    start_s: float
    stop_s: float
    spans: tuple[Span, ...]


def spans_of(rows: Iterable[Mapping[str, Any]], *, first_frame_s: float = 0.0) -> list[Span]:
    """Return the spans of one video's rows of ``segments``, sorted by person, track and time.

    Args:
        rows: the rows.
        first_frame_s: seconds that are added to all times: the first frame's time on a player's
            clock.
    """
    spans = (Span(**{f.name: row[f.name] for f in fields(Span)}) for row in rows)
    return sorted(
        replace(s, start_s=s.start_s + first_frame_s, stop_s=s.stop_s + first_frame_s)
        for s in spans
    )


def person(identity_id: int) -> str:
    """Return the name of a person; names count from 1.

    >>> person(0)
    'person 1'
    """
    return f"person {identity_id + 1}"


def by_track(spans: Sequence[Span]) -> dict[str, list[Span]]:
    """Return spans by tier, a row of an annotation file; spans of one tier do not overlap.

    A person with one track has one tier, such as "person 1". A person with several tracks, which
    may overlap in time, has one tier per track, such as "person 1, track 2".
    """
    with_tracks = {s.identity_id for s in spans for t in spans if _other_track(s, t)}
    tiers: dict[str, list[Span]] = {}
    for span in spans:
        name = person(span.identity_id)
        if span.identity_id in with_tracks:
            name += f", track {span.track_id}"
        tiers.setdefault(name, []).append(span)
    return tiers


def _other_track(one: Span, other: Span) -> bool:
    return one.identity_id == other.identity_id and one.track_id != other.track_id


def scenes(spans: Sequence[Span]) -> list[Scene]:
    """Divide a video into scenes: a new one begins where a span begins or ends.

    Times without a span are left out.

    >>> two = [Span(0, 0, 0.0, 2.0, "calm", 0.9), Span(1, 1, 1.0, 3.0, "glad", 0.8)]
    >>> [(s.start_s, s.stop_s, [p.label for p in s.spans]) for s in scenes(two)]
    [(0.0, 1.0, ['calm']), (1.0, 2.0, ['calm', 'glad']), (2.0, 3.0, ['glad'])]
    """
    edges = sorted({t for span in spans for t in (span.start_s, span.stop_s)})
    begin: dict[float, list[Span]] = {}
    end: dict[float, list[Span]] = {}
    for span in spans:
        begin.setdefault(span.start_s, []).append(span)
        end.setdefault(span.stop_s, []).append(span)
    now: set[Span] = set()
    cut = []
    for start_s, stop_s in zip(edges, edges[1:], strict=False):
        now = (now - set(end.get(start_s, []))) | set(begin.get(start_s, []))
        if now:
            cut.append(Scene(start_s, stop_s, tuple(sorted(now))))
    return cut
