"""Label sets: names of expressions, in the order of every stored row, model and answer."""

from __future__ import annotations

from collections.abc import Sequence

from emotion.errors import InputError

LABELS: tuple[str, ...] = ("neutral", "happy", "sad", "angry", "surprise", "fear", "disgust")
"""Default label set: seven expressions, in the order of every probability vector."""


def class_index(label: str, labels: Sequence[str] = LABELS) -> int:
    """Return the position of ``label`` in ``labels``.

    Raises:
        InputError: if ``labels`` does not contain it.

    >>> class_index("sad")
    2
    """
    try:
        return list(labels).index(label)
    except ValueError:
        raise InputError(f"label {label!r} is not one of {', '.join(labels)}") from None


def parse_labels(text: str) -> tuple[str, ...]:
    """Read a comma-separated label set.

    Raises:
        InputError: if there are fewer than two labels, an empty one or a repeated one, or a label
            with a line break or another character that cannot be printed.

    >>> parse_labels("calm, tense")
    ('calm', 'tense')
    """
    labels = tuple(part.strip() for part in text.split(","))
    if len(labels) < 2 or "" in labels or len(set(labels)) != len(labels):
        raise InputError(f"labels {text!r} must be two or more different names between commas")
    odd = next((label for label in labels if not label.isprintable()), None)
    if odd is not None:
        raise InputError(f"label {odd!r} has a character that cannot be printed; rename the label")
    return labels
