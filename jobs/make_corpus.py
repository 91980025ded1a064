"""Render the demo corpus: labelled videos of drawn faces that act the seven expressions.

python -m jobs.make_corpus --out corpus --subjects 12 --seed 1

Writes OUT/videos/s000/s000_happy.mp4 and so on, and OUT/labels.csv last. The same command again
finishes what was cut short. Needs no cluster and no network.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion.synth.corpus import LABEL_TABLE, write_corpus
from jobs.common.command import one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """What to render and where."""

    out: Path
    """Folder for the corpus: new, empty, or from the same command."""
    subjects: int = 12
    """How many people; each acts every expression once."""
    seed: int = 1
    """Another seed gives other people."""
    workers: int | None = None
    """Processes that render; None is one per CPU."""


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Render the corpus and say what was made."""
    config = parse(Config, argv, verb="jobs.make_corpus", doc=__doc__)
    done_before = (config.out / LABEL_TABLE).exists()
    started_s = time.perf_counter()
    table = write_corpus(
        config.out, subjects=config.subjects, seed=config.seed, workers=config.workers
    )
    took_s = time.perf_counter() - started_s
    with table.open(newline="", encoding="utf-8") as file:
        frames = [int(row["frames"]) for row in csv.DictReader(file)]
    what = f"{len(frames)} videos of {config.subjects} subjects, {sum(frames)} frames: {table}"
    if done_before:
        print(f"already complete: {what}")
    else:
        print(f"{what}\n{took_s:.1f} s, {sum(frames) / took_s:.0f} frames/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
