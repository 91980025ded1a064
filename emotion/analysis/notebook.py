"""The answer for one video as HTML for a notebook: the plot, a line per person, the model."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from emotion.analysis.people_plot import draw_people, inches_high
from emotion.colours import colour
from emotion.predict.mixture import label_text
from emotion.report.page import data_uri, render
from emotion.report.plots import blank
from schemas.scores import share_column

LEAST_SHARE = 0.005
"""Smallest share of time that is listed: it is shown as 1%."""
Row = Mapping[str, Any]


def notebook_html(
    *,
    title: str,
    head: str,
    model: Sequence[str],
    people: Sequence[Row],
    timeline: Sequence[Row],
    segments: Sequence[Row],
    tracks: Sequence[Row],
    labels: Sequence[str],
    duration_s: float,
) -> str:
    """Return one ``div`` without scripts; text is escaped.

    Args:
        title: name of the video.
        head: the answer in one line.
        model: lines about the model.
        people: rows with ``schemas.scores.person_answers_schema``; may be empty.
        timeline, segments, tracks: rows of these tables of the video.
        labels: K names.
        duration_s: length of the video, seconds.
    """
    figure = blank(width=10, height=inches_high(tracks))
    draw_people(
        figure.add_subplot(),
        timeline=timeline,
        segments=segments,
        tracks=tracks,
        labels=labels,
        duration_s=duration_s,
    )
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=90)
    return render(
        "result.html",
        title=title,
        head=head,
        alt=f"timeline of {title}: {head}",
        picture=data_uri(png.getvalue(), mime="image/png"),
        model=model,
        people=[{**row, "text": _text(row), "shares": _shares(row, labels)} for row in people],
    )


def _text(row: Row) -> str:
    """Return the answer for a person as people read it; a dash without one."""
    if row["label"] is None:
        return "–"
    return label_text(row["label"], uncertain=row["is_uncertain"], confidence=row["confidence"])


def _shares(row: Row, labels: Sequence[str]) -> list[tuple[str, float, str]]:
    """Return label, share of time and colour of the labels that a person shows, longest first."""
    shares = [(label, row[share_column(label)] or 0.0, colour(label, labels)) for label in labels]
    return sorted((one for one in shares if one[1] >= LEAST_SHARE), key=lambda one: -one[1])
