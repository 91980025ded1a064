"""Several packages as one model: the mean of their calibrated probabilities."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotion.errors import PackageError
from emotion.extract.spec import ExtractionSpec
from emotion.package.model_package import ModelPackage
from emotion.package.seen import Seen, union
from emotion.package.trust import Trust


@dataclass(frozen=True)
class PackageMean:
    """Packages whose calibrated probabilities are averaged, with the facts of a package.

    Attributes:
        packages: two or more packages in order of their ``model_id``.
    """

    packages: tuple[ModelPackage, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the probabilities, equal in all packages."""
        return self.packages[0].labels

    @property
    def spec(self) -> ExtractionSpec:
        """Extraction spec of the clips, equal in all packages."""
        return self.packages[0].spec

    @property
    def name(self) -> str:
        """Names of the architectures, such as "mean of cnn_mean, r3d_lite"."""
        return f"mean of {', '.join(one.name for one in self.packages)}"

    @property
    def model_id(self) -> str:
        """First 16 hex digits of the SHA-256 of the packages' ids, which does not depend on order.

        It changes with every weight, label and temperature, as those ids do.
        """
        ids = " ".join(one.model_id for one in self.packages)
        return hashlib.sha256(f"mean {ids}".encode()).hexdigest()[:16]

    @property
    def temperature(self) -> float:
        """1: each package divides by a temperature of its own before the mean."""
        return 1.0

    @property
    def training(self) -> dict[str, object]:
        """Facts of the training: none, because it was not trained as a whole."""
        return {}

    @property
    def seen(self) -> Seen | None:
        """People and files that any of the packages was trained on; None: not known."""
        return union(one.seen for one in self.packages)

    @property
    def metrics(self) -> dict[str, object]:
        """Figures on val: none, because it was not measured as a whole."""
        return {}

    @property
    def trust(self) -> Trust:
        """Domains of all packages and the largest margin; no figures."""
        each = [one.trust for one in self.packages]
        domains = dict.fromkeys(one.domain for one in each)
        names = [
            str(one.trust.source.get("title") or f"{one.name} {one.model_id}")
            for one in self.packages
        ]
        source = {"title": f"mean of {' and '.join(names)}"}
        for key in ("url", "licence", "training_data", "terms"):
            values = dict.fromkeys(one.source[key] for one in each if one.source.get(key))
            source |= {key: "; ".join(values)} if values else {}
        return replace(
            Trust(), domain=", ".join(domains), margin=max(m.margin for m in each), source=source
        )


ScoringPackage = ModelPackage | PackageMean
"""Facts of the model that scores: one package, or several."""


def packages_of(package: ScoringPackage) -> tuple[ModelPackage, ...]:
    """Return the packages of a model: the package itself, or those that are averaged."""
    return package.packages if isinstance(package, PackageMean) else (package,)


def one_or_mean(packages: Sequence[ModelPackage]) -> ScoringPackage:
    """Return the only package, or the mean of several.

    Raises:
        PackageError: if there is none, or two are equal, have other labels or an other extraction
            spec.
    """
    if not packages:
        raise PackageError("no package is named")
    first, *others = packages
    ids = [one.model_id for one in packages]
    for one in others:
        pair = f"packages {first.model_id} and {one.model_id} cannot be averaged: "
        if ids.count(one.model_id) > 1:
            raise PackageError(f"package {one.model_id} is named twice")
        if one.labels != first.labels:
            raise PackageError(
                f"{pair}their labels are {', '.join(first.labels)} and {', '.join(one.labels)}"
            )
        if one.spec.digest != first.spec.digest:
            raise PackageError(
                f"{pair}their extraction specs differ ({first.spec.difference(one.spec)})"
            )
    if not others:
        return first
    return PackageMean(tuple(sorted(packages, key=lambda one: one.model_id)))


def mean_steps(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of the step probabilities of several models.

    Args:
        parts: (N, S, K) float32 each; S may differ.

    Returns:
        (N, S, K) float32 with the largest S. A model with fewer steps counts, for each of them,
        with the step that holds its middle.

    >>> mean_steps([np.float32([[[1.0], [0.0]]]), np.float32([[[0.5]]])])
    array([[[0.75],
            [0.25]]], dtype=float32)
    """
    most = max(part.shape[1] for part in parts)
    middles = (np.arange(most) + 0.5) / most
    aligned = [part[:, (middles * part.shape[1]).astype(int)] for part in parts]
    mean: NDArray[np.float32] = np.mean(aligned, axis=0, dtype=np.float32)
    return mean
