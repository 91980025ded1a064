"""Render the demo corpus: labelled videos of drawn faces that act the seven expressions.

python -m jobs.make_corpus --out corpus --subjects 12 --seed 1

Writes OUT/videos/s000/s000_happy.mp4 and so on, and OUT/labels.csv last. After an interrupted run
the same command renders every video again. Needs no cluster and no network.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.common.command import one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Size and output folder of the corpus."""

    out: Path
    """Local folder for the corpus: new, empty, or made by the same command."""
    subjects: int = 12
    """Number of drawn people, at least 1; each acts every expression once."""
    seed: int = 1
    """Random seed of the drawn people, at least 0."""
    workers: int | None = None
    """Number of rendering processes, at least 1; default: one per CPU."""


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Render the corpus, print its size, and return 0."""
    config = parse(Config, argv, verb="jobs.make_corpus", doc=__doc__)
    from emotion.synth.corpus import LABEL_TABLE, write_corpus  # imports OpenCV: not for --help

    done_before = (config.out / LABEL_TABLE).exists()
    started_s = time.perf_counter()
    table = write_corpus(
        config.out, subjects=config.subjects, seed=config.seed, workers=config.workers
    )
    took_s = time.perf_counter() - started_s
    with table.open(newline="", encoding="utf-8") as file:
        frames = [int(row["frames"]) for row in csv.DictReader(file)]
    size = f"{len(frames)} videos of {config.subjects} subjects, {sum(frames)} frames: {table}"
    if done_before:
        print(f"already complete: {size}")
    else:
        print(f"{size}\n{took_s:.1f} s, {sum(frames) / took_s:.0f} frames/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
