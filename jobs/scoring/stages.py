"""Parts that scoring on Ray and scoring in processes share: settings, model, chunks, totals."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion.predict.engine import Engine
from emotion.predict.predictor import Predictor
from emotion.report.run_metrics import RunTotals
from jobs.common.command import Addresses
from jobs.common.faults import check_fault
from jobs.common.progress import Progress
from jobs.common.workers import Item, Runner
from jobs.ledger.entries import Entry
from jobs.ledger.shards import ShardRef
from jobs.reading.chunks import chunk_name, finished_chunks
from jobs.reading.shard_reader import Reading
from jobs.scoring.read import ReadChunk, ReadClips, ReadVideos
from jobs.scoring.rows import SCORED_ROWS


@dataclass(frozen=True)
class StageSettings:
    """Settings of the readers and of the models.

    Attributes:
        reading: settings for reading videos; its ``out`` is the score set.
        dataset: folder of the dataset whose stored clips are scored; empty: videos are read.
        package: address of the model package, or of several.
        engine: torch or onnx.
        yunet_model: bytes of YuNet's weights; None for dlib or a dataset.
        batch_size: number of clips that a model gets at a time.
        gpu_share: share of a GPU for each model; without GPUs in the cluster models run on CPUs.
    """

    reading: Reading
    dataset: str
    package: Addresses
    engine: Engine
    yunet_model: bytes | None
    batch_size: int
    gpu_share: float

    @property
    def reader(self) -> type[ReadVideos] | type[ReadClips]:
        """Class of the readers."""
        return ReadClips if self.dataset else ReadVideos

    @property
    def reader_args(self) -> tuple[Any, ...]:
        """Arguments of the readers' class."""
        if self.dataset:
            return self.dataset, self.reading.out
        return self.reading, self.yunet_model


class ScoreClips:
    """Model that adds probabilities to clips."""

    def __init__(self, package_uri: Addresses, device: str, engine: Engine) -> None:
        self._predictor = Predictor.load(package_uri, device=device, engine=engine)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Return rows of ``READ_ROWS`` as rows of ``SCORED_ROWS``, in the same order."""
        began = time.monotonic()
        is_clip = pc.equal(rows["kind"], "clip")
        answers = self._predictor.jpeg_answers(rows["crops"].filter(is_clip).to_pylist())
        probs: list[list[float] | None] = [None] * rows.num_rows
        steps: list[list[float] | None] = [None] * rows.num_rows
        for index, place in enumerate(pc.indices_nonzero(is_clip).to_pylist()):
            probs[place] = answers.probs[index].tolist()
            steps[place] = answers.steps[index].ravel().tolist()
        busy_s = [time.monotonic() - began] + [0.0] * (rows.num_rows - 1)
        scored = rows.drop_columns(["crops"])
        added = [pa.array(values, SCORED_ROWS.field(name).type) for name, values in (
            ("probs", probs), ("steps", steps), ("busy_s", busy_s),
        )]  # fmt: skip
        return pa.table([*scored.columns, *added], schema=SCORED_ROWS)


class Tally:
    """Progress of a run, and the totals of the shards that it committed."""

    def __init__(self, refs: Sequence[ShardRef], totals: RunTotals, runner: Runner) -> None:
        self._refs = {ref.shard_id: ref for ref in refs}
        self._totals = totals
        total = sum(ref.video_s for ref in refs)
        self._progress = Progress("score", total=total, unit="s", under_way=runner.under_way)

    def __enter__(self) -> Tally:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.__exit__(None, None, None)

    def add(self, entry: Entry) -> None:
        """Add one committed shard."""
        self._totals.add(
            counts=entry.counts,
            rejects=entry.rejects,
            frames=entry.frames,
            video_s=entry.video_s,
        )
        self._progress.step(
            self._refs[entry.shard_id].video_s,
            videos=entry.counts["videos"],
            frames=entry.frames,
            faces=entry.counts.get("faces", 0),
            rejects=entry.counts["rejects"],
        )


def read_chunks(runner: Runner, refs: Sequence[ShardRef], settings: StageSettings) -> None:
    """Read the chunks of long videos that have no file in the ledger yet, on all CPUs.

    Raises:
        EmotionError: if the storage still fails after all retries.
    """
    long = [ref for ref in refs if ref.num_chunks > 1]
    finished = finished_chunks(settings.reading.out) if long else set()
    items: list[Item] = [
        ref.to_item("chunk") | {"chunk": number}
        for ref in long
        for number in range(ref.num_chunks)
        if chunk_name(ref.shard_id, number) not in finished
    ]
    if not items:
        return
    video_s = {ref.shard_id: ref.video_s / ref.num_chunks for ref in long}
    total_s = sum(video_s[item["shard_id"]] for item in items)
    args = (settings.reading, settings.yunet_model)
    with Progress("chunks", total=total_s, unit="s", under_way=runner.under_way) as progress:
        for row in runner.map(ReadChunk, args, items, video_s=total_s):
            check_fault(row["fault"])
            progress.step(row["video_s"], frames=row["frames"], faces=row["faces"])
