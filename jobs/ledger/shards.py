"""The plan of an output folder: which videos belong to which shard, kept from run to run.

``_ledger/plan-N.parquet`` are the videos that run N found new, in order of shard;
``_ledger/retired-N.parquet`` those that it found gone, changed or labelled differently. What is
planned and not retired is what the output must hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from jobs.ledger.entries import read_entries
from jobs.ledger.plan import Plan, Row, write_rows
from jobs.ledger.sql import batches, database, quoted
from schemas.tables import MANIFEST, with_columns

NUM_SHARDS = 32
"""A small archive is cut into about so many shards, for as many workers..."""
SHARD_S = (30.0, 3600.0)
"""... of no less and no more video time than this: an hour of one face is some 120 MB of clips."""
SHARD_VIDEOS = 1000
"""A shard of very short or unreadable videos is bounded too."""
GUESSED_BYTES_PER_S = 250_000
"""How long a video is taken to be whose header does not tell."""
_GROUP_ROWS = 4096
RETIRED = pa.schema([("shard_id", pa.string()), ("video_id", pa.string())])

Durations = Callable[[Path, Path], None]
"""Reads a Parquet file of fresh videos, writes one of ``PROBED``."""
PROBED = pa.schema(
    [("video_id", pa.string()), ("duration_s", pa.float64()), ("seekable", pa.bool_())]
)


@dataclass(frozen=True)
class ShardRef:
    """The unit of work and of resume, without its videos.

    Attributes:
        shard_id: sorts in order of plan.
        plan_uri: Parquet file that holds its videos.
        first_row: of its videos in that file.
        num_rows: its videos, retired ones included.
        video_s: their time.
        num_chunks: above 1 for a shard that is one long video.
        retired: video_ids that are no longer wanted.
    """

    shard_id: str
    plan_uri: str
    first_row: int
    num_rows: int
    video_s: float
    num_chunks: int
    retired: tuple[str, ...] = ()

    def to_item(self, task: str) -> dict[str, Any]:
        """A row for Ray Data."""
        return asdict(self) | {"task": task, "retired": list(self.retired)}

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> ShardRef:
        """What ``to_item`` gave."""
        values = {name: item[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"retired": tuple(str(v) for v in item["retired"])})


@dataclass(frozen=True)
class Change:
    """What a run found new in the archive, and what gone, since the runs before."""

    num_fresh: int
    num_retired: int


def read_shard(ref: ShardRef) -> list[Row]:
    """The videos of a shard that are still wanted, as rows of ``MANIFEST`` and further columns."""
    rows: list[Row] = []
    with storage.open_parquet(ref.plan_uri) as parquet:
        start = 0
        for number in range(parquet.num_row_groups):
            stop = start + parquet.metadata.row_group(number).num_rows
            low, high = max(start, ref.first_row), min(stop, ref.first_row + ref.num_rows)
            if low < high:
                rows += parquet.read_row_group(number).slice(low - start, high - low).to_pylist()
            start = stop
    return [row for row in rows if row["video_id"] not in ref.retired]


def extend_plan(
    out: str,
    plan: Plan,
    *,
    durations: Durations,
    shard_s: float | None,
    chunk_s: float | None,
    folder: Path,
) -> tuple[list[ShardRef], Change]:
    """Compare an archive with what earlier runs planned, and plan the difference.

    Args:
        out: the output; an empty text plans and stores nothing of it (a dry run).
        plan: the archive as it is.
        durations: finds out how long the fresh videos are.
        shard_s: video time per shard; None: by ``NUM_SHARDS`` and ``SHARD_S``.
        chunk_s: longer videos that can be cut are cut into chunks of this time; None: none.
        folder: a local folder for temporary files.

    Returns:
        Every shard, in order, and what is new.
    """
    with database(folder) as db:
        number = _open_planned(db, out, plan.extra_columns, folder)
        fresh, gone = _compare(db, plan, folder)
        if gone:
            _keep(folder / "gone.parquet", folder / f"retired-{number:04d}.parquet", out)
        if fresh:
            durations(folder / "fresh.parquet", folder / "durations.parquet")
            rows = cut_shards(
                _fresh_rows(db, folder, plan),
                prefix=f"{number:04d}",
                shard_s=shard_s or _auto_shard_s(db, folder),
                chunk_s=chunk_s,
            )
            schema = with_columns(MANIFEST, plan.extra_columns)
            write_rows(folder / "cut.parquet", rows, schema, batch_rows=_GROUP_ROWS)
            _keep(folder / "cut.parquet", folder / f"plan-{number:04d}.parquet", out)
        return _refs(db, out), Change(fresh, gone)


def planned_shards(out: str, folder: Path) -> list[ShardRef]:
    """Every shard that the runs into ``out`` planned, as it is wanted now.

    Args:
        out: a dataset or a score set.
        folder: an empty local folder for temporary files.
    """
    columns = tuple(storage.read_json(storage.join(out, "config.json")).get("columns", ()))
    with database(folder) as db:
        _open_planned(db, out, columns, folder)
        return _refs(db, out)


def to_do(refs: Sequence[ShardRef], out: str) -> tuple[list[ShardRef], list[ShardRef]]:
    """Shards that are to be done, and finished ones that hold videos no longer wanted.

    A finished shard has a ledger entry, and left out no video for ``storage_error``, which may have
    passed. Of one that was never done and whose videos are all retired, nothing is wanted.
    """
    done = {
        entry.shard_id: entry.retired
        for entry in read_entries(out)
        if "storage_error" not in entry.rejects
    }
    wanted = [r for r in refs if r.shard_id not in done and len(r.retired) < r.num_rows]
    stale = [r for r in refs if done.get(r.shard_id, len(r.retired)) != len(r.retired)]
    return wanted, stale


def ledger_files(out: str, kind: str) -> list[str]:
    """Addresses of the ledger's ``plan`` or ``retired`` files, in order of run."""
    files = storage.list_files(storage.join(out, "_ledger"), suffixes=(".parquet",))
    return [f.uri for f in files if f.uri.rsplit("/", 1)[-1].startswith(f"{kind}-")]


