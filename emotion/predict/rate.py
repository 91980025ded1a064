"""Sampling rate of a prediction: that of the package, or another one where the model allows it."""

from __future__ import annotations

from dataclasses import replace

from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.predict.ensemble import ScoringPackage, packages_of
from emotion.ranges import Range

FPS_RANGE = Range(2, 240)
"""Rates that are accepted, samples per second; at less than 2, faces are lost between samples."""


def check_sample_fps(sample_fps: float | None) -> None:
    """Check that a rate is in ``FPS_RANGE``, or None.

    Raises:
        InputError: if it is not.
    """
    if sample_fps is not None and sample_fps not in FPS_RANGE:
        raise InputError(f"sample_fps must be {FPS_RANGE}, got {sample_fps:g}")


def spec_at(package: ScoringPackage, sample_fps: float | None) -> ExtractionSpec:
    """Return the package's extraction spec, with another sampling rate if one is given.

    Another rate is allowed only for a model that reads each frame alone: ``cnn_mean`` with any
    backbone but ``lite``, which compares a frame with the mean of its clip. Such a model gets the
    same crops at any rate. Its clips get longer or shorter, so answers differ from those at the
    package's rate.

    Args:
        package: the package, or several.
        sample_fps: samples per second, in ``FPS_RANGE``; None: the package's own.

    Raises:
        InputError: if the rate is out of range, or the model does not allow it.
    """
    check_sample_fps(sample_fps)
    spec = package.spec
    if sample_fps is None or sample_fps == spec.sample_fps:
        return spec
    if any(p.name != "cnn_mean" or p.args.get("backbone") == "lite" for p in packages_of(package)):
        raise InputError(
            f"sample_fps is {sample_fps:g}; model {package.model_id} ({package.name}) reads motion "
            f"and must have its own {spec.sample_fps:g} samples per second: leave sample_fps out"
        )
    return replace(spec, sample_fps=float(sample_fps))
