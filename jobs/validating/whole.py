"""Rules on the whole dataset, which DuckDB checks over all parts in bounded memory.

DuckDB reads local parts directly. Parts on S3 are streamed through Arrow into a temporary database
file, because DuckDB would have to download an extension to read S3.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from emotion import storage
from emotion.extract.embed import SAME_PERSON_DISTANCE
from emotion.validate.lookalikes import find_lookalikes
from emotion.validate.queries import Query, all_queries
from emotion.validate.result import EXAMPLES, Result, ValidationReport
from emotion.validate.rules import Severity
from emotion.validate.subjects import SubjectStore
from jobs.ledger.plan_files import ledger_files
from jobs.ledger.sql import literal
from jobs.validating.groups import Parts
from schemas.tables import DATASETS, MANIFEST

MEMORY = "512MB"
"""Memory limit of DuckDB; larger data is spilled to temporary files."""
TRACK_ROWS = 20_000
"""Number of rows of ``tracks`` to read at a time; it may be exceeded to complete a shard."""

COLUMNS = {
    "videos": ["video_id", "uri", "content_sha256", "subject_id", "label", "split", "complete"],
    "frames": ["video_id"],
    "faces": ["video_id"],
    "tracks": ["video_id"],
    "clips": ["video_id", "label", "split"],
    "rejects": ["video_id", "uri", "stage", "reason"],
    "planned": ["shard_id", "video_id", "uri"],
    "retired": ["shard_id", "video_id"],
}
FACE_COLUMNS = ["video_id", "identity_id", "subject_id", "split", "num_faces", "embedding"]


def validate_whole(
    dataset_uri: str, parts: Parts, *, labels: Sequence[str], max_reject_share: float
) -> ValidationReport:
    """Check the rules that need more than one group of shards.

    Args:
        dataset_uri: the dataset folder; its parts must have the declared columns.
        parts: size in bytes of each part, by table and file name.
        labels: the label set.
        max_reject_share: largest share of the labelled videos that may be rejects, 0 to 1.
    """
    with tempfile.TemporaryDirectory(prefix="video-emotion-validation-") as folder:
        with _database(dataset_uri, parts, labels, Path(folder)) as database:
            results = [
                _run(database, query) for query in all_queries(max_reject_share=max_reject_share)
            ]
        store = SubjectStore(Path(folder), same_distance=SAME_PERSON_DISTANCE)
        for tracks in _tracks(dataset_uri, list(parts["tracks"])):
            store.add(tracks)
        results += _identities(store)
    return ValidationReport(tuple(results))


def _tracks(dataset_uri: str, parts: Sequence[str]) -> Iterator[pa.Table]:
    """Yield tables with the tracks of whole shards, each with about ``TRACK_ROWS`` rows."""
    held: list[pa.Table] = []
    uris = [storage.join(dataset_uri, "tracks", part) for part in parts]
    for place, table in enumerate(storage.read_parts(uris, FACE_COLUMNS)):
        held.append(table)
        if place == len(parts) - 1 or sum(table.num_rows for table in held) >= TRACK_ROWS:
            yield pa.concat_tables(held)
            held = []


def _identities(store: SubjectStore) -> Iterator[Result]:
    """Yield the results of the rules on the people of different splits."""
    near = find_lookalikes(store, same_distance=SAME_PERSON_DISTANCE)
    alike = "no two subjects of different splits have faces nearer than"
    beside = "no person beside a subject is in videos of a subject of another split"
    recordings = "no two subjects of different splits are in videos of the same two people"
    rules: list[tuple[str, int, tuple[str, ...], Severity]] = [
        (f"{alike} {near.same.distance:g}", near.same.num_people, near.same.texts, "error"),
        (f"{alike} {near.alike.distance:g}", near.alike.num_people, near.alike.texts, "warning"),
        (recordings, len(near.recordings), near.recordings[:EXAMPLES], "error"),
        (beside, near.beside.num_people, near.beside.texts, "warning"),
    ]
    for text, broken, examples, severity in rules:
        yield Result("identities", text, not broken, broken, examples, len(store), severity)


@contextlib.contextmanager
def _database(
    dataset_uri: str, parts: Parts, labels: Sequence[str], folder: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": "false",
        "threads": "2",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(str(folder / "whole.duckdb"), config=config) as database:
        database.execute("set enable_progress_bar = false")  # it would overwrite the job's output
        for name in DATASETS:
            uris = [storage.join(dataset_uri, name, part) for part in parts[name]]
            _open(database, name, uris, DATASETS[name])
        for name, kind in (("planned", "plan"), ("retired", "retired")):
            _open(database, name, ledger_files(dataset_uri, kind), MANIFEST)
        database.execute(
            "CREATE VIEW plan AS SELECT * FROM planned p WHERE NOT EXISTS (FROM retired r "
            "WHERE r.shard_id = p.shard_id AND r.video_id = p.video_id)"
        )
        database.from_arrow(pa.table({"label": pa.array(labels, pa.string())})).create("labels")
        yield database


def _open(
    database: duckdb.DuckDBPyConnection, name: str, uris: Sequence[str], declared: pa.Schema
) -> None:
    """Create the view or table ``name`` with its ``COLUMNS`` and ``part``, the part's file name.

    A table with only video_id has each (video_id, part) once if it was read from S3.
    """
    columns = COLUMNS[name]
    if uris and storage.is_local(uris[0]):
        paths = [literal(storage.absolute(uri)) for uri in uris]
        files = database.read_parquet(
            paths, union_by_name=True, filename=True, hive_partitioning=False
        )
        files.project(f"{', '.join(columns)}, parse_filename(filename) AS part").create_view(name)
        return
    schema = pa.schema([declared.field(column) for column in columns])
    schema = schema.append(pa.field("part", pa.string()))
    reader = pa.RecordBatchReader.from_batches(schema, _batches(uris, columns, schema))
    rows = database.from_arrow(reader)
    (rows.distinct() if columns == ["video_id"] else rows).create(name)


def _batches(
    uris: Sequence[str], columns: list[str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for group in storage.groups_of(uris, columns):
        for batch in group.rows.to_batches():
            part = pa.repeat(group.part.rsplit("/", 1)[-1], batch.num_rows)
            yield pa.RecordBatch.from_arrays([*batch.columns, part], schema=schema)


def _run(database: duckdb.DuckDBPyConnection, query: Query) -> Result:
    elements = _one(database, query.elements)[0]
    number, examples = _one(
        database,
        f"WITH broken AS MATERIALIZED ({query.broken}) SELECT (SELECT count(*) FROM broken), "
        f"(SELECT list(note) FROM (SELECT note FROM broken ORDER BY note LIMIT {EXAMPLES}))",
    )
    shown = tuple(str(note) for note in examples or ())
    severity = query.severity
    return Result(
        query.dataset, query.text, number == 0, number, shown, int(elements or 0), severity
    )


def _one(database: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = database.execute(sql).fetchone()
    return row or ()
