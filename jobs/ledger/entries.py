"""The ledger's entries: one JSON file per finished shard, ``_ledger/done/SHARD.json``.

A shard is done when its entry exists. A worker writes the entry after the shard's parts, so that a
run that was killed at any point ends, after the same command again, in the same files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from emotion import storage


@dataclass(frozen=True)
class SlowVideo:
    """A video, and the wall time that it took.

    Attributes:
        uri: of the video.
        wall_s: seconds to read it and to find its faces.
        duration_s: its length in seconds.
    """

    uri: str
    wall_s: float
    duration_s: float


@dataclass(frozen=True)
class Entry:
    """The result of one finished shard.

    Attributes:
        shard_id: of the shard.
        counts: rows by table; of an export: videos and files.
        rejects: videos left out, by reason; of an export: videos that could not be read again.
        retired: number of its videos that are no longer wanted.
        video_s: seconds of video that were read.
        wall_s: seconds that workers took for it.
        frames: sampled frames; counted by scoring alone.
        slowest: the videos that took longest, the slowest first; noted by scoring alone.
    """

    shard_id: str
    counts: dict[str, int]
    rejects: dict[str, int]
    retired: int
    video_s: float = 0.0
    wall_s: float = 0.0
    frames: int = 0
    slowest: tuple[SlowVideo, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Entry:
        """Make an entry of what ``to_json`` gave."""
        slowest = tuple(SlowVideo(**video) for video in value["slowest"])
        return cls(**{**value, "slowest": slowest})


def write_entry(out: str, entry: Entry) -> None:
    """Mark a shard as done; to be called after its parts are written."""
    storage.write_json(_entry_uri(out, entry.shard_id), entry.to_json())


def read_entry(out: str, shard_id: str) -> Entry:
    """Read the entry of one shard.

    Raises:
        FileNotFoundError: if the shard is not done.
    """
    return Entry.from_json(storage.read_json(_entry_uri(out, shard_id)))


def remove_entry(out: str, shard_id: str) -> None:
    """Mark a shard as not done; to be called before its parts are changed."""
    storage.remove(_entry_uri(out, shard_id))


def read_entries(out: str) -> list[Entry]:
    """Read the entries of all finished shards, in order of shard_id."""
    files = storage.list_files(storage.join(out, "_ledger", "done"), suffixes=(".json",))
    texts = storage.read_many([file.uri for file in files])
    return [Entry.from_json(json.loads(text)) for text in texts]


def _entry_uri(out: str, shard_id: str) -> str:
    return storage.join(out, "_ledger", "done", f"{shard_id}.json")


def add_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counters by name.

    >>> add_counts([{"a": 1}, {"a": 2, "b": 1}])
    {'a': 3, 'b': 1}
    """
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total
