"""Functions that run the score job and read its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotion import storage
from jobs.score import main
from tests.helpers.building import import_workers

CLOSE = ("confidence", "margin", "entropy")
"""Columns that depend in their last bits on the batch, beside probabilities."""


def score(videos: Path | str, package: Path | str, out: Path | str, *options: str) -> int:
    """Run jobs.score in processes, with small shards; return its exit code."""
    import_workers()
    given = ["--videos", str(videos), "--package", str(package), "--out", str(out)]
    given += ["--shard-minutes", "0.1", "--max-retire", "1", "--runner", "processes"]
    return main([*given, *options])


def comparable(out: Path, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table in an order that does not depend on the shards."""
    keys = (
        "uri", "video_id", "track_id", "start_s", "frame_index", "segment_index", "clip_id",
        "identity_id",
    )  # fmt: skip
    return sorted(rows(out, table), key=lambda r: [str(r.get(k)) for k in keys])


def rows(scores: Path | str, name: str) -> list[dict[str, Any]]:
    """Read the rows of one table."""
    table: list[dict[str, Any]] = storage.read_tables(storage.join(str(scores), name)).to_pylist()
    return table


def assert_same(actual: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Check that rows are equal; probabilities to 1e-6, as their last bits depend on batches."""
    assert len(actual) == len(expected)
    for row, other in zip(actual, expected, strict=True):
        assert row.keys() == other.keys()
        for name, value in row.items():
            close = name in CLOSE or name.startswith(("prob_", "share_", "delta_"))
            assert value == (pytest.approx(other[name], abs=1e-6) if close else other[name]), name
