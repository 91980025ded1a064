"""Trust: what a package says about the faces it was made for, and how often it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from emotion.errors import InputError

UNKNOWN = "unknown"
DOMAINS = ("drawn", "rendered", "acted", "in the wild", UNKNOWN)
"""Common values of ``Trust.domain``; any other short text is allowed too."""


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
    """Limits of a package: its domain, margin, measured figures and source.

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
        if not 0 <= self.margin <= 1:
            raise InputError(f"margin must be from 0 to 1, got {self.margin}")

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
