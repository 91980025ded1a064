"""Measure the peak memory of a build worker on a short and a long video of the same content.

    python -m benchmarks.memory --clip CLIP.mp4

The clip is repeated without encoding it again. Each length is built in a new process.
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
from typing import Any

import av

from emotion.extract.detect import spec_for
from emotion.synth.clip import render_clip
from emotion.video.decode import Limits
from emotion.weights import load_yunet
from jobs.building.worker import BuildWorker, Work
from jobs.common.command import one_line_errors, parse
from jobs.ledger.lock import Fence
from jobs.ledger.plan_parts import plan_labelled
from jobs.ledger.probe import probe_durations
from jobs.ledger.stored_plan import planned_shards
from jobs.reading.shard_reader import Reading


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    clip: str | None = None
    """Short H.264 mp4; default: a rendered one."""
    minutes: tuple[float, float] = (1.0, 60.0)
    """Lengths of the short and the long video."""
    detector: str = "yunet"
    """Face detector: yunet or dlib."""


def repeat(clip: Path, out: Path, *, seconds: float) -> Path:
    """Repeat ``clip`` until ``out`` is ``seconds`` long, without encoding."""
    with av.open(str(out), "w") as target:
        stream = None
        offset, length_s = 0, 0.0
        while length_s < seconds:
            with av.open(str(clip)) as source:
                original = source.streams.video[0]
                if stream is None:
                    stream = target.add_stream_from_template(original)
                    stream.time_base = original.time_base
                length = 0
                for packet in source.demux(original):
                    if packet.dts is None or packet.pts is None:
                        continue
                    length = max(length, packet.pts + (packet.duration or 0))
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = stream
                    target.mux(packet)
                offset += length
                length_s = float(offset * (original.time_base or 0))
    return out


def planned(path: Path, detector: str, folder: Path) -> tuple[Work, dict[str, Any]]:
    """Plan a build of one video; return the work and its one item."""
    (folder / "labels.csv").write_text(f"uri,subject_id,label\n{path.name},s,happy\n")
    root, out = str(path.parent), str(folder / "out")
    plan = plan_labelled(root, f"{folder}/labels.csv", ("happy", "sad"), seed=0, folder=folder)
    reading = Reading(
        root=root,
        out=out,
        spec=spec_for("yunet" if detector == "yunet" else "dlib"),
        limits=Limits(),
        keep_partial=False,
        chunk_s=300.0,
    )
    work = Work(reading, ())
    durations = partial(probe_durations, root, runner="ray", address=None)
    waves = planned_shards(
        iter([plan]), Fence(out, 0), durations=durations, shard_s=None, chunk_s=None, folder=folder
    )
    refs, _ = next(waves)
    return work, refs[0].to_item("shard")


def measure(
    work: Work, item: dict[str, Any], queue: multiprocessing.Queue[dict[str, float]]
) -> None:
    """Build one item, and put peak MiB, seconds and clips into ``queue``."""
    began = time.monotonic()
    model = load_yunet() if work.reading.spec.detector == "yunet" else None
    built = BuildWorker(work, model)(item)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall_s = time.monotonic() - began
    queue.put({"peak_mib": peak_mib, "wall_s": wall_s, "clips": built["clips"]})


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Measure both lengths and print the ratio."""
    config = parse(Config, argv, verb="benchmarks.memory", doc=__doc__)
    context = multiprocessing.get_context("spawn")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(config.clip) if config.clip else Path(folder) / "clip.mp4"
        if config.clip is None:
            render_clip(clip, seed=1, subject=0, label="happy")
        for minutes in config.minutes:
            path = repeat(clip, Path(folder) / f"{minutes:g}.mp4", seconds=60 * minutes)
            build = Path(folder) / f"build-{minutes:g}"
            build.mkdir()
            work, item = planned(path, config.detector, build)
            queue: multiprocessing.Queue[dict[str, float]] = context.Queue()
            process = context.Process(target=measure, args=(work, item, queue))
            process.start()
            figures = queue.get()
            process.join()
            peaks.append(figures["peak_mib"])
            print(
                f"{minutes:g} minutes: peak {figures['peak_mib']:.0f} MiB, {figures['clips']:,.0f} "
                f"clips in {figures['wall_s']:.1f} s"
            )
    print(f"ratio of peaks: {peaks[1] / peaks[0]:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
