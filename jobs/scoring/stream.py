"""Scoring as one streaming Ray Data job: readers, models, and a commit per shard.

::

    readers (CPU)  --clips, 16 JPEGs each-->  models (GPU share or CPU)  --probabilities-->  commits

A reader reads one shard at a time. A model scores batches of clips from any shards. When the last
clip of a shard is scored, an actor commits the shard. Ray Data limits the number of rows between
the stages, so readers wait while models are busy. Chunks of long videos are read before all shards,
by several workers; a reader of a shard then joins them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray
from ray.data import Dataset, from_items

from emotion.errors import InputError
from emotion.report.run_metrics import RunTotals
from jobs.common import cluster
from jobs.common.faults import Fault, check_fault
from jobs.common.workers import WORKER_ENV, Runner
from jobs.ledger.shards import ShardRef
from jobs.scoring.commit import CommitActor, CommitSettings, PendingShard
from jobs.scoring.live_counts import LiveCounts
from jobs.scoring.stages import ScoreClips, StageSettings, Tally, read_chunks

BLOCK_BYTES = 4 * 2**20
"""Size in bytes of the blocks from the readers, about 60 clips; Ray's default is 128 MB."""
MAX_OPEN_COMMITS = 64
MAX_WAITING = 2
"""Number of commits per actor above which one more actor is started, up to half of the CPUs."""
MAX_ROUNDS = 3
"""Number of times that a shard is read in one run before the run ends with an error."""


def scored_rows(refs: Sequence[ShardRef], settings: StageSettings) -> Dataset:
    """Return a lazy dataset of ``SCORED_ROWS`` of the shards."""
    with_gpus = uses_gpus(settings)
    env = {"env_vars": WORKER_ENV}
    items = [ref.to_item("shard") for ref in refs]
    most = cluster.useful_workers(sum(ref.video_s for ref in refs), len(items))
    # Without a GPU each actor of both stages takes half a CPU, so that both stages can start.
    source = from_items(items, override_num_blocks=len(items))
    source.context.target_max_block_size = BLOCK_BYTES
    read = source.map_batches(
        settings.reader,
        fn_constructor_args=settings.reader_args,
        batch_size=1,
        batch_format="pyarrow",
        compute=cluster.pool(most, cluster.cluster_cpus()),
        num_cpus=1 if with_gpus else 0.5,
        runtime_env=env,
    )
    return read.map_batches(
        ScoreClips,
        fn_constructor_args=(settings.package, "cuda" if with_gpus else "cpu", settings.engine),
        batch_size=settings.batch_size,
        batch_format="pyarrow",
        compute=cluster.pool(most, room_for_models(settings)),
        num_gpus=settings.gpu_share if with_gpus else None,
        num_cpus=None if with_gpus else 0.5,
        runtime_env=env,
    )


def uses_gpus(settings: StageSettings) -> bool:
    """Return True if the models run on GPUs: the cluster has one, or can start one."""
    return settings.engine == "torch" and cluster.possible("GPU") > 0


def room_for_models(settings: StageSettings) -> int:
    """Return the number of models for which the cluster has room now, at least 1."""
    if uses_gpus(settings):
        return max(1, int(cluster.cluster_gpus() / settings.gpu_share))
    return cluster.cluster_cpus()


def score_shards(
    runner: Runner,
    refs: Sequence[ShardRef],
    settings: StageSettings,
    commit_settings: CommitSettings,
    totals: RunTotals,
) -> None:
    """Score shards, commit each shard when it is complete, and add to the totals of the run.

    A reader that dies in the middle of a shard is started again by Ray, which drops as many blocks
    of its second output as it got from the first. The second output may be shorter, because the
    file that killed the reader is a reject now, and then the end of the shard is dropped. So a
    shard without an end is scored again.

    Raises:
        EmotionError: if the storage still fails after all retries.
        InputError: if a shard still has no end after ``MAX_ROUNDS``.
    """
    began = time.monotonic()
    if not settings.dataset:
        read_chunks(runner, refs, settings)
    left = list(refs)
    with _Commits(runner, refs, commit_settings, totals) as commits:
        for _ in range(MAX_ROUNDS):
            ended = _score_once(left, settings, commits, totals)
            left = [ref for ref in left if ref.shard_id not in ended]
            if not left:
                break
    if left:
        names = ", ".join(ref.shard_id for ref in left[:5])
        raise InputError(
            f"{len(left):,} shards were read {MAX_ROUNDS} times and did not come to their end "
            f"({names}): their readers die; run the same command again with more memory per CPU"
        )
    totals.wall_s += time.monotonic() - began


