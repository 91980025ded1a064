"""Scoring as one streaming Ray Data job: readers, models, and a commit per shard.

::

    readers (CPU)  --clips, 16 JPEGs each-->  models (GPU share or CPU)  --probabilities-->  commits

A reader takes a shard, a model takes batches of clips across shards, and as soon as a shard's last
clip is scored an actor commits it. Ray Data bounds what lies between the stages: readers wait when
models are behind. Long videos are seen in chunks by all readers first, then joined by one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset, from_items

from emotion.predict.predictor import Engine, Predictor
from jobs.common import cluster
from jobs.common.faults import Fault, check_fault
from jobs.common.progress import Progress
from jobs.ledger.shards import ShardRef
from jobs.reading.chunks import chunk_name, finished_chunks
from jobs.reading.shard_reader import Reading
from jobs.scoring.commit import Commit, Committer, OpenShard
from jobs.scoring.metrics import LiveCounts, Streamed
from jobs.scoring.read import ReadClips, ReadVideos, SeeChunk
from schemas.tables import FLOATS

BLOCK_BYTES = 4 * 2**20
"""Some 60 clips: what a reader hands on at a time. Ray's own 128 MB would be minutes of video."""
MAX_COMMITS = 64
MAX_COMMITTERS = 4


@dataclass(frozen=True)
class Stages:
    """What the stages are told.

    Attributes:
        reading: how videos are read; its ``out`` is the score set.
        dataset: where stored clips are read instead; empty: from videos.
        package: address of the model package.
        engine: what runs the model.
        yunet_model: bytes of the detector's weights, or None.
        batch_size: clips per model call.
        gpu_share: of a GPU, for each model; models run on CPUs where the cluster has no GPU.
    """

    reading: Reading
    dataset: str
    package: str
    engine: Engine
    yunet_model: bytes | None
    batch_size: int
    gpu_share: float


