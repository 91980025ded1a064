"""Entries of the ledger: one JSON file per finished shard, ``_ledger/done/SHARD.json``.

A shard is done when its entry exists. A worker writes the parts of a shard first and its entry
last. If a run is killed at any point, the same command resumes it and produces the same files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.lock import Fence, LostLockError

_AT_A_TIME = 1000  # entries that are read in one call


@dataclass(frozen=True)
class SlowVideo:
    """Wall time of one video.

    Attributes:
        uri: address of the video.
        wall_s: seconds to read the video and to detect its faces.
        duration_s: length of the video in seconds.
    """

    uri: str
    wall_s: float
    duration_s: float


@dataclass(frozen=True)
class Entry:
    """Result of one finished shard.

    Attributes:
        shard_id: name of the shard.
        counts: number of rows by table; for an export: number of videos and of files.
        rejects: number of rejected videos by reason; for an export: videos that could not be read.
        retired: number of the shard's videos that were retired (see ``jobs.ledger.stored_plan``).
        video_s: seconds of video that were read.
        wall_s: seconds that the workers spent on the shard.
        frames: number of sampled frames; only builds and jobs.score count them, else 0.
        faceless_frames: number of them without any face.
        slowest: slowest videos, in descending order of wall time; only jobs.score stores them.
        parts: version of the shard's part in each table, see ``jobs.ledger.parts.shard_versions``.
    """

    shard_id: str
    counts: dict[str, int]
    rejects: dict[str, int]
    retired: int
    video_s: float = 0.0
    wall_s: float = 0.0
    frames: int = 0
    faceless_frames: int = 0
    slowest: tuple[SlowVideo, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the entry as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Entry:
        """Return the entry for the values that ``to_json`` returned."""
        slowest = tuple(SlowVideo(**video) for video in value["slowest"])
        return cls(**{**value, "slowest": slowest})


def write_entry(out: str, entry: Entry, fence: Fence | None) -> None:
    """Mark a shard as done; call this after its parts are written.

    If the run has lost its lock meanwhile, the shard is marked as not done, because the parts may
    have replaced those of the run that holds the lock.

    Args:
        out: the output folder.
        entry: entry of the shard.
        fence: lock of the run; None for an output without a lock.

    Raises:
        LostLockError: if another run has taken over the output.
    """
    uri = _entry_uri(out, entry.shard_id)
    if fence is None:
        storage.write_json(uri, entry.to_json())
        return
    try:
        fence.confirm()
        storage.write_json(uri, entry.to_json())
        fence.confirm()  # the run may have been suspended between the two lines above
    except LostLockError:
        storage.remove(uri)
        raise


def read_entry(out: str, shard_id: str) -> Entry:
    """Read the entry of one shard.

    Raises:
        FileNotFoundError: if the shard is not done.
    """
    return Entry.from_json(storage.read_json(_entry_uri(out, shard_id)))


def remove_entry(out: str, shard_id: str) -> None:
    """Mark a shard as not done; call this before its parts are changed."""
    storage.remove(_entry_uri(out, shard_id))


def read_entries(out: str) -> Iterator[Entry]:
    """Yield the entries of all finished shards, in order of shard_id."""
    names = sorted(finished_shards(out))
    for start in range(0, len(names), _AT_A_TIME):
        yield from read_these(out, names[start : start + _AT_A_TIME])


def sound_entries(out: str) -> Iterator[Entry]:
    """Yield the entries of all finished shards; remove damaged ones, so that they are not done.

    Only the run that holds the lock of the output may call this.
    """
    names = sorted(finished_shards(out))
    for start in range(0, len(names), _AT_A_TIME):
        some = names[start : start + _AT_A_TIME]
        texts = storage.read_many([_entry_uri(out, shard_id) for shard_id in some])
        for shard_id, text in zip(some, texts, strict=True):
            try:
                yield _parse(out, shard_id, text)
            except InputError as err:
                print(f"{err}: the shard is done again")
                remove_entry(out, shard_id)


def finished_shards(out: str) -> set[str]:
    """Return the ids of the shards that have an entry."""
    files = storage.list_files(storage.join(out, "_ledger", "done"), suffixes=(".json",))
    return {file.name.removesuffix(".json") for file in files}


def read_these(out: str, shard_ids: Sequence[str]) -> list[Entry]:
    """Read the entries of some finished shards, in the same order.

    Raises:
        FileNotFoundError: if one of them is not done.
        InputError: if one of them is damaged.
    """
    texts = storage.read_many([_entry_uri(out, shard_id) for shard_id in shard_ids])
    return [_parse(out, *each) for each in zip(shard_ids, texts, strict=True)]


def _parse(out: str, shard_id: str, text: bytes) -> Entry:
    try:
        return Entry.from_json(json.loads(text))
    except (ValueError, KeyError, TypeError) as err:
        raise InputError(f"{_entry_uri(out, shard_id)} is damaged ({err})") from err


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


def faceless_line(entries: Iterable[Entry]) -> str:
    """Return the line of a run's summary about sampled frames without any face.

    >>> faceless_line([Entry("s0", {}, {}, 0, frames=80, faceless_frames=20)])
    '20 of 80 sampled frames have no face (25%)'
    """
    each = list(entries)
    frames, faceless = sum(e.frames for e in each), sum(e.faceless_frames for e in each)
    share = faceless / frames if frames else 0.0
    return f"{faceless:,} of {frames:,} sampled frames have no face ({share:.0%})"