def _score_once(
    refs: Sequence[ShardRef], settings: StageSettings, commits: _Commits, totals: RunTotals
) -> set[str]:
    """Score shards in one stream; return the ids of those that came to their end."""
    rows = scored_rows(refs, settings)
    totals.num_models = max(totals.num_models, min(len(refs), room_for_models(settings)))
    pending = {ref.shard_id: PendingShard() for ref in refs}
    batches: Iterator[pa.Table] = iter(rows.iter_batches(batch_format="pyarrow", batch_size=None))
    for batch in batches:
        totals.model_busy_s += pc.sum(batch["busy_s"]).as_py() or 0.0
        for line in batch["fault"].drop_null().to_pylist():
            check_fault(line)
        for shard_id in batch["shard_id"].unique().to_pylist():
            shard = pending.get(shard_id)
            if shard is None:  # a late clip of a rejected video; its shard is already complete
                continue
            if shard.add(batch.filter(pc.equal(batch["shard_id"], shard_id))):
                commits.start(shard_id, pending.pop(shard_id))
        commits.count_finished()
    commits.count_finished(wait=True)
    # The cluster may have grown.
    totals.num_models = max(totals.num_models, min(len(refs), room_for_models(settings)))
    return {ref.shard_id for ref in refs} - pending.keys()


class _Commits:
    """Commits that run in Ray actors, and the progress of the run."""

    def __init__(
        self,
        runner: Runner,
        refs: Sequence[ShardRef],
        settings: CommitSettings,
        totals: RunTotals,
    ) -> None:
        self._class: Any = ray.remote(
            num_cpus=0,
            scheduling_strategy="SPREAD",
            max_restarts=-1,
            max_task_retries=-1,  # an interrupted commit is repeated with the same rows
            runtime_env={"env_vars": WORKER_ENV},
        )(CommitActor)
        self._settings, self._actors = settings, deque([self._class.remote(settings)])
        self._refs = {ref.shard_id: ref for ref in refs}
        self._open: list[Any] = []
        self._tally = Tally(refs, totals, runner)
        self._live = LiveCounts()

    def __enter__(self) -> _Commits:
        return self

    def __exit__(self, *error: object) -> None:
        self._tally.__exit__(*error)

    def start(self, shard_id: str, shard: PendingShard) -> None:
        """Start the commit of a complete shard."""
        waiting = len(self._open) / len(self._actors)
        if waiting > MAX_WAITING and len(self._actors) < cluster.cluster_cpus() / 2:
            self._actors.append(self._class.remote(self._settings))
        self._actors.rotate()
        self._open.append(self._actors[0].commit.remote(shard, self._refs[shard_id]))

    def count_finished(self, *, wait: bool = False) -> None:
        """Add the finished commits to the totals and to the progress.

        Args:
            wait: True waits for all commits; False waits only while more commits are open than
                ``MAX_OPEN_COMMITS`` or four per actor.

        Raises:
            EmotionError: if the storage still fails after all retries.
        """
        most = max(MAX_OPEN_COMMITS, 4 * len(self._actors))
        least = len(self._open) if wait else len(self._open) - most
        if not self._open:
            return
        ready, self._open = ray.wait(
            self._open, num_returns=max(1, least), timeout=None if least > 0 else 0
        )
        for entry in ray.get(ready):
            if isinstance(entry, Fault):
                check_fault(entry.line)
            self._tally.add(entry)
            self._live.add(entry)
