"""Shards: groups of videos. A shard is the unit of work and of resume, with one part per table."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.nouns import counted
from jobs.ledger.entries import Entry, remove_entry, sound_entries
from jobs.ledger.parts import Row, part_name, part_sizes, version_size

SHARD_VIDEOS = 1000
"""Largest number of videos in a shard; it bounds a shard of very short or unreadable videos."""
CHUNKED_FROM = 1.5
"""Number of chunk lengths above which a video is cut into chunks."""
MOST_PIECES = 2000
"""Number of shards above which it is not worth cutting a video so that more workers have work."""


@dataclass(frozen=True, eq=False)
class ShardRef:
    """One shard of the plan, with the rows of its videos.

    Attributes:
        shard_id: name of the shard; names sort in the order of the plan.
        videos: rows of the stored plan for the shard's videos, including retired ones.
        retired: ids of the retired videos, which the output must not hold any more.
    """

    shard_id: str
    videos: pa.Table
    retired: tuple[str, ...] = ()

    @property
    def num_rows(self) -> int:
        """Number of the shard's videos, including retired ones."""
        return int(self.videos.num_rows)

    @property
    def num_videos(self) -> int:
        """Number of the shard's videos without the retired ones."""
        return self.num_rows - len(self.retired)

    @cached_property
    def video_s(self) -> float:
        """Total duration in seconds of the shard's videos without the retired ones."""
        videos = self.videos
        if self.retired:
            videos = videos.filter(pc.invert(pc.is_in(videos["video_id"], pa.array(self.retired))))
        return float(pc.sum(videos["duration_s"]).as_py() or 0.0)

    @cached_property
    def num_chunks(self) -> int:
        """Number of chunks if the shard is one long video, else 1."""
        return int(pc.max(self.videos["num_chunks"]).as_py() or 1)

    def rows(self) -> list[Row]:
        """Return the rows of the shard's videos without the retired ones."""
        rows: list[Row] = self.videos.to_pylist()
        return [row for row in rows if row["video_id"] not in self.retired]

    def video_ids(self) -> list[str]:
        """Return the ids of the shard's videos without the retired ones."""
        return [name for name in self.videos["video_id"].to_pylist() if name not in self.retired]

    def to_item(self, task: str) -> dict[str, Any]:
        """Return an item of work with this reference, ``task``, and facts for the driver.

        The rows travel with the item, so that a worker reads nothing of the stored plan.
        """
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, self.videos.schema, options=options) as writer:
            writer.write_table(self.videos)
        return {
            "task": task,
            "shard_id": self.shard_id,
            "videos": sink.getvalue().to_pybytes(),
            "retired": list(self.retired),
            "num_chunks": self.num_chunks,
            "video_s": self.video_s,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> ShardRef:
        """Return the reference for an item that ``to_item`` returned."""
        with pa.ipc.open_stream(item["videos"]) as reader:
            videos = reader.read_all()
        return cls(str(item["shard_id"]), videos, tuple(str(v) for v in item["retired"]))

    def __reduce__(self) -> tuple[Callable[..., ShardRef], tuple[dict[str, Any]]]:
        # A pickled slice of a table would hold the rows of all shards.
        return ShardRef.from_item, (self.to_item(""),)


def refs_of(plan: pa.Table, retired: Mapping[str, Sequence[str]]) -> list[ShardRef]:
    """Cut rows of a stored plan, in order of shard, into its shards.

    Args:
        plan: rows with the columns of ``MANIFEST`` and those of the label table.
        retired: ids of the retired videos by shard_id.
    """
    ends = pa.array([], pa.int32())
    if plan.num_rows:
        runs = pc.run_end_encode(plan["shard_id"].combine_chunks(), run_end_type=pa.int32())
        ends = runs.run_ends
    refs, start = [], 0
    for stop in ends.to_pylist():
        videos = plan.slice(start, stop - start)
        shard_id = videos["shard_id"][0].as_py()
        refs.append(ShardRef(shard_id, videos, tuple(sorted(retired.get(shard_id, ())))))
        start = stop
    return refs


def done_shards(out: str, tables: Collection[str] = ()) -> dict[str, int]:
    """Return the number of retired videos of each shard that is done.

    A shard is done if it has a ledger entry without rejects for ``storage_error``. A shard with
    such a reject is read again, because the storage may work now. A shard of which a part is gone
    or has another size than when it was written is not done either; its entry is removed. So only
    the run that holds the lock of the output may call this.

    Args:
        out: the output folder.
        tables: names of the tables of which each shard has a part; empty: it has none.
    """
    done: dict[str, int] = {}
    sizes: dict[str, dict[str, str]] | None = None
    for entry in sound_entries(out):
        if sizes is None:
            sizes = {table: part_sizes(out, table) for table in tables}
        if damaged := _damaged_part(entry, sizes):
            print(f"{storage.join(out, damaged)} is missing or damaged: its shard is done again")
            remove_entry(out, entry.shard_id)
        elif "storage_error" not in entry.rejects:
            done[entry.shard_id] = entry.retired
    return done


def _damaged_part(entry: Entry, sizes: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return table and name of a part that is gone or has another size; None if there is none."""
    name = part_name(entry.shard_id)
    for table, stored in sizes.items():
        size, version = stored.get(name), entry.parts.get(table)
        if size is None or (version is not None and version_size(version) != size):
            return f"{table}/{name}"
    return None


def to_do(
    refs: Sequence[ShardRef], done: Mapping[str, int]
) -> tuple[list[ShardRef], list[ShardRef]]:
    """Return the shards that need work.

    A shard that was never done and whose videos are all retired needs no work.

    Args:
        refs: shards of the plan.
        done: number of retired videos of each shard that is done, see ``done_shards``.

    Returns:
        Shards to read, and finished shards from which retired videos must be removed.
    """
    missing = [r for r in refs if r.shard_id not in done and len(r.retired) < r.num_rows]
    stale = [r for r in refs if done.get(r.shard_id, len(r.retired)) != len(r.retired)]
    return missing, stale


def describe_plan(refs: Sequence[ShardRef]) -> str:
    """Return the numbers of videos, minutes and shards, without the retired videos, as text.

    >>> describe_plan([])
    '0 videos, 0.0 minutes, in 0 shards'
    """
    kept = [ref for ref in refs if ref.num_videos]
    videos = counted(sum(ref.num_videos for ref in kept), "video")
    minutes = sum(ref.video_s for ref in kept) / 60
    return f"{videos}, {minutes:,.1f} minutes, in {counted(len(kept), 'shard')}"


def chunked_from_s(chunk_s: float | None, total_s: float) -> float:
    """Return the duration in seconds above which a video is cut into chunks; infinity for none.

    Chunks let several workers read one video. Where thousands of other videos wait, every worker
    has work without them.

    Args:
        chunk_s: length of a chunk in seconds; None cuts no video.
        total_s: video time of the whole plan in seconds.

    >>> chunked_from_s(300, total_s=3600), chunked_from_s(300, total_s=6e6)
    (450.0, 3000.0)
    """
    return math.inf if chunk_s is None else max(CHUNKED_FROM * chunk_s, total_s / MOST_PIECES)


def cut_shards(
    rows: Iterator[Row],
    *,
    prefix: str,
    shard_s: float,
    chunk_s: float | None,
    total_s: float = 0.0,
) -> Iterator[Row]:
    """Add shard_id and num_chunks to the rows of a plan, in order.

    A seekable video longer than ``chunked_from_s`` is cut into chunks. It is the only video of its
    shard.

    Args:
        rows: rows of videos with duration_s and seekable; ``seekable`` is removed from them.
        prefix: text before the number in each shard_id.
        shard_s: largest total duration of a shard in seconds; one longer video is a shard too.
        chunk_s: length of a chunk in seconds; None cuts no video.
        total_s: video time of the whole plan in seconds.

    >>> videos = [{"duration_s": s, "seekable": True} for s in (4.0, 5.0, 2.0, 30.0, 1.0)]
    >>> for row in cut_shards(iter(videos), prefix="0000", shard_s=10, chunk_s=8):
    ...     print(row["shard_id"], row["num_chunks"], row["duration_s"])
    0000-000000 1 4.0
    0000-000000 1 5.0
    0000-000001 1 2.0
    0000-000002 4 30.0
    0000-000003 1 1.0
    """
    number, filled_s, videos = -1, math.inf, 0
    for row in rows:
        seconds, seekable = float(str(row["duration_s"])), row.pop("seekable")
        long = bool(seekable) and seconds > chunked_from_s(chunk_s, total_s)
        chunks = math.ceil(seconds / chunk_s) if long and chunk_s else 1
        if long or filled_s + seconds > shard_s or videos == SHARD_VIDEOS:
            number, filled_s, videos = number + 1, 0.0, 0
        filled_s, videos = math.inf if long else filled_s + seconds, videos + 1
        yield row | {"shard_id": f"{prefix}-{number:06d}", "num_chunks": chunks}
