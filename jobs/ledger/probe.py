"""Durations of an archive's videos, read from their headers.

If a header cannot be read, the duration is null. The worker that reads the video later reports the
error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import VideoError
from emotion.video.decode import Limits, probe
from jobs.common.faults import storage_errors
from jobs.common.workers import RunnerName
from jobs.ledger.stored_plan import PROBED

HERE_AT_MOST = 2000
"""Largest number of headers that this process reads; more headers are read on the cluster."""
MOST_ACTORS = 16
"""Largest number of processes that read headers on a cluster."""
_THREADS = 16  # reading a header waits for the storage most of the time
_BATCH_ROWS = 512


def probe_durations(
    root: str, fresh: Path, out: Path, *, runner: RunnerName, address: str | None
) -> None:
    """Read the header of every video of ``fresh`` and write their durations to ``out``.

    Args:
        root: address of the archive.
        fresh: local Parquet file with the columns video_id and uri.
        out: local Parquet file to write, with the schema ``PROBED``; a video that cannot be read
            has nulls.
        runner: runner of the job; processes reads all headers in this process.
        address: address of the Ray cluster, see ``jobs.common.cluster.session``.
    """
    tables = storage.read_batches(str(fresh), _BATCH_ROWS, ["video_id", "uri"])
    with pq.ParquetWriter(out, PROBED) as writer:
        if runner == "processes" or storage.count_rows(str(fresh)) <= HERE_AT_MOST:
            for table in tables:
                writer.write_table(probe_table(table, root))
            return
        from jobs.common import cluster  # imports Ray

        with cluster.session(address):
            for table in _probe_on_cluster(tables, root):
                writer.write_table(table.cast(PROBED))


def _probe_on_cluster(tables: Iterator[pa.Table], root: str) -> Iterator[pa.Table]:
    import ray
    from ray.data import ActorPoolStrategy, from_arrow_refs

    from jobs.common.workers import WORKER_ENV

    refs: Any = [ray.put(table) for table in tables]
    pool = ActorPoolStrategy(min_size=1, max_size=max(1, min(MOST_ACTORS, len(refs))))
    probed = from_arrow_refs(refs).map_batches(
        _Probe,
        fn_constructor_args=(root,),
        batch_format="pyarrow",
        batch_size=_BATCH_ROWS,
        compute=pool,
        # A later part of a plan is made while readers hold every CPU. Probing mostly waits.
        num_cpus=0,
        scheduling_strategy="SPREAD",
        runtime_env={"env_vars": WORKER_ENV},
    )
    yield from probed.iter_batches(batch_size=None, batch_format="pyarrow")


class _Probe:
    """Ray actor that calls ``probe_table``."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __call__(self, table: pa.Table) -> pa.Table:
        return probe_table(table, self._root)


def probe_table(table: pa.Table, root: str) -> pa.Table:
    """Return a table with the schema ``PROBED`` for a table with video_id and uri."""

    unreadable: tuple[type[Exception], ...] = (VideoError, *storage_errors())

    def one(row: dict[str, Any]) -> dict[str, object]:
        facts: dict[str, object] = {"duration_s": None, "seekable": None}
        try:
            uri = storage.locate(root, row["uri"])
            if storage.is_local(uri):
                header = probe(Path(storage.absolute(uri)), Limits())
            else:
                with storage.open_input(uri, block_bytes=2**18) as file:
                    header = probe(file, Limits())
            facts = {"duration_s": header.duration_s, "seekable": header.seekable}
        except unreadable:
            pass  # the worker that reads the video reports the error
        return {"video_id": row["video_id"]} | facts

    with ThreadPoolExecutor(min(_THREADS, 4 * (os.cpu_count() or 1))) as pool:
        return pa.Table.from_pylist(list(pool.map(one, table.to_pylist())), schema=PROBED)
