"""Compare reading the samples of videos with decoding every frame of them, in one thread.

    python -m benchmarks.decode FOLDER [--sample-fps 5] [--rounds 3]

The floor is PyAV that decodes every frame and converts none. The other lines are ratios to it: the
samples as decoded; the samples with a thumbnail each, for the detector; the samples as full RGB
images; and every frame decoded with the samples converted to RGB, as a plain loop does. The time is
processor time, the best of the rounds. Run it on an idle machine, and compare one machine only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import av
import tyro

from emotion.video.decode import SUFFIXES, Frame, Limits, VideoFacts, sample_frames


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Folder of videos, searched to any depth."""
    sample_fps: float = 5.0
    """Samples per second."""
    side_px: int = 320
    """Longer side of a thumbnail."""
    rounds: int = 3
    """Number of times that each way is timed."""


def decode_all(path: Path, *, rgb_at_fps: float | None) -> int:
    """Decode every frame with PyAV, convert some to RGB, and return the number of frames."""
    count, due_s = 0, 0.0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        for frame in container.decode(stream):
            count += 1
            if rgb_at_fps is not None and (frame.time or 0.0) >= due_s:
                due_s += 1 / rgb_at_fps
                frame.to_ndarray(format="rgb24")
    return count


def sample(path: Path, use: Callable[[Frame], object], *, sample_fps: float) -> int:
    """Read the samples, ``use`` each, and return the number of decoded frames."""
    facts = VideoFacts()
    for frame in sample_frames(path, sample_fps=sample_fps, limits=Limits(), facts=facts):
        use(frame)
    return facts.num_decoded


def best_s(work: Callable[[Path], int], paths: Sequence[Path], rounds: int) -> tuple[float, int]:
    """Return the least processor time of all rounds in seconds, and the number of frames."""
    times: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        count = sum(work(path) for path in paths)
        times.append(time.process_time() - began)
    return min(times), count


def main(argv: Sequence[str] | None = None) -> int:
    """Time every way of reading and print a line for each."""
    config = tyro.cli(Config, args=argv, description=__doc__)
    paths = sorted(p for p in config.folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    fps, side_px = config.sample_fps, config.side_px
    floor_s, count = best_s(lambda p: decode_all(p, rgb_at_fps=None), paths, config.rounds)
    print(f"{len(paths)} videos, {count} frames, {fps:g} samples per second")
    print(f"{'every frame decoded':36} {floor_s:7.2f} s   1.00")
    ways: dict[str, Callable[[Path], int]] = {
        "every frame decoded, samples RGB": lambda p: decode_all(p, rgb_at_fps=fps),
        "samples": lambda p: sample(p, lambda _: None, sample_fps=fps),
        f"samples, thumbnails of {side_px}": lambda p: sample(
            p, lambda frame: frame.thumbnail(side_px), sample_fps=fps
        ),
        "samples, RGB": lambda p: sample(p, lambda frame: frame.image, sample_fps=fps),
        f"samples, RGB, thumbnails of {side_px}": lambda p: sample(
            p, lambda frame: (frame.image, frame.thumbnail(side_px)), sample_fps=fps
        ),
    }
    for name, work in ways.items():
        seconds, _ = best_s(work, paths, config.rounds)
        print(f"{name:36} {seconds:7.2f} s   {seconds / floor_s:4.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
