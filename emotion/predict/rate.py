"""Sampling rate of a prediction: that of the package, or another one where the model allows it."""

from __future__ import annotations

from dataclasses import replace

from emotion.errors import InputError
from emotion.extract.spec import ExtractionSpec
from emotion.predict.ensemble import ScoringPackage, packages_of

LEAST_FPS = 2.0
"""Smallest rate that is accepted, samples per second; at less, faces are lost between samples."""


def spec_at(package: ScoringPackage, sample_fps: float | None) -> ExtractionSpec:
    """Return the package's extraction spec, with another sampling rate if one is given.

    Another rate is allowed only for a model that reads each frame alone: ``cnn_mean`` with any
    backbone but ``lite``, which compares a frame with the mean of its clip. Such a model gets the
    same crops at any rate. Its clips get longer or shorter, so answers differ from those at the
    package's rate.

    Args:
        package: the package, or several.
        sample_fps: samples per second, ``LEAST_FPS`` to 240; None: the package's own.

    Raises:
        InputError: if the rate is out of range, or the model does not allow it.
    """
    spec = package.spec
    if sample_fps is None or sample_fps == spec.sample_fps:
        return spec
    if any(p.name != "cnn_mean" or p.args.get("backbone") == "lite" for p in packages_of(package)):
        raise InputError(
            f"sample_fps is {sample_fps:g}; model {package.model_id} ({package.name}) reads motion "
            f"and must have its own {spec.sample_fps:g} samples per second: leave sample_fps out"
        )
    if not LEAST_FPS <= sample_fps <= 240:
        raise InputError(f"sample_fps must be {LEAST_FPS:g} to 240, got {sample_fps:g}")
    return replace(spec, sample_fps=float(sample_fps))
