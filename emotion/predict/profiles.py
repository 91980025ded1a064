"""Profiles (counts by bin) of a training set and of a score set, read part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.predict.drift import (
    ALARM,
    EDGES,
    WATCH,
    Drift,
    Profile,
    compare,
    label_profile,
    measured_profile,
    profiles_from_json,
)

OF_FACES = {"face_px": "size_px", "brightness": "brightness"}
"""Column of the table ``faces`` for each variable."""


def face_profiles(uri: str, *, video_ids: frozenset[str] | None = None) -> dict[str, Profile]:
    """Return the profiles of size and brightness of the tracked faces, by name.

    A profile without a value is left out.

    Args:
        uri: address of a dataset or a score set; without a table ``faces`` the result is empty.
        video_ids: count only faces of these videos; None counts those of all videos.
    """
    profiles = {name: measured_profile(name, []) for name in OF_FACES}
    columns = ["video_id", "track_id", *OF_FACES.values()]
    wanted = None if video_ids is None else pa.array(sorted(video_ids), pa.string())
    for part in _parts(storage.join(uri, "faces"), columns):
        part = part.filter(pc.is_valid(part["track_id"]))
        if wanted is not None:
            part = part.filter(pc.is_in(part["video_id"], value_set=wanted))
        for name, column in OF_FACES.items():
            values = part[column].to_numpy(zero_copy_only=False)
            profiles[name] = profiles[name].plus(measured_profile(name, values))
    return {name: profile for name, profile in profiles.items() if profile.total}


def score_profiles(scores: str, labels: Sequence[str]) -> dict[str, Profile]:
    """Return the profiles of a score set by name: label, confidence, face_px, brightness."""
    counts: Counter[str] = Counter()
    confidence = measured_profile("confidence", [])
    for part in _parts(storage.join(scores, "scores"), ["label", "confidence"]):
        counts.update(part["label"].to_pylist())
        values = part["confidence"].to_numpy(zero_copy_only=False)
        confidence = confidence.plus(measured_profile("confidence", values))
    of_clips = {"label": label_profile(counts, labels), "confidence": confidence}
    return of_clips | face_profiles(scores)


def profiles_to_json(profiles: Mapping[str, Profile]) -> dict[str, Any]:
    """Return profiles in the form in which a package stores them, in a fixed order."""
    return {n: profiles[n].to_json() for n in ("label", *EDGES) if n in profiles}


def _parts(uri: str, columns: list[str]) -> Iterator[pa.Table]:
    for file in storage.list_files(uri, suffixes=(".parquet",)):
        yield storage.read_part(file.uri, columns)


def drifts(
    scores: str,
    baseline: Mapping[str, Profile],
    *,
    labels: Sequence[str],
    watch: float = WATCH,
    alarm: float = ALARM,
    least: int = 50,
) -> list[Drift]:
    """Compare each variable of a score set with its baseline.

    ``watch``, ``alarm`` and ``least`` are arguments of ``emotion.predict.drift.compare``. The level
    of a variable without a baseline is unknown.
    """
    now = score_profiles(scores, labels)
    return [
        compare(baseline.get(name), profile, watch=watch, alarm=alarm, least=least)
        for name, profile in now.items()
    ]


def read_baseline(training: Mapping[str, Any]) -> dict[str, Profile]:
    """Return the profiles that a package stores in its training facts; empty if it has none."""
    return profiles_from_json(training.get("baseline") or {})
