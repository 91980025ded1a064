"""The result of one labelled video: the row from which every figure of an evaluation is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One labelled video, or one labelled clip, with the model's prediction.

    Attributes:
        uri: its address.
        subject_id: the person, the unit of the bootstrap.
        label: the true label.
        predicted: the predicted label; None where there is no prediction.
        reason: why there is no prediction.
        probs: probabilities in label order, as the score set has them; None where it has none.
        uncalibrated: the same without the package's temperature; None where that is not known.
        facts: further columns to slice by, as text.
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
