"""Measure wall time, peak memory and files of building or scoring, by the size of the archive.

    python -m benchmarks.scale --clips FOLDER --sizes 100 1000 5000
    python -m benchmarks.scale --clips FOLDER --sizes 100 1000 --package RUN/package

Makes archives of the same short clips under N names, and builds each in a new process, or scores it
if --package is given. The start is timed separately: from the start of the process to the first
shard of a worker.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from emotion import storage
from emotion.errors import InputError
from emotion.labels import LABELS
from emotion.synth.clip import render_clip
from emotion.video.decode import SUFFIXES
from jobs.common.command import one_line_errors, parse

POLL_S = 0.5
LINEAR = 1.05
"""Allowed growth of time over growth of videos: ten times the videos, 10.5 times the time."""
MIB = 2**20


@dataclass(frozen=True)
class Config:
    """Settings of the measurement.

    Attributes:
        clips: folder of short videos, searched with its sub-folders; default: seven drawn ones.
        sizes: numbers of videos of the archives.
        detector: yunet, or dlib, which needs no download; a package brings its own.
        package: model package to score the archives with; default: build them.
    """

    clips: str | None = None
    sizes: tuple[int, ...] = (100, 1000, 5000)
    detector: Literal["yunet", "dlib"] = "yunet"
    package: str | None = None


@dataclass(frozen=True)
class Cost:
    """Time, memory and files of one job.

    Attributes:
        videos: number of videos in the archive.
        start_s: seconds to the first shard: imports, plan, start of Ray and of the workers.
        work_s: seconds from there to the end, validation and report included.
        driver_mib: peak resident memory of the started process.
        worker_mib: peak resident memory of its largest worker.
        files: number of files of the tables.
        part_bytes: sizes of the largest and the smallest part of the clips, or of the scores.
    """

    videos: int
    start_s: float
    work_s: float
    driver_mib: float
    worker_mib: float
    files: int
    part_bytes: tuple[int, int]


class Peaks(threading.Thread):
    """Thread that records the memory of a process and its Ray workers until it ends."""

    def __init__(self, pid: int, out: Path) -> None:
        super().__init__(daemon=True)
        self._process, self._out = psutil.Process(pid), out
        self.began = time.monotonic()
        self.start_s: float | None = None
        self.driver_bytes = self.worker_bytes = 0

    def run(self) -> None:
        """Read the memory every ``POLL_S`` seconds."""
        while self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
            self._look()
            time.sleep(POLL_S)

    def _look(self) -> None:
        if self.start_s is None and any((self._out / "_ledger").glob("attempts/*")):
            self.start_s = time.monotonic() - self.began
        self.driver_bytes = max(self.driver_bytes, resident(self._process))
        workers = [p for p in children(self._process) if is_worker(p)]
        self.worker_bytes = max([self.worker_bytes, *map(resident, workers)])


def children(process: psutil.Process) -> list[psutil.Process]:
    """Return all descendants of a process; none if it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return list(process.children(recursive=True))
    return []


