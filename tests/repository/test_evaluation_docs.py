"""The keys of metrics.json are these, and docs/evaluation.md names every one."""

from __future__ import annotations

import re
from dataclasses import fields

from emotion.evaluate.calibration import ReliabilityBin
from emotion.evaluate.corpus_matrix import CELL_KEYS
from emotion.evaluate.evaluation import FIGURES, evaluate_outcomes
from emotion.evaluate.outcome import Outcome
from emotion.evaluate.risk_coverage import Abstention
from emotion.evaluate.slices import SliceGroup, Slices
from tests.helpers.paths import ROOT

PAGE = (ROOT / "docs" / "evaluation.md").read_text()
WITH_INTERVAL = {
    "war",
    "uar",
    "macro_f1",
    "weighted_f1",
    "top2",
    "war_covered",
    "uar_covered",
    "ece",
    "ece_uncalibrated",
    "auc",
    "average_precision",
}
OTHER_KEYS = {
    "coverage",
    "reliability",
    "reliability_uncalibrated",
    "per_class",
    "per_class_intervals",
    "per_class_auc",
    "per_class_average_precision",
    "labels",
    "confusion",
    "confusion_share",
    "no_prediction",
    "missing",
    "n_videos",
    "n_subjects",
    "test_set_digest",
    "num_resamples",
    "seed",
}
EVALUATION_KEYS = WITH_INTERVAL | {f"{name}_interval" for name in WITH_INTERVAL} | OTHER_KEYS


def test_an_evaluation_has_these_keys() -> None:
    rows = [
        Outcome("a", "s", "up", "up", probs=(0.9, 0.1)),
        Outcome("b", "t", "down", None, "no_face"),
    ]
    keys = evaluate_outcomes(rows, labels=("up", "down"), num_resamples=5).to_json().keys()
    assert keys == EVALUATION_KEYS
    assert set(FIGURES) == WITH_INTERVAL | {"coverage"}


def test_every_key_is_explained() -> None:
    kinds = (Slices, SliceGroup, ReliabilityBin, Abstention)
    names = {field.name for kind in kinds for field in fields(kind)}
    names |= (
        {"aurc", "risk_coverage", "abstention"}
        | WITH_INTERVAL
        | OTHER_KEYS
        | {key.removesuffix("_interval") for key in CELL_KEYS}
    )
    plain = {name.removesuffix("_interval") for name in names}
    assert {name for name in plain if not re.search(rf"(?<!\w){name}(?!\w)", PAGE)} == set()
