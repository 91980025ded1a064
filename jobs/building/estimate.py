"""Dry run of a build: it prints the plan and an estimate of time and size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotion import storage
from emotion.errors import VideoError
from emotion.extract.extractor import Extractor
from emotion.extract.walk import VideoSummary
from emotion.nouns import counted
from jobs.building.options import Config
from jobs.building.worker import Work
from jobs.common.runner import open_runner
from jobs.ledger.plan import Plan
from jobs.ledger.shards import ShardRef
from jobs.reading.videos import fetched

TRIED_VIDEOS = 8
"""Largest number of videos that are processed for the estimate."""
TRIED_S = 15.0
"""Seconds of processing after which a video is stopped and no other video is started."""


def print_estimate(
    plan: Plan,
    refs: Sequence[ShardRef],
    work: Work,
    yunet_model: bytes | None,
    config: Config,
) -> None:
    """Print the plan, and an estimate of time and size from processing a few of its videos."""
    video_s = sum(ref.video_s for ref in refs)
    chunked = [ref for ref in refs if ref.num_chunks > 1]
    print(f"videos      {plan.num_videos:,}, {plan.size_bytes / 2**20:,.1f} MiB")
    print(f"video time  {video_s / 3600:,.2f} hours by the headers")
    print(f"shards      {len(refs):,}; {len(chunked):,} are long videos read in chunks")
    for reason, count in plan.reasons.items():
        print(f"left out    {reason} {count:,}")
    tried, wall_s, crop_bytes = _try(plan, work, yunet_model)
    if not tried:
        print("estimate    none: no video could be read")
        return
    with open_runner(config.runner, config.address, video_s=video_s) as runner:
        workers = min(runner.cpus, max(1, len(refs)))
    minutes = video_s / tried * wall_s / workers / 60
    speed = f"{tried / wall_s:.1f}x real"
    print(f"estimate    {minutes:,.1f} minutes on {counted(workers, 'worker')} ({speed}")
    print(f"            time each, from {tried:.0f} s of video), start not counted")
    print(f"            {crop_bytes / tried * video_s / 2**20:,.1f} MiB of clips")


def _try(plan: Plan, work: Work, yunet_model: bytes | None) -> tuple[float, float, int]:
    """Process videos spread over the plan; return video seconds, wall seconds, bytes of crops."""
    extractor = Extractor(work.reading.spec, yunet_model=yunet_model, limits=work.reading.limits)
    tried_s, wall_s, crop_bytes = 0.0, 0.0, 0
    for video in _spread(plan.manifest, TRIED_VIDEOS):
        summary = VideoSummary()
        try:
            with fetched(video, work.reading.root) as path:
                began = time.perf_counter()
                rows = extractor.rows(path, video_id="0", summary=summary)
                for table, row in rows:
                    if table == "clips":
                        crop_bytes += _num_bytes(row)
                    if time.perf_counter() - began > TRIED_S:
                        break
                wall_s += time.perf_counter() - began
                tried_s += summary.facts.duration_s
        except VideoError:
            continue  # the build reports the error
        if wall_s > TRIED_S:
            break
    return tried_s, wall_s, crop_bytes


def _num_bytes(clip: dict[str, Any]) -> int:
    return sum(len(jpeg) for jpeg in clip["crops"])


def _spread(manifest: Path, count: int) -> list[dict[str, object]]:
    """Return ``count`` evenly spaced rows of the manifest, or all rows if there are fewer."""
    step = max(1, storage.count_rows(str(manifest)) // count)
    rows: list[dict[str, object]] = []
    for number, batch in enumerate(storage.read_batches(str(manifest), step)):
        if number < count:
            rows += batch.slice(0, 1).to_pylist()
    return rows
