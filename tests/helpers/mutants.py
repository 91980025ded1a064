"""Damage videos in every way, and read them: run in a process of its own, which may die.

python -m tests.helpers.mutants FOLDER SEED START STOP

Reads the videos of FOLDER. Mutations START to STOP of SEED are made and read one after the other;
a line is printed before each ("? 17 flip v.mp4") and after each ("= 17 corrupt").
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from emotion.errors import VideoError
from emotion.video.decode import Limits, VideoFacts, probe, sample_frames

LIMITS = Limits(max_bytes=64 * 2**20, max_pixels=1920 * 1080, max_duration_s=600, max_wall_s=20)


def flip(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """Flip 1 to 400 bits anywhere."""
    for _n in range(rng.choice((1, 20, 400))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def cut(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """Cut off the end."""
    return data[: rng.randrange(1, len(data))]


def cut_head(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """Cut off the beginning."""
    return data[rng.randrange(1, len(data)) :]


def splice(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    """Overwrite or insert a piece of another video."""
    size = rng.randrange(1, min(len(data), len(other)))
    at, start = rng.randrange(len(data)), rng.randrange(len(other) - size + 1)
    return data[:at] + other[start : start + size] + data[at + rng.choice((0, size)) :]


def head(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """Change bytes of the first or the last 4 KiB, where indexes and headers lie."""
    ends = min(4096, len(data))
    base = rng.choice((0, len(data) - ends))
    for _n in range(rng.choice((1, 8, 64))):
        data[base + rng.randrange(ends)] = rng.choice((0, 255, rng.randrange(256)))
    return data


def zero(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """Set a range to zero, as a failing disk does."""
    at = rng.randrange(len(data))
    size = min(rng.choice((16, 512, 4096, 65_536)), len(data) - at)
    data[at : at + size] = bytes(size)
    return data


def append(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    """Append noise or another video."""
    return data + (rng.randbytes(rng.randrange(1, 50_000)) if rng.random() < 0.5 else other)


def drop(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """Remove a range in the middle."""
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, 20_000)]
    return data


KINDS: tuple[Callable[[bytearray, random.Random, bytes], bytearray], ...] = (
    flip, cut, cut_head, splice, head, zero, append, drop,
)  # fmt: skip


def mutate(paths: list[Path], *, seed: int, number: int) -> tuple[str, Path, bytes]:
    """Return mutation ``number`` of ``seed``: its name, the video's name, and the bytes."""
    rng = random.Random(f"{seed}/{number}")
    path, other = rng.choice(paths), rng.choice(paths)
    kind = KINDS[number % len(KINDS)]
    data = kind(bytearray(path.read_bytes()), rng, other.read_bytes())
    return kind.__name__, path, bytes(data)


def read(path: Path, *, start: int) -> str:
    """Read a video as a job does; return its frames, or the reason of the refusal."""
    count = 0
    try:
        probe(path, LIMITS)
        frames = sample_frames(path, sample_fps=5, limits=LIMITS, facts=VideoFacts(), start=start)
        for frame in frames:
            count += 1
            small = frame.thumbnail(320)
            if small.shape[2] != 3 or frame.image.shape[:2] != frame.hw:
                raise ValueError(f"frame {frame.index} has the wrong shape")
    except VideoError as err:
        return f"{err.reason} after {count}"
    return f"frames {count}"


def say(line: str) -> None:
    """Print and flush: the reader needs the last line of a process that dies."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    folder, seed, start, stop = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(start, stop):
            kind, path, data = mutate(paths, seed=seed, number=number)
            say(f"? {number} {kind} {path.name}")
            target = Path(scratch) / f"v{path.suffix}"
            target.write_bytes(data)
            outcomes = (read(target, start=0), read(target, start=4))
            say(f"= {number} {'; '.join(outcomes)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
