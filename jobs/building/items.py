"""Items of work of a build, and their execution.

An item is a ShardRef, a task ("shard", "chunk" or "revise") and a chunk number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.building.worker import BuildWorker, Work
from jobs.common.faults import check_fault
from jobs.common.progress import Progress
from jobs.common.workers import Item, Runner
from jobs.ledger.shards import ShardRef, to_do
from jobs.reading.chunks import chunk_name, finished_chunks


def build_items(
    refs: Sequence[ShardRef], done: Mapping[str, int], out: str
) -> tuple[list[Item], list[Item]]:
    """Return the missing work in two rounds.

    The first round holds shards, chunks of long videos, and revisions. The second round joins the
    chunks; it must begin after the first round has ended.

    Args:
        refs: shards of the plan.
        done: number of retired videos of each shard that is done.
        out: the output folder, whose ledger holds the finished chunks.
    """
    missing, stale = to_do(refs, done)
    chunks = finished_chunks(out) if any(ref.num_chunks > 1 for ref in missing) else set()
    first = [_item(ref, "revise") for ref in stale]
    joins: list[Item] = []
    for ref in missing:
        if ref.num_chunks == 1:
            first.append(_item(ref, "shard"))
        else:
            first += [
                _item(ref, "chunk", number)
                for number in range(ref.num_chunks)
                if chunk_name(ref.shard_id, number) not in chunks
            ]
            joins.append(_item(ref, "shard"))
    return first, joins


def _item(ref: ShardRef, task: str, chunk: int = 0) -> Item:
    return ref.to_item(task) | {"chunk": chunk}


def do_items(
    runner: Runner,
    first: Sequence[Item],
    joins: Sequence[Item],
    work: Work,
    yunet_model: bytes | None,
) -> None:
    """Do both rounds and show the progress in seconds of video.

    Raises:
        EmotionError: if the storage still fails after all retries.
    """
    total_s = sum(_item_s(item) for item in first)
    counts = ("videos", "frames", "faces", "rejects")
    with Progress("build", total=total_s, unit="s", under_way=runner.under_way) as progress:
        for items in (first, joins):
            if not items:
                continue
            args, video_s = (work, yunet_model), sum(_item_s(item) for item in items)
            for row in runner.map(BuildWorker, args, items, video_s=video_s):
                check_fault(row["fault"])
                progress.step(row["video_s"], **{name: row[name] for name in counts})


def _item_s(item: Item) -> float:
    if item["task"] == "revise":
        return 0.0
    return float(item["video_s"]) / (item["num_chunks"] if item["task"] == "chunk" else 1)
