"""Comparison of models on one test set: check of the test set, differences, table rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotion.errors import InputError
from emotion.evaluate.bootstrap import (
    draws,
    figure_values,
    intervals,
    subject_names,
    sums_by_subject,
)
from emotion.evaluate.outcome import Outcome

NUM_RESAMPLES = 1000


@dataclass(frozen=True)
class StoredEvaluation:
    """Content of one evaluation folder.

    Attributes:
        name: name of the run in the comparison.
        uri: address of the folder.
        metrics: content of its metrics.json.
        scores: content of config.json of the evaluated score set; empty if that no longer exists.
        outcomes: an outcome per video.
    """

    name: str
    uri: str
    metrics: Mapping[str, Any]
    scores: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Difference:
    """UAR of one model minus UAR of another, on the same videos.

    Attributes:
        uar: the difference, -1 to 1.
        interval: its 95% bootstrap interval over subjects; None with fewer than two subjects.
    """

    uar: float
    interval: tuple[float, float] | None


def uar_difference(
    first: Sequence[Outcome], second: Sequence[Outcome], *, labels: Sequence[str], seed: int = 0
) -> Difference:
    """Return UAR of ``first`` minus UAR of ``second`` with its paired bootstrap interval.

    Each resample of subjects is the same for both models. A subject that is hard for both models
    lowers both figures and leaves their difference the same. So the interval of the difference is
    narrower than those of the two figures.

    Args:
        first: outcomes of one model.
        second: outcomes of another model, for the same videos.
        labels: the label set, in order.
        seed: seed of the bootstrap.

    Raises:
        InputError: if the two differ in videos, labels or subjects.
    """
    if _test_set(first) != _test_set(second):
        raise InputError("the two models were judged on different videos, labels or subjects")
    subjects = subject_names(first)
    pair = [sums_by_subject(part, labels, subjects=subjects) for part in (first, second)]
    whole = [figure_values(sums.total())["uar"] for sums in pair]
    value = float(whole[0][0] - whole[1][0])
    if len(subjects) < 2:
        return Difference(value, None)
    times = draws(len(subjects), seed=seed, num_resamples=NUM_RESAMPLES)
    resampled = [figure_values(sums.drawn(times))["uar"] for sums in pair]
    return Difference(value, intervals({"uar": resampled[0] - resampled[1]})["uar"])


def _test_set(outcomes: Sequence[Outcome]) -> set[tuple[str, str, str]]:
    return {(o.uri, o.label, o.subject_id) for o in outcomes}


def check_same_test_set(evaluations: Sequence[StoredEvaluation]) -> None:
    """Check that all evaluations have the same test set.

    Raises:
        InputError: if two differ; the message names them and a video that differs.
    """
    first = evaluations[0]
    for other in evaluations[1:]:
        if other.metrics["test_set_digest"] == first.metrics["test_set_digest"]:
            continue
        one, two = _test_set(first.outcomes), _test_set(other.outcomes)
        example = min(one ^ two, default=("", "", ""))[0]
        raise InputError(
            f"{first.uri} and {other.uri} were judged on different test sets, of "
            f"{len(one):,} and {len(two):,} videos; {example} is not the same in both: run "
            "jobs.evaluate with the same --labels and --split"
        )


def comparison_rows(evaluations: Sequence[StoredEvaluation], *, seed: int) -> list[dict[str, Any]]:
    """Return a table row for each evaluation, with its UAR minus the UAR of the first one.

    Args:
        evaluations: at least one, all of one test set.
        seed: seed of the bootstrap of the differences.
    """
    first = evaluations[0]
    rows = [comparison_row(first, None)]
    for other in evaluations[1:]:
        labels = first.metrics["labels"]
        gap = uar_difference(other.outcomes, first.outcomes, labels=labels, seed=seed)
        rows.append(comparison_row(other, gap))
    return rows


def comparison_row(one: StoredEvaluation, difference: Difference | None) -> dict[str, Any]:
    """Return one table row; a value that is not recorded is None.

    Args:
        one: the evaluation.
        difference: its UAR minus the UAR of the first row; None for the first row.
    """
    metrics, training = one.metrics, one.scores.get("training", {})
    low, high = metrics.get("uar_interval") or (None, None)
    war_low, war_high = metrics.get("war_interval") or (None, None)
    gap = difference.interval if difference and difference.interval else (None, None)
    return {
        "name": one.name,
        "model": one.scores.get("architecture"),
        "war": metrics["war"],
        "war_low": war_low,
        "war_high": war_high,
        "uar": metrics["uar"],
        "uar_low": low,
        "uar_high": high,
        "uar_above_first": difference.uar if difference else None,
        "above_low": gap[0],
        "above_high": gap[1],
        "macro_f1": metrics["macro_f1"],
        "ece": metrics.get("ece"),
        "num_parameters": training.get("num_parameters"),
        "train_clips_per_s": training.get("clips_per_s"),
        "cpu_hours": _hours(training.get("cpu_s")),
        "gpu_hours": _hours(training.get("gpu_s")),
        "epochs": training.get("epochs"),
        "dataset_digest": training.get("dataset_digest"),
        "model_id": metrics.get("model_id"),
    }


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 3600
