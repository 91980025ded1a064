"""Result of one labelled video; all figures of an evaluation are computed from these results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One labelled video, or one labelled clip, with the model's prediction.

    Attributes:
        uri: address of the video, or id of the clip.
        subject_id: the person; the bootstrap draws whole persons.
        label: the true label.
        predicted: the predicted label; None without a prediction.
        reason: reason for a missing prediction, such as ``no_face``; else None.
        probs: K probabilities in label order, with the package's temperature; None if unknown.
        uncalibrated: K probabilities without the temperature; None if unknown.
        facts: further columns to slice by: text by name.
    """

    uri: str
    subject_id: str
    label: str
    predicted: str | None
    reason: str | None = None
    probs: tuple[float, ...] | None = None
    uncalibrated: tuple[float, ...] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def confidence(self) -> float | None:
        """Probability of the most probable label; None without probabilities."""
        return None if self.probs is None else max(self.probs)
