"""Spans: the segments of a video in the form that the exporters use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from emotion.predict.mixture import label_text

Names = Mapping[int, str]
"""Names that a user gave to people of one video, by identity_id."""
NO_NAMES: Names = MappingProxyType({})


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


def person(identity_id: int, names: Names = NO_NAMES) -> str:
    """Return the name of a person of a video; without a given name they count from 1.

    >>> person(0), person(1, {1: "Anna"})
    ('person 1', 'Anna')
    """
    return names.get(identity_id) or f"person {identity_id + 1}"


def by_person(spans: Sequence[Span], names: Names = NO_NAMES) -> dict[str, list[Span]]:
    """Return spans by tier, a row of an annotation file; spans of one tier do not overlap.

    A person has one tier, which has the spans of all tracks. If two tracks of a person overlap in
    time, the later one gets a tier of its own, such as "person 1 (2)".

    >>> one, later = Span(0, 0, 0.0, 2.0, "calm", 0.9), Span(0, 3, 2.0, 4.0, "glad", 0.8)
    >>> list(by_person([one, later])), list(by_person([one, replace(later, start_s=1.0)]))
    (['person 1'], ['person 1', 'person 1 (2)'])
    """
    tracks: dict[tuple[str, int], list[Span]] = {}
    for span in sorted(spans):
        tracks.setdefault((person(span.identity_id, names), span.track_id), []).append(span)
    tiers: dict[str, list[Span]] = {}
    for (name, _), of_track in sorted(tracks.items(), key=lambda one: one[1][0].start_s):
        number, tier = 1, name
        while tier in tiers and tiers[tier][-1].stop_s > of_track[0].start_s:
            number += 1
            tier = f"{name} ({number})"
        tiers.setdefault(tier, []).extend(of_track)
    return dict(sorted(tiers.items(), key=lambda one: min(one[1])))


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
