"""Measure plan and closing of a large archive, without decoding: time, memory, requests and bytes.

    python -m benchmarks.plan --videos 10000 100000 1000000
    python -m benchmarks.plan --videos 20000 --out s3://BUCKET/plan

The listing and the durations are made up: videos of 10 minutes with names as on S3. Join with a
label table, plan, items of work, ledger and audit are the real code. Workers are left out: the
parts of a shard are copies of one file.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.labels import LABELS
from emotion.storage import FileInfo
from jobs.common.command import one_line_errors, parse
from jobs.ledger import plan_parts as making
from jobs.ledger.audit import audit
from jobs.ledger.entries import Entry
from jobs.ledger.lock import Fence
from jobs.ledger.parts import part_uri, shard_versions
from jobs.ledger.plan import LabelTable
from jobs.ledger.shards import ShardRef
from jobs.ledger.stored_plan import PROBED, planned_shards
from schemas.tables import DATASETS

VIDEO_S = 600.0
_THREADS = 16  # writing a part is waiting


@dataclass(frozen=True)
class Config:
    """Settings of the measurement."""

    videos: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Numbers of videos of the archives."""
    out: str | None = None
    """Address of the outputs; default: a temporary folder."""


def listing(count: int) -> Iterator[FileInfo]:
    """Yield made-up objects, in order of name."""
    for number in range(count):
        etag = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        yield FileInfo(f"{number // 1000:04d}/episode {number:07d}.mp4", 50_000_000 + number, etag)


def write_labels(path: Path, count: int) -> None:
    """Write a label table for all objects."""
    with path.open("w") as text:
        text.write("uri,subject_id,label\n")
        for number, file in enumerate(listing(count)):
            text.write(f"{file.uri},s{number // 50},{LABELS[number % len(LABELS)]}\n")


def durations(fresh: Path, out: Path) -> None:
    """Write the same duration for every video, in place of ``jobs.ledger.probe``."""
    names = pq.read_table(fresh, columns=["video_id"])["video_id"]
    columns = [names, pa.repeat(VIDEO_S, len(names)), pa.repeat(True, len(names))]
    pq.write_table(pa.table(columns, schema=PROBED), out)


class Requests:
    """Counter of the S3 requests of this process, by operation."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.num_bytes = 0

    def __enter__(self) -> Requests:
        from s3fs import S3FileSystem

        real = S3FileSystem._call_s3

        async def call(fs: Any, method: str, *given: Any, **named: Any) -> Any:
            answer = await real(fs, method, *given, **named)
            self.counts[method] += 1
            self.num_bytes += int((answer or {}).get("ContentLength") or 0)
            body = named.get("Body", b"")
            self.num_bytes += len(body) if isinstance(body, bytes) else 0
            return answer

        self._patch = mock.patch.object(S3FileSystem, "_call_s3", call)
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()

    def taken(self) -> Counter[str]:
        """Return the counts since the last call, with the bytes under the name "bytes"."""
        taken = self.counts + Counter({"bytes": self.num_bytes})
        self.counts, self.num_bytes = Counter(), 0
        return taken


def commit_all(out: str, refs: Sequence[ShardRef]) -> None:
    """Write parts and entry of every shard; each part is the same small file."""
    files = {name: encoded(schema.empty_table()) for name, schema in DATASETS.items()}

    def commit(ref: ShardRef) -> None:
        for name, data in files.items():
            write(part_uri(out, name, ref.shard_id), data)
        parts = shard_versions(out, DATASETS, ref.shard_id)
        counts = dict.fromkeys(DATASETS, 0) | {"videos": ref.num_rows}
        entry = Entry(ref.shard_id, counts, {}, retired=0, parts=parts)
        uri = storage.join(out, "_ledger", "done", f"{ref.shard_id}.json")
        write(uri, storage.json_bytes(entry.to_json()))

    for name in (*DATASETS, "_ledger/done"):
        if storage.is_local(out):
            Path(out, name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(commit, refs):
            pass


def write(uri: str, data: bytes) -> None:
    """Write a file; on a disk without the care of ``storage``, since this is not measured."""
    if storage.is_local(uri):
        Path(uri).write_bytes(data)
    else:
        storage.write_bytes(uri, data)


def encoded(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def peak_mib() -> float:
    """Return the peak of the resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(count: int, out: str, folder: Path) -> None:
    """Plan, commit and audit an archive; print a line for each step."""
    write_labels(folder / "labels.csv", count)
    storage.write_json(f"{out}/config.json", {})
    start_mib, began = peak_mib(), time.monotonic()
    num_shards = largest = total = 0
    firsts: list[float] = []
    planned_s = commits_s = 0.0
    with (
        Requests() as requests,
        mock.patch.object(making, "stream_videos", lambda _: listing(count)),
    ):
        table = LabelTable(str(folder / "labels.csv"), LABELS, seed=0)
        plans = making.plan_parts(str(folder), folder, table=table, whole=False)
        waves = planned_shards(
            plans, Fence(out, 0), durations=durations, shard_s=None, chunk_s=300.0, folder=folder
        )
        asked: Counter[str] = Counter()
        while wave := next(waves, None):
            refs, _ = wave
            for ref in refs:
                size = len(ref.to_item("shard")["videos"])
                largest, total = max(largest, size), total + size
            num_shards += len(refs)
            planned_s += time.monotonic() - began
            firsts.append(planned_s)
            asked += requests.taken()
            began = time.monotonic()
            commit_all(out, refs)
            commits_s += time.monotonic() - began
            requests.taken()
            began = time.monotonic()
        print(f"{count:,} videos of {VIDEO_S:.0f} s in {num_shards:,} shards")
        print(f"  plan     {planned_s:8.1f} s, the first part after {firsts[0]:.1f} s")
        print(f"           driver {start_mib:,.0f} MiB at the start, {peak_mib():,.0f} MiB at most")
        print(f"           rows of a shard: at most {largest / 1024:.1f} KiB")
        print(f"           rows of all shards: {total / 2**20:.1f} MiB")
        print(f"           requests: {dict(asked)}")
        print(f"  commits  {commits_s:8.1f} s")
        began = time.monotonic()
        entries = audit(out, DATASETS, folder)
        print(f"  closing  {time.monotonic() - began:8.1f} s for {len(entries):,} shards")
        print(f"           driver {peak_mib():,.0f} MiB at most")
        print(f"           requests: {dict(requests.taken())}")


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Measure every size in a process of its own."""
    config = parse(Config, argv, verb="benchmarks.plan", doc=__doc__)
    context = multiprocessing.get_context("spawn")
    for count in config.videos:
        with tempfile.TemporaryDirectory() as folder:
            out = storage.join(config.out, str(count)) if config.out else f"{folder}/out"
            process = context.Process(target=measure, args=(count, out, Path(folder)))
            process.start()
            process.join()
            if process.exitcode:
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