def cut_shards(
    rows: Iterator[Row], *, prefix: str, shard_s: float, chunk_s: float | None
) -> Iterator[Row]:
    """Add shard_id and num_chunks to rows in order; shards hold about ``shard_s`` of video.

    A video that is cut into chunks is a shard of its own.

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
        long = chunk_s is not None and bool(seekable) and seconds > 1.5 * chunk_s
        parts = math.ceil(seconds / chunk_s) if long and chunk_s else 1
        if long or filled_s + seconds > shard_s or videos == SHARD_VIDEOS:
            number, filled_s, videos = number + 1, 0.0, 0
        filled_s, videos = math.inf if long else filled_s + seconds, videos + 1
        yield row | {"shard_id": f"{prefix}-{number:06d}", "num_chunks": parts}


def _keep(made: Path, name: Path, out: str) -> None:
    """Add one file to the plan: here, where the views see it, and in the output."""
    made.replace(name)
    if out:
        storage.write_bytes(f"{out}/_ledger/{name.name}", name.read_bytes())


def _open_planned(
    db: duckdb.DuckDBPyConnection, out: str, columns: Sequence[str], folder: Path
) -> int:
    """Make views of what was planned before; returns how many runs did so."""
    number = 0
    for kind in ("plan", "retired"):
        for file in ledger_files(out, kind) if out else []:
            name = file.rsplit("/", 1)[-1]
            if not (folder / name).exists():
                (folder / name).write_bytes(storage.read_bytes(file))
            number = max(number, int(name.split("-")[1].split(".")[0]) + 1)
    plans = with_columns(MANIFEST, columns)
    for kind, schema in (("plan", plans), ("retired", RETIRED)):
        empty = folder / f"{kind}-none.parquet"
        pq.write_table(schema.empty_table(), empty)
        db.execute(
            f"create or replace view {kind}s as select * from read_parquet("
            f"'{quoted(folder)}/{kind}-*.parquet', filename = true, file_row_number = true)"
        )
    db.execute(
        "create or replace view live as select plans.* from plans "
        "anti join retireds using (shard_id, video_id)"
    )
    return number


def _key_columns(plan: Plan) -> str:
    """The columns that make a planned video another one when they change."""
    of_shards = ("shard_id", "duration_s", "num_chunks")
    names = [n for n in (*MANIFEST.names, *plan.extra_columns) if n not in of_shards]
    return ", ".join(f'"{name}"' for name in names)


def _compare(db: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> tuple[int, int]:
    """Write fresh.parquet and gone.parquet; returns the rows of each."""
    columns = _key_columns(plan)
    db.execute(f"create or replace view manifest as from read_parquet('{quoted(plan.manifest)}')")
    fresh = f"select {columns} from manifest except select {columns} from live"
    gone = f"select {columns} from live except select {columns} from manifest"
    db.execute(f"copy (select * from ({fresh}) order by uri) to '{quoted(folder)}/fresh.parquet'")
    db.execute(
        "copy (select shard_id, video_id from live where video_id in "
        f"(select video_id from ({gone})) order by all) to '{quoted(folder)}/gone.parquet'"
    )
    num_fresh, num_gone = (
        storage.count_rows(str(folder / f"{name}.parquet")) for name in ("fresh", "gone")
    )
    return num_fresh, num_gone


def _fresh_rows(db: duckdb.DuckDBPyConnection, folder: Path, plan: Plan) -> Iterator[Row]:
    """Fresh videos with their duration, in order of uri."""
    sql = (
        f"select f.*, coalesce(d.duration_s, f.size_bytes / {GUESSED_BYTES_PER_S}) duration_s, "
        "coalesce(d.seekable, false) seekable "
        f"from read_parquet('{quoted(folder)}/fresh.parquet') f "
        f"left join read_parquet('{quoted(folder)}/durations.parquet') d using (video_id) "
        "order by uri"
    )
    for batch in batches(db, sql, _GROUP_ROWS):
        yield from batch.to_pylist()


def _auto_shard_s(db: duckdb.DuckDBPyConnection, folder: Path) -> float:
    found = db.execute(
        f"select sum(duration_s) from read_parquet('{quoted(folder)}/durations.parquet')"
    ).fetchall()
    total_s = float(found[0][0] or 0)
    low, high = SHARD_S
    return min(max(total_s / NUM_SHARDS, low), high)


def _refs(db: duckdb.DuckDBPyConnection, out: str) -> list[ShardRef]:
    """Every shard that was ever planned, in order."""
    retired: dict[str, list[str]] = {}
    for shard_id, video_id in db.execute("select shard_id, video_id from retireds").fetchall():
        retired.setdefault(shard_id, []).append(video_id)
    rows = db.execute(
        "select shard_id, parse_filename(filename), min(file_row_number), count(*), "
        "sum(duration_s), max(num_chunks) from plans group by 1, 2 order by 1"
    ).fetchall()
    return [
        ShardRef(
            shard_id=shard_id,
            plan_uri=storage.join(out, "_ledger", name),
            first_row=first,
            num_rows=count,
            video_s=video_s,
            num_chunks=chunks,
            retired=tuple(sorted(retired.get(shard_id, []))),
        )
        for shard_id, name, first, count, video_s, chunks in rows
    ]
