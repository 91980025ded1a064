"""Trust: what a package says about the faces it was made for, and how often it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from emotion.errors import InputError

UNKNOWN = "unknown"
DOMAINS = ("drawn", "rendered", "acted", "in the wild", UNKNOWN)
"""Common values of ``Trust.domain``; any other short text is allowed too.

A domain of several kinds names them with commas between, such as "acted, in the wild".
"""
MADE = ("drawn", "rendered")
"""Kinds of faces that a computer made."""


@dataclass(frozen=True)
class MeasuredOn:
    """Figures of a model on one named set of labelled faces or videos.

    Attributes:
        name: name of the set, such as "FER2013 test".
        unit: counted thing, such as "faces" or "videos".
        num: number of them.
        date: day of the measurement, YYYY-MM-DD.
        war: share of right answers, 0 to 1.
        uar: mean recall over the labels, 0 to 1.
        recall: recall by label, 0 to 1; may be empty.
        source: origin of the figures, such as a paper; empty: this project.
    """

    name: str
    unit: str
    num: int
    date: str
    war: float
    uar: float
    recall: Mapping[str, float] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Trust:
    """Limits of a model, as its package states them.

    Attributes:
        domain: kind of faces that the model was trained on: one of ``DOMAINS``, or other text.
        margin: an answer whose two largest probabilities differ by less is shown as uncertain;
            0 to 1. With 0, no answer is uncertain.
        figures: measurements; may be empty.
        source: facts of published weights: title, url, sha256, licence, training_data, terms.
            Empty for a model that this project trained.
    """

    domain: str = UNKNOWN
    margin: float = 0.0
    figures: tuple[MeasuredOn, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_margin(self.margin)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values, as ``model.json`` stores them."""
        return asdict(self) | {"figures": [asdict(one) for one in self.figures]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Trust:
        """Return the object from the value that ``to_json`` made.

        Raises:
            InputError: if a field is unknown, missing or out of range.
        """
        try:
            figures = tuple(MeasuredOn(**one) for one in value["figures"])
            return cls(**{**value, "figures": figures})
        except (KeyError, TypeError) as err:
            raise InputError(f"trust is not as this release writes it: {err}") from err


@dataclass(frozen=True)
class TrustNote:
    """Remarks that stand beside every answer of a model.

    Attributes:
        domain: kind of faces that the model was trained on; see ``Trust.domain``.
        margin: an answer whose two largest probabilities differ by less is uncertain; 0 to 1.
        warning: sentence for people if the model is not fit for the video; else None.
        measured_on: name and size of the set on which ``recall`` was measured; None if unknown.
        recall: share of the cases of each label that the model finds, 0 to 1; may be empty.
    """

    domain: str = UNKNOWN
    margin: float = 0.0
    warning: str | None = None
    measured_on: str | None = None
    recall: Mapping[str, float] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the warning and the recall by label as lines of text; empty if both are unknown.

        >>> TrustNote(measured_on="FER2013 test", recall={"happy": 0.8, "fear": 0.2}).lines()
        ["the model's recall, measured on FER2013 test: happy 80%, fear 20%"]
        """
        lines = [f"warning: {self.warning}"] if self.warning else []
        if self.recall:
            by_label = ", ".join(f"{label} {share:.0%}" for label, share in self.recall.items())
            lines.append(f"the model's recall, measured on {self.measured_on}: {by_label}")
        return lines


def check_margin(margin: float | None) -> None:
    """Check that a margin is from 0 to 1, or None.

    Raises:
        InputError: if it is not.
    """
    if margin is not None and not 0 <= margin <= 1:
        raise InputError(f"margin must be from 0 to 1, got {margin}")


def trust_note(
    trust: Trust, *, margin: float | None = None, video_domain: str = UNKNOWN
) -> TrustNote:
    """Return what stands beside a model's answers about one video or archive.

    Args:
        trust: what the package says; the first of its figures that has a recall is taken.
        margin: margin in use, if it is not that of the package.
        video_domain: kind of faces in the videos, if it is known.

    Raises:
        InputError: if the margin is not from 0 to 1.
    """
    check_margin(margin)
    measured = next((one for one in trust.figures if one.recall), None)
    return TrustNote(
        domain=trust.domain,
        margin=trust.margin if margin is None else margin,
        warning=warning_for(trust, video_domain=video_domain),
        measured_on=f"{measured.name} ({measured.num:,} {measured.unit})" if measured else None,
        recall=dict(measured.recall) if measured else {},
    )


def note_of_scores(config: Mapping[str, Any]) -> TrustNote:
    """Return what stands beside the answers of a score set; ``config`` is its config.json."""
    return trust_note(
        Trust.from_json(config["trust"]),
        margin=config["margin"],
        video_domain=config["video_domain"],
    )


def warning_for(trust: Trust, *, video_domain: str = UNKNOWN) -> str | None:
    """Return a warning if a model that knows only made faces meets other video; else None.

    Measured on real faces, models trained on drawn or rendered faces were as often right as
    guessing (docs/evaluation.md).

    >>> warning_for(Trust(domain="drawn"), video_domain="drawn") is None
    True
    """
    if not _is_made(trust.domain) or _is_made(video_domain):
        return None
    return (
        f"this model was trained on {trust.domain} faces only; about real people it is as often "
        "right as guessing, so do not use its answers about them"
    )


def _is_made(domain: str) -> bool:
    """Return True if every kind of faces in a domain is one of ``MADE``."""
    return all(kind.strip() in MADE for kind in domain.split(","))