class ScoreClips:
    """Adds the probabilities of each clip row, across videos; runs as an actor."""

    def __init__(self, package_uri: str, device: str, engine: Engine) -> None:
        self._predictor = Predictor.load(package_uri, device=device, engine=engine)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Replace crops by probs (K floats) and steps (S times K), empty where there is no clip.

        ``busy_s`` is the time that it took, on the first row.
        """
        began = time.monotonic()
        crops = batch["crops"].to_pylist()
        clips = [number for number, jpegs in enumerate(crops) if jpegs]
        answers = self._predictor.jpeg_answers([crops[number] for number in clips])
        probs: list[list[float]] = [[] for _ in crops]
        steps: list[list[float]] = [[] for _ in crops]
        for index, number in enumerate(clips):
            probs[number] = answers.probs[index].tolist()
            steps[number] = answers.steps[index].ravel().tolist()
        busy_s = [time.monotonic() - began] + [0.0] * (len(crops) - 1)
        return (
            batch.drop_columns(["crops"])
            .append_column("probs", pa.array(probs, FLOATS))
            .append_column("steps", pa.array(steps, FLOATS))
            .append_column("busy_s", pa.array(busy_s, pa.float64()))
        )


def see_chunks(refs: Sequence[ShardRef], stages: Stages) -> None:
    """Let all readers see the chunks of long videos that are not yet kept in the ledger."""
    long = [ref for ref in refs if ref.num_chunks > 1]
    seen = finished_chunks(stages.reading.out) if long else set()
    items = [
        ref.to_item("chunk") | {"chunk": number}
        for ref in long
        for number in range(ref.num_chunks)
        if chunk_name(ref.shard_id, number) not in seen
    ]
    if not items:
        return
    video_s = {ref.shard_id: ref.video_s / ref.num_chunks for ref in long}
    total = round(sum(video_s[item["shard_id"]] for item in items))
    rows = from_items(items, override_num_blocks=len(items)).map(
        SeeChunk,  # type: ignore[arg-type]  # Ray's stubs do not know actor classes here
        fn_constructor_args=(stages.reading, stages.yunet_model),
        compute=_pool(min(cluster.cluster_cpus(), len(items)), len(items)),
        num_cpus=1,
        runtime_env={"env_vars": cluster.WORKER_ENV},
    )
    with Progress("see", total=total, unit="s") as progress:
        done_s = 0.0
        for row in rows.iter_rows():
            check_fault(row["fault"])
            before, done_s = round(done_s), done_s + row["video_s"]
            progress.step(round(done_s) - before)


def score_rows(refs: Sequence[ShardRef], stages: Stages) -> tuple[Dataset, int]:
    """Shards to scored rows, lazily and streaming; and how many models there are at most."""
    cpus = cluster.cluster_cpus()
    gpus = cluster.cluster_gpus() if stages.engine == "torch" else 0
    env = {"env_vars": cluster.WORKER_ENV}
    items = [ref.to_item("shard") for ref in refs]
    reader: Any = ReadClips if stages.dataset else ReadVideos
    told = (
        (stages.dataset, stages.reading.out)
        if stages.dataset
        else (stages.reading, stages.yunet_model)
    )
    # Without a GPU both stages take half a CPU, so that neither keeps the other from starting.
    source = from_items(items, override_num_blocks=len(items))
    source.context.target_max_block_size = BLOCK_BYTES
    read = source.flat_map(
        reader,
        fn_constructor_args=told,
        compute=_pool(min(cpus, len(items)), len(items)),
        num_cpus=1 if gpus else 0.5,
        runtime_env=env,
    )
    models = max(1, int(gpus / stages.gpu_share) if gpus else cpus)
    scored = read.map_batches(
        ScoreClips,
        fn_constructor_args=(stages.package, "cuda" if gpus else "cpu", stages.engine),
        batch_size=stages.batch_size,
        batch_format="pyarrow",
        compute=_pool(models, len(items)),
        num_gpus=stages.gpu_share if gpus else None,
        num_cpus=None if gpus else 0.5,
        runtime_env=env,
    )
    return scored, models


def _pool(size: int, num_items: int) -> ActorPoolStrategy:
    """Up to ``size`` actors, for each item one at once.

    Ray Data adds the others singly, each after the one before it has loaded. Where the cluster has
    not room for all, the job begins with one.
    """
    return ActorPoolStrategy(min_size=1, max_size=size, initial_size=min(size, num_items))


def stream(refs: Sequence[ShardRef], stages: Stages, told: Commit) -> Streamed:
    """Score shards; each is committed as it becomes complete.

    Raises:
        EmotionError: if the storage fails for longer than it is waited for.
    """
    began = time.monotonic()
    under_way = {ref.shard_id: OpenShard() for ref in refs}
    if not stages.dataset:
        see_chunks(refs, stages)
    done = Streamed()
    rows, done.num_models = score_rows(refs, stages)
    batches: Iterator[Any] = iter(rows.iter_batches(batch_format="pyarrow", batch_size=None))
    with _Commits(refs, told, done) as commits:
        for batch in batches:
            for row in batch.to_pylist():
                done.model_busy_s += row["busy_s"]
                check_fault(row["row"] if row["kind"] == "fault" else "")
                opened = under_way.get(row["shard_id"])
                if opened is None:  # a late clip of a video that was left out
                    continue
                if opened.add(row):
                    commits.begin(row["shard_id"], under_way.pop(row["shard_id"]))
            commits.take()
        commits.take(wait=True)
    done.wall_s = time.monotonic() - began
    return done


class _Commits:
    """Actors somewhere in the cluster that commit, and the progress that they report."""

    def __init__(self, refs: Sequence[ShardRef], told: Commit, done: Streamed) -> None:
        actor: Any = ray.remote(
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,  # a commit that was cut off is made again, with the same rows
            runtime_env={"env_vars": cluster.WORKER_ENV},
        )(Committer)
        num = max(1, min(MAX_COMMITTERS, cluster.cluster_cpus() // 2))
        self._actors = itertools.cycle([actor.remote(told) for _ in range(num)])
        self._done = done
        self._refs = {ref.shard_id: ref for ref in refs}
        self._waiting: list[Any] = []
        total = round(sum(ref.video_s for ref in refs))
        self._progress = Progress("score", total=total, unit="s")
        self._live = LiveCounts()

    def __enter__(self) -> _Commits:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.__exit__(None, None, None)

    def begin(self, shard_id: str, opened: OpenShard) -> None:
        """Commit a shard that is complete."""
        self._waiting.append(next(self._actors).commit.remote(opened, self._refs[shard_id]))

    def take(self, *, wait: bool = False) -> None:
        """Count what is committed; with ``wait``, or where too many are under way, wait for it.

        Raises:
            EmotionError: see ``stream``.
        """
        least = len(self._waiting) if wait else len(self._waiting) - MAX_COMMITS
        if not self._waiting:
            return
        ready, self._waiting = ray.wait(
            self._waiting, num_returns=max(1, least), timeout=None if least > 0 else 0
        )
        for entry in ray.get(ready):
            if isinstance(entry, Fault):
                check_fault(entry.line)
            self._done.counts.update(entry.counts)
            self._done.rejects.update(entry.rejects)
            self._done.frames += entry.frames
            self._done.video_s += entry.video_s
            self._live.add(entry)
            self._progress.step(
                round(self._refs[entry.shard_id].video_s),
                **{name: entry.counts[name] for name in ("videos", "rejects")},
            )
