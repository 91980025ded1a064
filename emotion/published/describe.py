"""The line about a model that answers: its name, its domain and how often it is right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from emotion import weights
from emotion.package.trust import Trust

FEW = 100
"""Number of measured clips or faces below which the line about a model warns: at 100, the 95%
interval of a share of 0.5 is 0.40 to 0.60 (Wilson 1927)."""


class ModelFacts(Protocol):
    """Facts of a model that ``describe_model`` reads; ``ModelPackage`` has them."""

    @property
    def model_id(self) -> str:
        """Hash of the content of the package."""

    @property
    def name(self) -> str:
        """Name of the architecture."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the outputs."""

    @property
    def metrics(self) -> Mapping[str, object]:
        """Figures on val."""

    @property
    def trust(self) -> Trust:
        """Kind of faces it was trained on, and measured figures."""


def describe_model(package: ModelFacts) -> str:
    """Return one line that says which model answers and how good it is.

    The measured share of right answers is that of the first figure in the package's ``Trust``, else
    that of its val clips. The chance is that of guessing among the labels that were measured.
    """
    title = package.trust.source.get("title") or package.name
    line = f"model: {title} ({package.model_id}), domain: {package.trust.domain}"
    chance = f"chance {1 / len(package.labels):.2f}"
    if package.trust.figures:
        one = package.trust.figures[0]
        recalls = one.recall.values()
        if recalls and math.isclose(sum(recalls) / len(recalls), one.uar, abs_tol=0.005):
            chance = f"chance {1 / len(recalls):.2f}"  # of the labels that were measured
        if one.num < FEW:
            chance += f"; {one.num:,} {one.unit} are too few to rely on these figures"
        line += (
            f"; right in {one.war:.0%} of {one.num:,} {one.unit} ({one.name}), mean recall "
            f"{one.uar:.2f}, {chance}"
        )
    elif isinstance(war := package.metrics.get("war"), float):
        uar = package.metrics.get("uar")
        line += f"; right in {war:.0%} of its val clips, mean recall {uar:.2f}, {chance}"
    else:
        line += "; its accuracy was not measured"
    if package.trust.source.get("sha256") == weights.MINI_XCEPTION.sha256:
        line += "; MobileFaceNet, which is better, is used once it can be downloaded"
    return line
