"""The answer for one video as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emotion.analysis.result import Result
from emotion.predict.answer import SegmentPrediction, people_lines
from emotion.predict.mixture import label_text
from emotion.predict.spans import person

MAX_SEGMENTS = 40
"""Largest number of segments that are listed for one person."""


def answer_lines(result: Result) -> list[str]:
    """Return the answer in one line, then for each person the segments in order of time.

    A person with several tracks, such as one who left and came back, has one list.
    """
    lines = [f"{result.uri}: {result.head()}, face in {result.answer.coverage:.0%} of the time"]
    if result.answer.is_uncertain and len(result.answer.segments) > 1:
        lines.append("  no label leads over the whole video; these are its parts:")
    lines += [f"  {line}" for line in people_lines(result.answer.people)]
    people: dict[int, list[SegmentPrediction]] = {}
    for segment in result.answer.segments:
        people.setdefault(segment.identity_id, []).append(segment)
    for identity in sorted(people):
        lines += _person_lines(person(identity), sorted(people[identity], key=lambda s: s.start_s))
    return lines


def _person_lines(name: str, segments: Sequence[SegmentPrediction]) -> Iterator[str]:
    texts = [label_text(s.label, uncertain=s.is_uncertain) for s in segments]
    width = max(map(len, texts[:MAX_SEGMENTS]))
    for number, segment in enumerate(segments[:MAX_SEGMENTS]):
        times = f"{clock(segment.start_s):>8} to {clock(segment.stop_s):>8}"
        head = name if number == 0 else ""
        yield f"  {head:9} {times}  {texts[number]:{width}} {segment.confidence:4.0%}"
    if len(segments) > MAX_SEGMENTS:
        yield f"  {'':9} and {len(segments) - MAX_SEGMENTS:,} more; --format csv has all"


def clock(time_s: float) -> str:
    """Return a time as minutes and seconds with one decimal place; from one hour on with hours.

    >>> clock(61.54), clock(3599.96), clock(5)
    ('1:01.5', '1:00:00.0', '0:05.0')
    """
    tenths = round(10 * time_s)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
