"""Scoring in processes of this machine: each worker reads, scores and commits whole shards."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pyarrow as pa

from emotion import storage
from emotion.report.run_metrics import RunTotals
from jobs.common.faults import Fault, check_fault
from jobs.common.workers import Item, Runner
from jobs.ledger.entries import Entry
from jobs.ledger.shards import ShardRef
from jobs.scoring.commit import CommitSettings, PendingShard, commit_shard
from jobs.scoring.stages import ScoreClips, StageSettings, Tally, read_chunks


class ScoreShard:
    """Worker with a reader and a model that scores one shard after the other."""

    def __init__(self, settings: StageSettings, commit_settings: CommitSettings) -> None:
        self._settings, self._commit = settings, commit_settings
        self._read = settings.reader(*settings.reader_args)
        self._model = ScoreClips(settings.package, "cpu", settings.engine)

    def __call__(self, item: Item) -> Item:
        """Score and commit one shard.

        Args:
            item: a ``ShardRef.to_item``.

        Returns:
            ``entry``, the shard's ledger entry; ``busy_s``, seconds of the model; and ``fault``,
            the message of an expected failure, such as unreachable storage, or empty.
        """
        ref = ShardRef.from_item(item)
        with Fault() as fault:
            entry, busy_s = self._shard(item, ref)
            return {"entry": entry, "busy_s": busy_s, "fault": ""}
        return {"entry": None, "busy_s": 0.0, "fault": fault.line}

    def _shard(self, item: Item, ref: ShardRef) -> tuple[Entry, float]:
        pending, busy_s = PendingShard(), 0.0
        rows = self._read(pa.Table.from_pylist([item]))
        for batch in storage.rebatch(rows, self._settings.batch_size):
            for line in batch["fault"].drop_null().to_pylist():
                check_fault(line)
            scored = self._model(batch)
            busy_s += sum(scored["busy_s"].to_pylist())
            pending.add(scored)
        return commit_shard(self._commit, pending, ref), busy_s


def score_in_processes(
    runner: Runner,
    refs: Sequence[ShardRef],
    settings: StageSettings,
    commit_settings: CommitSettings,
    totals: RunTotals,
) -> None:
    """Score and commit shards, and add to the totals of the run.

    Raises:
        EmotionError: if the storage still fails after all retries.
    """
    began = time.monotonic()
    if not settings.dataset:
        read_chunks(runner, refs, settings)
    totals.num_models = min(runner.cpus, len(refs))
    items = [ref.to_item("shard") for ref in refs]
    video_s = sum(ref.video_s for ref in refs)
    args = (settings, commit_settings)
    with Tally(refs, totals, runner) as tally:
        for row in runner.map(ScoreShard, args, items, video_s=video_s):
            check_fault(row["fault"])
            totals.model_busy_s += row["busy_s"]
            tally.add(row["entry"])
    totals.wall_s += time.monotonic() - began