def is_worker(process: psutil.Process) -> bool:
    """Return True for a Ray actor of Ray Data."""
    try:
        return "MapWorker" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def resident(process: psutil.Process) -> int:
    """Return the resident memory of a process in bytes; 0 if it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def source_clips(config: Config, folder: Path) -> list[Path]:
    """Return the videos to repeat.

    Raises:
        InputError: if the folder has no video.
    """
    if config.clips is not None:
        files = storage.list_files(storage.absolute(config.clips), suffixes=SUFFIXES)
        if not files:
            raise InputError(f"--clips {config.clips} holds no video; name a folder of short clips")
        return [Path(file.uri) for file in files]
    for number, label in enumerate(LABELS):
        render_clip(folder / f"{number}.mp4", seed=1, subject=number, label=label)
    return sorted(folder.glob("*.mp4"))


def make_archive(clips: Sequence[Path], root: Path, count: int) -> Path:
    """Write ``count`` names of the clips in folders of 1,000; return their label table."""
    table = root / "labels.csv"
    with table.open("w") as text:
        text.write("uri,subject_id,label\n")
        for number in range(count):
            clip = number % len(clips)
            path = root / f"videos/{number // 1000:04d}/{number:07d}{clips[clip].suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            link(clips[clip], path)
            # One subject: the same faces must not be in two splits.
            text.write(f"{path.relative_to(root)},s0,{LABELS[clip % len(LABELS)]}\n")
    return table


def link(source: Path, target: Path) -> None:
    """Make a hard link, or a copy if the files are on different disks."""
    try:
        os.link(source, target)
    except OSError:
        target.write_bytes(source.read_bytes())


def command_of(root: Path, table: Path, config: Config, out: Path) -> list[str]:
    """Return the command of the job on one archive."""
    verb = "score" if config.package else "build_dataset"
    command = [sys.executable, "-m", f"jobs.{verb}", "--videos", str(root), "--out", str(out)]
    if config.package:
        return [*command, "--package", config.package]
    return [*command, "--labels", str(table), "--detector", config.detector]


def run(command: Sequence[str], out: Path, *, videos: int, part: str) -> Cost:
    """Run one job in a new process.

    Args:
        command: the command of the job.
        out: its output folder.
        videos: number of videos of the archive.
        part: table whose parts are measured.

    Raises:
        InputError: if it fails; its output is on the terminal.
    """
    began = time.monotonic()
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        peaks = Peaks(process.pid, out)
        peaks.start()
        code = process.wait()
    wall_s = time.monotonic() - began
    peaks.join()
    if code != 0:
        raise InputError(f"the job on {videos} videos ended with exit code {code}")
    start_s = peaks.start_s or 0.0
    sizes = [path.stat().st_size for path in out.glob(f"{part}/*.parquet")]
    return Cost(
        videos=videos,
        start_s=start_s,
        work_s=wall_s - start_s,
        driver_mib=peaks.driver_bytes / MIB,
        worker_mib=peaks.worker_bytes / MIB,
        files=len(list(out.glob("*/*.parquet"))),
        part_bytes=(max(sizes), min(sizes)),
    )


def lines(costs: Sequence[Cost]) -> Iterator[str]:
    """Yield the lines of the table, then the ratio of each size to the one before."""
    yield (
        f"{'videos':>8} {'start s':>8} {'work s':>8} {'ms/video':>9} {'driver MiB':>11} "
        f"{'worker MiB':>11} {'parts':>6} {'largest MB':>11} {'smallest MB':>12}"
    )
    for c in costs:
        yield (
            f"{c.videos:>8,} {c.start_s:>8.1f} {c.work_s:>8.1f} {1000 * c.work_s / c.videos:>9.0f} "
            f"{c.driver_mib:>11.0f} {c.worker_mib:>11.0f} {c.files:>6,} "
            f"{c.part_bytes[0] / 1e6:>11.2f} {c.part_bytes[1] / 1e6:>12.2f}"
        )
    for few, many in zip(costs, costs[1:], strict=False):
        videos, work = many.videos / few.videos, many.work_s / few.work_s
        verdict = "linear" if work <= LINEAR * videos else f"above {LINEAR * videos:.1f}x"
        yield (
            f"{videos:.1f}x the videos: {work:.2f}x the time ({verdict}), "
            f"driver {many.driver_mib / few.driver_mib:.2f}x, "
            f"worker {many.worker_mib / few.worker_mib:.2f}x the memory"
        )


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per size and a ratio per step; return 1 if time grows above ``LINEAR``."""
    config = parse(Config, argv, verb="benchmarks.scale", doc=__doc__)
    costs = []
    with tempfile.TemporaryDirectory(prefix="video-emotion-scale-") as folder:
        drawn = Path(folder) / "drawn"
        drawn.mkdir()
        clips = source_clips(config, drawn)
        for size in config.sizes:
            root = Path(folder) / str(size)
            root.mkdir()
            command = command_of(root, make_archive(clips, root, size), config, root / "out")
            part = "scores" if config.package else "clips"
            costs.append(run(command, root / "out", videos=size, part=part))
    for line in lines(costs):
        print(line)
    steps = zip(costs, costs[1:], strict=False)
    return int(any(b.work_s / a.work_s > LINEAR * b.videos / a.videos for a, b in steps))


if __name__ == "__main__":
    raise SystemExit(main())
