"""Stored plan of an output folder: the videos that the output must hold, added up over all runs.

A run adds files with the next free number of their kind, so that of two runs at the same time only
one can add the next file. ``_ledger/plan-N.parquet`` holds new videos, in order
of shard. ``_ledger/retired-N.parquet`` names the retired videos: videos of earlier runs that are
deleted, changed or labelled differently. The output must hold every video that is planned and not
retired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.errors import InputError
from jobs.ledger.lock import Fence
from jobs.ledger.parts import Row, write_rows
from jobs.ledger.plan import Plan
from jobs.ledger.plan_files import fetch, keep, ledger_files
from jobs.ledger.shards import ShardRef, cut_shards, refs_of
from jobs.ledger.sql import batches, database, identifier, parquet, quoted
from schemas.tables import MANIFEST, with_columns

NUM_SHARDS = 32
"""Number of shards into which an archive is cut, within the limits of ``SHARD_S``."""
SHARD_S = (30.0, 3600.0)
"""Smallest and largest video time of a shard in seconds; one hour of one face gives 120 MB of
clips."""
MAX_RETIRE = 0.1
"""Largest share of the planned videos that may be gone or changed without ``--max-retire``."""
GUESSED_BYTES_PER_S = 250_000
"""Bytes per second assumed for a video whose header does not state its duration."""
PLAN_ROWS = 100_000
"""Largest number of rows of one file of the stored plan, and of the shards in memory at a time."""
_GROUP_ROWS = 4096
RETIRED = pa.schema([("shard_id", pa.string()), ("video_id", pa.string())])

LIVE = (
    "create or replace view live as select plans.* from plans "
    "anti join retireds using (shard_id, video_id)"
)
"""SQL that creates the view of the planned videos that are not retired."""

TWICE = (
    "select shard_id, video_id from live "
    "qualify row_number() over (partition by video_id order by shard_id) > 1"
)
"""SQL for the rows of the view ``live`` whose video an earlier shard holds too."""

Durations = Callable[[Path, Path], None]
"""Function that reads a Parquet file of new videos and writes one with the schema ``PROBED``."""
PROBED = pa.schema(
    [("video_id", pa.string()), ("duration_s", pa.float64()), ("seekable", pa.bool_())]
)


@dataclass(frozen=True)
class Change:
    """Numbers of videos that changed since the earlier runs.

    Attributes:
        num_fresh: number of videos that were added to the plan.
        num_retired: number of videos that were retired.
    """

    num_fresh: int
    num_retired: int


def planned_shards(
    plans: Iterator[Plan],
    fence: Fence | None,
    *,
    durations: Durations,
    shard_s: float | None,
    chunk_s: float | None,
    folder: Path,
    max_retire: float = MAX_RETIRE,
) -> Iterator[tuple[list[ShardRef], Change]]:
    """Compare an archive with the stored plan, store the difference, and yield every shard.

    Args:
        plans: plan of the archive as it is now, whole or in parts; see ``plan_parts``.
        fence: lock of the output folder; None reads and writes no stored plan (a dry run).
        durations: function that measures the durations of the new videos.
        shard_s: video time per shard in seconds; None computes it: the total time of the new
            videos divided by ``NUM_SHARDS``, within ``SHARD_S``.
        chunk_s: length of a chunk in seconds; None cuts no video, see ``cut_shards``.
        folder: local folder for temporary files.
        max_retire: largest share of the planned videos that may be gone or changed, 0 to 1. One
            video always may.

    Yields:
        Shards of all runs, in order, about ``PLAN_ROWS`` videos at a time; and the change. The
        first shards of each part of the plan come with its change, others with no change.

    Raises:
        InputError: if more videos are gone or changed, or the plan comes in parts and there is a
            stored plan; nothing is written.
        LostLockError: if another run has taken over the output.
    """
    seen: set[Path] = set()
    for plan in plans:
        if not (plan.is_whole or seen) and fence and ledger_files(fence.out, "plan"):
            begun = f"another run has planned --out {fence.out} since this run began"
            raise InputError(f"{begun} to list the archive; run the same command again")
        change = _extend(
            fence, plan, folder,
            durations=durations, shard_s=shard_s, chunk_s=chunk_s, max_retire=max_retire,
        )  # fmt: skip
        for refs in _shards(folder, seen):
            yield refs, change
            change = Change(0, 0)


def _extend(
    fence: Fence | None,
    plan: Plan,
    folder: Path,
    *,
    durations: Durations,
    shard_s: float | None,
    chunk_s: float | None,
    max_retire: float,
) -> Change:
    """Add what is new in a plan, and what is gone, to the stored plan; return the change."""
    out = fence.out if fence else ""
    with database(folder) as db:
        number, retired = _open_planned(db, out, plan.extra_columns, folder)
        fresh, gone = _compare(db, plan, folder)
        _check_retired(db, gone, max_retire)
        if gone:
            keep(folder / "gone.parquet", folder / f"retired-{retired:04d}.parquet", fence)
        if fresh:
            durations(folder / "fresh.parquet", folder / "durations.parquet")
            total_s = _total_s(db, folder)
            schema = with_columns(MANIFEST, plan.extra_columns)
            rows = _fresh_rows(db, folder, plan)
            for k in range(math.ceil(fresh / PLAN_ROWS)):
                cut = cut_shards(
                    islice(rows, PLAN_ROWS),
                    prefix=f"{number + k:04d}",
                    shard_s=shard_s or min(max(total_s / NUM_SHARDS, SHARD_S[0]), SHARD_S[1]),
                    chunk_s=chunk_s,
                    total_s=total_s,
                )
                write_rows(folder / "cut.parquet", cut, schema, batch_rows=_GROUP_ROWS)
                keep(folder / "cut.parquet", folder / f"plan-{number + k:04d}.parquet", fence)
        return Change(fresh, gone)


def stored_shards(out: str, folder: Path) -> Iterator[list[ShardRef]]:
    """Yield every shard of the stored plan of ``out``, with the ids of its retired videos.

    Args:
        out: folder of a dataset or a score set.
        folder: local folder for temporary files; it may be that of ``planned_shards``.

    Yields:
        Shards of all runs, in order, about ``PLAN_ROWS`` videos at a time.
    """
    for kind in ("plan", "retired"):
        fetch(out, kind, folder)
    yield from _shards(folder, set())


def _shards(folder: Path, seen: set[Path]) -> Iterator[list[ShardRef]]:
    """Yield the shards of the plan files of a local folder that are not in ``seen``; add them.

    Small files are put together, up to ``PLAN_ROWS`` rows.
    """
    retired: dict[str, list[str]] = {}
    for path in sorted(folder.glob("retired-[0-9]*.parquet")):
        for row in pq.read_table(path).to_pylist():
            retired.setdefault(row["shard_id"], []).append(row["video_id"])
    refs: list[ShardRef] = []
    for path in sorted(folder.glob("plan-[0-9]*.parquet")):
        if path in seen:
            continue
        seen.add(path)
        refs += refs_of(pq.read_table(path), retired)
        if sum(ref.num_rows for ref in refs) >= PLAN_ROWS:
            yield refs
            refs = []
    if refs:
        yield refs


def planned_twice(folder: Path) -> list[str]:
    """Return the ids of the videos that two shards of the local stored plan hold.

    The next run retires all of them but the first.
    """
    with database(folder) as db:
        for kind in ("plan", "retired"):
            files = sorted(folder.glob(f"{kind}-[0-9]*.parquet"))
            rows = parquet(*files) if files else "(select '' shard_id, '' video_id limit 0)"
            db.execute(f"create view {kind}s as select shard_id, video_id from {rows}")
        db.execute(LIVE)
        return sorted({str(video_id) for _, video_id in db.execute(TWICE).fetchall()})


def _check_retired(db: duckdb.DuckDBPyConnection, gone: int, max_retire: float) -> None:
    """Refuse a plan that retires too much: often a table was cut short, or a folder is not there.

    Raises:
        InputError: if more than ``max_retire`` of the planned videos, and more than one, are gone.
    """
    live = int(db.execute("select count(*) from live").fetchall()[0][0])
    if gone > max(1, max_retire * live):
        raise InputError(
            f"{gone:,} of the {live:,} videos of the earlier runs are gone or changed, or labelled "
            f"differently: {gone / live:.0%}, more than --max-retire {max_retire:g}. Their rows "
            "would be removed. Check --videos and --labels; if the change is right, give "
            f"--max-retire {math.ceil(100 * gone / live) / 100:g}"
        )


def _open_planned(
    db: duckdb.DuckDBPyConnection, out: str, columns: Sequence[str], folder: Path
) -> tuple[int, int]:
    """Create the views plans, retireds and live; return the numbers of the next files, from 0.

    The first is that of the next file of new videos, the second that of the next retired ones.
    """
    plan, retired = (fetch(out, kind, folder) for kind in ("plan", "retired"))
    plans = with_columns(MANIFEST, columns)
    for kind, schema in (("plan", plans), ("retired", RETIRED)):
        pq.write_table(schema.empty_table(), folder / f"{kind}-none.parquet")
        db.execute(
            f"create or replace view {kind}s as from {parquet(folder, files=f'{kind}-*.parquet')}"
        )
    db.execute(LIVE)
    return plan, retired


def _key_columns(plan: Plan) -> str:
    """Return the columns whose change retires a planned video and plans it again."""
    of_shards = ("shard_id", "duration_s", "num_chunks")
    names = [n for n in (*MANIFEST.names, *plan.extra_columns) if n not in of_shards]
    return ", ".join(identifier(name) for name in names)


def _compare(db: duckdb.DuckDBPyConnection, plan: Plan, folder: Path) -> tuple[int, int]:
    """Write fresh.parquet (new videos) and gone.parquet (retired ones); return their row counts."""
    columns = _key_columns(plan)
    db.execute(f"create or replace view manifest as from {parquet(plan.manifest)}")
    fresh = f"select {columns} from manifest except select {columns} from live"
    gone = f"select {columns} from live except select {columns} from manifest"
    if not plan.is_whole:  # the first run: nothing was planned before, and nothing can be gone
        fresh = f"select {columns} from manifest"
        gone = f"select {columns} from live where false"
    db.execute(f"copy (select * from ({fresh}) order by uri) to '{quoted(folder)}/fresh.parquet'")
    db.execute(
        "copy (select shard_id, video_id from live where video_id in "
        f"(select video_id from ({gone})) union {TWICE} order by all) "
        f"to '{quoted(folder)}/gone.parquet'"
    )
    num_fresh, num_gone = (
        storage.count_rows(str(folder / f"{name}.parquet")) for name in ("fresh", "gone")
    )
    return num_fresh, num_gone


def _fresh_rows(db: duckdb.DuckDBPyConnection, folder: Path, plan: Plan) -> Iterator[Row]:
    """Yield the new videos with their durations, in order of uri."""
    sql = (
        f"select f.*, coalesce(d.duration_s, f.size_bytes / {GUESSED_BYTES_PER_S}) duration_s, "
        "coalesce(d.seekable, false) seekable "
        f"from {parquet(folder / 'fresh.parquet')} f "
        f"left join {parquet(folder / 'durations.parquet')} d using (video_id) "
        "order by uri"
    )
    for batch in batches(db, sql, _GROUP_ROWS):
        yield from batch.to_pylist()


def _total_s(db: duckdb.DuckDBPyConnection, folder: Path) -> float:
    """Return the video time of the new videos in seconds, as far as headers state it."""
    sums = db.execute(
        f"select sum(duration_s) from {parquet(folder / 'durations.parquet')}"
    ).fetchall()
    return float(sums[0][0] or 0)
