"""Answers relative to a person's resting expression.

Some faces rest with a frown or a smile, and a model then names the frown in every second. With a
baseline, the resting expression of each person is measured and subtracted from the logits of that
person's clips. With p the calibrated probabilities of a clip and r the rest::

    p' = softmax(log p - log r + log n)

Probabilities below ``FLOOR`` count as ``FLOOR``, because smaller ones are not calibrated and their
logarithms would decide. ``log r`` is the mean of log p over the resting samples (the median for
``median``), scaled so that the values of r sum to 1; none is 0. ``n`` is the answer that a rest
gets: neutral with the largest value of r, the other labels with equal parts of the remainder. So a
person at rest reads as neutral, as surely as the model reads the rest, and a person whose rest is
plain neutral keeps the labels. In a label set without neutral, n has equal values: the rest has no
label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emotion.arrays import check_array, repr_with_shapes
from emotion.errors import InputError

FLOOR = 0.01
"""Smallest probability that counts; the calibration errors of published models are larger."""
LEAST_REST_S = 1.0
"""Shortest face time, in seconds, from which a rest is measured."""
NEUTRAL = "neutral"
Reason = Literal["no_clip", "too_short", "never_leads"]
"""Reason for a person without a rest: no scored clip; less face time than ``first`` names, or than
``LEAST_REST_S``; the label of ``label`` leads for less than ``LEAST_REST_S``."""


@dataclass(frozen=True)
class Baseline:
    """Rule by which the samples of a person's rest are chosen; its text is that of ``--baseline``.

    Attributes:
        kind: ``first``: the person's first ``seconds`` of face time; ``label``: the samples in
            which ``label`` leads; ``median``: all samples of the person.
        seconds: face time for ``first``, above 0; else 0.
        label: label for ``label``; else empty.
    """

    kind: Literal["first", "label", "median"]
    seconds: float = 0.0
    label: str = ""

    def check_labels(self, labels: Sequence[str]) -> None:
        """Raise InputError if the label of ``label`` is not one of ``labels``."""
        if self.kind == "label" and self.label not in labels:
            raise InputError(
                f"--baseline label:{self.label}: the model has the labels {', '.join(labels)}"
            )


def parse_baseline(text: str) -> Baseline:
    """Return the baseline that a text such as ``first:30s`` names.

    Raises:
        InputError: if it is not ``first:SECONDSs``, ``label:LABEL`` or ``median``.

    >>> parse_baseline("first:30s")
    Baseline(kind='first', seconds=30.0, label='')
    """
    kind, _, value = text.partition(":")
    if text == "median":
        return Baseline("median")
    if kind == "label" and value:
        return Baseline("label", label=value)
    if kind == "first":
        seconds = _seconds(value)
        if seconds is not None:
            return Baseline("first", seconds=seconds)
    raise InputError(
        f"--baseline must be first:30s (seconds above 0), label:neutral or median, got {text!r}"
    )


def _seconds(text: str) -> float | None:
    """Return the number of a text such as ``30s``; None if it is none, not above 0 or endless."""
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


@dataclass(frozen=True)
class Rest:
    """Resting expression of one person.

    Attributes:
        logs: (K,) logarithms of the rest's probabilities; None if it could not be measured.
        seconds: face time from which it was measured.
        reason: reason for having no rest; else None.
    """

    logs: NDArray[np.float64] | None = None
    seconds: float = 0.0
    reason: Reason | None = None

    __repr__ = repr_with_shapes

    def __post_init__(self) -> None:
        if self.logs is not None:
            check_array("Rest.logs", self.logs, shape=(None,), dtype=np.float64)

    @property
    def probs(self) -> NDArray[np.float64] | None:
        """(K,) probabilities of the rest; None without one."""
        return None if self.logs is None else np.exp(self.logs)


def measure_rest(
    probs: NDArray[np.float32] | None,
    baseline: Baseline,
    labels: Sequence[str],
    *,
    fps: float,
) -> Rest:
    """Measure the resting expression of one person.

    Args:
        probs: (N, K) probabilities at the person's samples, in order of time; None without a clip.
        baseline: rule that chooses samples.
        labels: K names.
        fps: samples per second.

    >>> frown = np.array([[0.2, 0.8]] * 8 + [[0.9, 0.1]] * 8, np.float32)
    >>> rest = measure_rest(frown, parse_baseline("first:1s"), ("neutral", "angry"), fps=8)
    >>> rest.seconds, np.exp(rest.logs).round(3).tolist()
    (1.0, [0.2, 0.8])
    """
    if probs is None or not len(probs):
        return Rest(reason="no_clip")
    chosen, least_s = probs, LEAST_REST_S
    if baseline.kind == "first":
        chosen, least_s = probs[: max(1, round(baseline.seconds * fps))], baseline.seconds
    elif baseline.kind == "label":
        chosen = probs[probs.argmax(axis=1) == list(labels).index(baseline.label)]
    if len(chosen) < round(least_s * fps):
        return Rest(reason="never_leads" if baseline.kind == "label" else "too_short")
    logs_NK = np.log(np.maximum(chosen.astype(np.float64), FLOOR))
    logs_K = np.median(logs_NK, axis=0) if baseline.kind == "median" else logs_NK.mean(axis=0)
    return Rest(logs_K - np.log(np.exp(logs_K).sum()), len(chosen) / fps)


def relative(
    probs: NDArray[np.float32], rest: Rest | None, labels: Sequence[str]
) -> NDArray[np.float32]:
    """Return probabilities relative to a person's rest; unchanged without a rest.

    Args:
        probs: (N, K) calibrated probabilities; N may be 0.
        rest: the person's rest.
        labels: K names.

    >>> rest = Rest(np.log(np.array([0.2, 0.8])))
    >>> relative(np.array([[0.2, 0.8]], np.float32), rest, ("neutral", "angry"))
    array([[0.8, 0.2]], dtype=float32)
    """
    if rest is None or rest.logs is None:
        return probs
    logs_NK = np.log(np.maximum(probs.astype(np.float64), FLOOR))
    logs_NK += _reference_logs(rest.logs, labels) - rest.logs
    raised_NK = np.exp(logs_NK - logs_NK.max(axis=1, keepdims=True))
    return np.asarray(raised_NK / raised_NK.sum(axis=1, keepdims=True), np.float32)


def _reference_logs(logs: NDArray[np.float64], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return log n of the module's formula."""
    if NEUTRAL not in labels or len(labels) < 2:
        return np.full(len(labels), -np.log(len(labels)))
    largest = float(np.exp(logs.max()))
    reference = np.full(len(labels), (1 - largest) / (len(labels) - 1))
    reference[list(labels).index(NEUTRAL)] = largest
    reference_logs: NDArray[np.float64] = np.log(reference)
    return reference_logs


def rests_of(
    samples: Mapping[int, Sequence[tuple[NDArray[np.int64], NDArray[np.float32] | None]]],
    baseline: Baseline,
    labels: Sequence[str],
    *,
    fps: float,
) -> dict[int, Rest]:
    """Return the rest of each person.

    Args:
        samples: by identity_id, for each track of the person the numbers of its samples, and (N, K)
            probabilities at them; None for a track without a clip.
        baseline: rule that chooses samples.
        labels: K names.
        fps: samples per second.
    """
    rests = {}
    for identity, tracks in samples.items():
        scored = [(frames, probs) for frames, probs in tracks if probs is not None]
        probs_NK = None
        if scored:
            order = np.argsort(np.concatenate([frames for frames, _ in scored]), kind="stable")
            probs_NK = np.concatenate([probs for _, probs in scored])[order]
        rests[identity] = measure_rest(probs_NK, baseline, labels, fps=fps)
    return rests
