"""Tables of a score set as CSV and JSON Lines: one file per table, written part by part."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from emotion import storage
from emotion.export.names import NOBODY, ArchiveNames, with_names
from schemas.codebook import described
from schemas.scores import score_tables

TABLE_FORMATS = ("csv", "jsonl")
TABLES = ("videos", "people", "tracks", "segments", "timeline", "scores", "rejects")
"""The exported tables. ``faces`` is not exported, because it has a row per face and sample.

Read it as Parquet.
"""
CORNERS = ("box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px")
_ROWS = 16_384


def export_tables(
    scores: str,
    out: str,
    formats: Sequence[str],
    *,
    names: ArchiveNames = NOBODY,
    only: Collection[str] | None = None,
) -> None:
    """Write OUT/csv/TABLE.csv and OUT/jsonl/TABLE.jsonl.

    Tables with a row per person or track get the column ``person``.

    Args:
        scores: address of the score set.
        out: address of the folder for the files.
        formats: some of ``TABLE_FORMATS``.
        names: names of people.
        only: uris of the videos whose rows are written; None: all rows.
    """
    chosen = None if only is None else pa.array(sorted(only), pa.string())
    with TemporaryDirectory(prefix="video-emotion-export-") as folder:
        for form in formats:
            for table in TABLES:
                path = Path(folder) / f"{table}.{form}"
                write = _write_csv if form == "csv" else _write_jsonl
                write(path, _batches(storage.join(scores, table), names, chosen))
                storage.put_file(path, storage.join(out, form, path.name))


def csv_schemas(labels: Sequence[str]) -> dict[str, pa.Schema]:
    """Return the schemas of the CSV files by table, with descriptions of their columns."""
    schemas = score_tables(labels)
    return {
        table: described(
            flatten_box(with_names(schemas[table].empty_table(), NOBODY)).schema, "scores", table
        )
        for table in TABLES
    }


def has_tables(scores: str, out: str, formats: Sequence[str]) -> bool:
    """Return True if every file of ``export_tables`` is there.

    A CSV file is never empty, because it has a header; JSON Lines of no rows are.
    """
    there = {
        file.uri
        for form in formats
        for file in storage.list_files(storage.join(out, form))
        if file.size_bytes or form == "jsonl"
    }
    return all(
        storage.join(out, form, f"{table}.{form}") in there
        for form in formats
        for table in TABLES
        if form != "csv" or storage.list_files(storage.join(scores, table), suffixes=(".parquet",))
    )


def _batches(uri: str, names: ArchiveNames, chosen: pa.Array | None) -> Iterator[pa.Table]:
    """Yield the rows of a table's parts.

    Before the rows of a part comes an empty table, so that a file gets its columns without rows.
    """
    for file in storage.list_files(uri, suffixes=(".parquet",)):
        with storage.open_parquet(file.uri) as parquet:
            yield with_names(parquet.schema_arrow.empty_table(), names)
        for batch in storage.read_batches(file.uri, _ROWS):
            if chosen is not None:
                batch = batch.filter(pc.is_in(batch["uri"], value_set=chosen))
            yield with_names(batch, names)


def _write_csv(path: Path, batches: Iterator[pa.Table]) -> None:
    """Write rows as CSV; a box has one column per number. Without a part, no file is written."""
    writer: pa_csv.CSVWriter | None = None
    try:
        for batch in batches:
            flat = for_spreadsheets(flatten_box(batch))
            writer = writer or pa_csv.CSVWriter(path, flat.schema)
            writer.write(flat)
    finally:
        if writer is not None:
            writer.close()


def flatten_box(table: pa.Table) -> pa.Table:
    """Return ``table`` with the columns ``CORNERS`` instead of the list column ``box``.

    A table without ``box`` is returned unchanged.
    """
    if "box" not in table.column_names:
        return table
    place = table.column_names.index("box")
    boxes = table["box"].to_pylist()
    table = table.drop_columns(["box"])
    for number, name in enumerate(CORNERS):
        corner = pa.array([None if box is None else box[number] for box in boxes], pa.float32())
        table = table.add_column(place + number, name, corner)
    return table


def for_spreadsheets(table: pa.Table) -> pa.Table:
    """Return ``table`` with ``'`` before each text that a spreadsheet takes for a formula.

    Such a text begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return (OWASP, CSV
    Injection). Columns of numbers stay as they are.

    >>> for_spreadsheets(pa.table({"uri": ["=1+1.mp4", "a.mp4", None]}))["uri"].to_pylist()
    ["'=1+1.mp4", 'a.mp4', None]
    """
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            safe = pc.replace_substring_regex(table.column(place), r"\A([=+\-@\t\r])", r"'\1")
            table = table.set_column(place, field, safe)
    return table


def _write_jsonl(path: Path, batches: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in batches:
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
