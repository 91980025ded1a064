"""Values that are computed from one vector of probabilities: label, margin, entropy, certainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mixture:
    """Label, margin and entropy of one vector of probabilities.

    Attributes:
        label: the most probable label; the first of equally probable ones.
        confidence: probability of ``label``, 0 to 1.
        second_label: the second most probable label; None if there is only one label.
        margin: ``confidence`` minus the probability of ``second_label``, 0 to 1.
        entropy: entropy of the vector in bits, from 0 (one label is certain) to log2 of the number
            of labels (Shannon 1948).
    """

    label: str
    confidence: float
    second_label: str | None
    margin: float
    entropy: float


def mixture(probs: NDArray[np.floating], labels: tuple[str, ...]) -> Mixture:
    """Return the label, margin and entropy of one vector of probabilities.

    Args:
        probs: (K,), K at least 1, summing to 1.
        labels: K names.

    >>> mixture(np.array([0.5, 0.25, 0.25]), ("calm", "tense", "glad"))
    Mixture(label='calm', confidence=0.5, second_label='tense', margin=0.25, entropy=1.5)
    """
    order = np.argsort(-probs, kind="stable")
    first = float(probs[order[0]])
    second = float(probs[order[1]]) if len(order) > 1 else 0.0
    positive = probs[probs > 0].astype(np.float64)
    return Mixture(
        label=labels[int(order[0])],
        confidence=first,
        second_label=labels[int(order[1])] if len(order) > 1 else None,
        margin=first - second,
        entropy=float(abs(-(positive * np.log2(positive)).sum())),  # abs turns -0.0 into 0.0
    )


def is_uncertain(margin: float, *, least: float) -> bool:
    """Return True if an answer's margin is below ``least``; with ``least`` 0 always False.

    Args:
        margin: probability of the label minus that of the best other label, -1 to 1.
        least: margin of the package, 0 to 1.

    >>> is_uncertain(0.1, least=0.2), is_uncertain(0.2, least=0.2), is_uncertain(-0.1, least=0.0)
    (True, False, False)
    """
    return least > 0 and margin < least


def label_text(label: str, *, uncertain: bool | None, confidence: float | None = None) -> str:
    """Return an answer as people read it.

    Args:
        label: the most probable label.
        uncertain: True if the answer is uncertain.
        confidence: probability of the label, 0 to 1; None leaves it out.

    >>> label_text("sad", uncertain=False, confidence=0.872), label_text("sad", uncertain=True)
    ('sad 87%', 'uncertain (sad)')
    """
    guess = label if confidence is None else f"{label} {confidence:.0%}"
    return f"uncertain ({guess})" if uncertain else guess
