"""docs/evaluation.md names every key that the figures have."""

from __future__ import annotations

import re
from dataclasses import fields

from emotion.evaluate.calibration import ReliabilityBin
from emotion.evaluate.corpus_matrix import CELL_FIGURES
from emotion.evaluate.evaluation import Evaluation
from emotion.evaluate.slices import Group, Slices
from tests.helpers.paths import ROOT

PAGE = (ROOT / "docs" / "evaluation.md").read_text()


def test_every_key_is_explained() -> None:
    kinds = (Evaluation, Slices, Group, ReliabilityBin)
    names = {field.name for kind in kinds for field in fields(kind)} | set(CELL_FIGURES)
    known = {name.removesuffix("_interval") for name in names}
    assert {name for name in known if not re.search(rf"(?<!\w){name}(?!\w)", PAGE)} == set()
