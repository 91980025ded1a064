"""What became of one labelled video: the row that every figure of an evaluation is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One labelled video and what became of it.

    Attributes:
        uri: its address.
        subject_id: the person, the unit of the bootstrap.
        label: the true label.
        predicted: the model's; None where it gave none.
        reason: why it gave none.
        probs: in label order, as the score set has them; None where it has none.
        uncalibrated: the same without the package's temperature; None where that is not known.
        facts: what else is known of it, by column, as text; to slice by.
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
        """Probability of the most probable label."""
        return None if self.probs is None else max(self.probs)
