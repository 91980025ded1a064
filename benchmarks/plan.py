"""Measure wall time and peak memory of planning, by the size of the archive.

    python -m benchmarks.plan --sizes 10000 100000 1000000

Makes folders of empty files with a label table, and plans each in a new process: listing, join with
the labels, reading of every header (all are invalid), shards.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emotion.labels import LABELS
from jobs.common import cluster
from jobs.common.command import one_line_errors, parse
from jobs.ledger.lock import Fence
from jobs.ledger.plan import plan_labelled
from jobs.ledger.probe import probe_durations
from jobs.ledger.stored_plan import extend_plan


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Numbers of files of the archives."""


def make_archive(root: Path, count: int) -> Path:
    """Write ``count`` empty files in folders of 1,000; return the path of their label table."""
    table = root / "labels.csv"
    with table.open("w") as text:
        text.write("uri,subject_id,label\n")
        for number in range(count):
            folder = root / f"videos/{number // 1000:04d}"
            if number % 1000 == 0:
                folder.mkdir(parents=True)
            path = folder / f"clip_{number:07d}.mp4"
            path.touch()
            label = LABELS[number % len(LABELS)]
            text.write(f"{path.relative_to(root)},s{number // 50},{label}\n")
    return table


def plan(root: Path, queue: multiprocessing.Queue[tuple[float, float, float, int, int]]) -> None:
    """Plan one archive; put seconds before probing, all seconds, peak MiB, videos and shards."""
    with cluster.session(None), tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        made = plan_labelled(
            str(root), str(root / "labels.csv"), LABELS, seed=0, folder=Path(folder)
        )
        joined_s = time.monotonic() - began
        refs, _ = extend_plan(
            Fence(str(root / "out"), 0),
            made,
            durations=partial(probe_durations, str(root), runner="ray", address=None),
            shard_s=10.0,
            chunk_s=300.0,
            folder=Path(folder),
        )
        all_s = time.monotonic() - began
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        queue.put((joined_s, all_s, peak_mib, made.num_videos, len(refs)))


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per size."""
    config = parse(Config, argv, verb="benchmarks.plan", doc=__doc__)
    context = multiprocessing.get_context("spawn")
    print(f"{'videos':>10} {'list, join s':>13} {'all s':>8} {'peak MiB':>9} {'shards':>8}")
    for size in config.sizes:
        with tempfile.TemporaryDirectory() as folder:
            make_archive(Path(folder), size)
            queue: multiprocessing.Queue[tuple[float, float, float, int, int]] = context.Queue()
            process = context.Process(target=plan, args=(Path(folder), queue))
            process.start()
            joined_s, all_s, peak_mib, videos, shards = queue.get()
            process.join()
            print(f"{videos:>10,} {joined_s:>13.1f} {all_s:>8.1f} {peak_mib:>9.0f} {shards:>8,}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
