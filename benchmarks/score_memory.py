"""Measure the peak memory of scoring a short and a long video of the same content.

    python -m benchmarks.score_memory --package RUN/package [--clip CLIP.mp4 --minutes 2 60]

The clip is repeated without encoding it again. Each length is an archive, scored by jobs.score in
chunks. The memory is that of the driver and of its largest worker.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import repeat
from benchmarks.scale import run
from emotion.synth.clip import render_clip
from jobs.common.command import one_line_errors, parse


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    package: str
    """Model package."""
    clip: str | None = None
    """Short H.264 mp4; default: a rendered one."""
    minutes: tuple[float, ...] = (2.0, 60.0)
    """Lengths of the videos."""


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per length and the ratios to the first."""
    config = parse(Config, argv, verb="benchmarks.score_memory", doc=__doc__)
    first = None
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(config.clip) if config.clip else Path(folder) / "clip.mp4"
        if config.clip is None:
            render_clip(clip, seed=1, subject=0, label="happy")
        for minutes in config.minutes:
            root = Path(folder) / f"archive-{minutes:g}"
            root.mkdir()
            repeat(clip, root / "long.mp4", seconds=60 * minutes)
            out = Path(folder) / f"scores-{minutes:g}"
            command = [sys.executable, "-m", "jobs.score", "--package", config.package]
            command += ["--videos", str(root), "--out", str(out)]
            cost = run(command, out, videos=1, part="scores")
            first = first or cost
            driver, worker = cost.driver_mib / first.driver_mib, cost.worker_mib / first.worker_mib
            print(
                f"{minutes:g} minutes: start {cost.start_s:.1f} s, work {cost.work_s:.1f} s, "
                f"driver {cost.driver_mib:.0f} MiB ({driver:.2f}x), "
                f"largest worker {cost.worker_mib:.0f} MiB ({worker:.2f}x)",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
