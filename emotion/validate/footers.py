"""Parquet footers of the parts, which are read without the rows, and pandas frames from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emotion.validate.notes import notes
from schemas.tables import DATASETS


@dataclass(frozen=True)
class Footer:
    """Columns, types and counts of one Parquet part.

    Attributes:
        dataset: name of the table, one of the six tables of a dataset.
        part: file name of the part.
        schema: columns and types.
        num_rows: number of rows.
        num_crops: number of values in the ``crops`` column; 0 in the other tables.
    """

    dataset: str
    part: str
    schema: pa.Schema
    num_rows: int
    num_crops: int = 0


def footer_of(dataset: str, part: str, parquet: pq.ParquetFile) -> Footer:
    """Read the footer of an open part; no row is read."""
    metadata = parquet.metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    crops = sum(c.num_values for c in columns if c.path_in_schema.split(".")[0] == "crops")
    num_crops = crops if dataset == "clips" else 0
    return Footer(dataset, part, parquet.schema_arrow, metadata.num_rows, num_crops)


def columns_frame(footers: Sequence[Footer]) -> pd.DataFrame:
    """Return a row per column of each part: dataset, column, and a note in ``problem``.

    The note names a missing column, a wrong type or a column that is not declared.
    """
    rows = [
        (footer.dataset, column, f"{footer.dataset}/{footer.part}: {problem}" if problem else None)
        for footer in footers
        for column, problem in _column_problems(footer)
    ]
    frame = pd.DataFrame(rows, columns=["dataset", "column", "problem"])
    return frame.astype({"problem": object})


def _column_problems(footer: Footer) -> Iterable[tuple[str, str]]:
    """Yield the name of each column and its error; an empty text if there is none.

    A text column of ``videos`` that is not declared is allowed.
    """
    declared, stored = DATASETS[footer.dataset], footer.schema
    for field in declared:
        if field.name not in stored.names:
            yield field.name, f"column {field.name} is missing"
        elif stored.field(field.name).type != field.type:
            yield field.name, f"{field.name} is {stored.field(field.name).type}, not {field.type}"
        else:
            yield field.name, ""
    for name in stored.names:
        if name not in declared.names:
            kept = footer.dataset == "videos" and pa.types.is_string(stored.field(name).type)
            yield name, "" if kept else f"column {name} is not declared"


def crops_frame(footers: Sequence[Footer], *, clip_len: int) -> pd.DataFrame:
    """Return a row per part of ``clips``, with a note if its number of crops is wrong.

    The right number is ``clip_len`` times the number of clips.
    """
    rows = [(f.part, f.num_rows, f.num_crops) for f in footers if f.dataset == "clips"]
    frame = pd.DataFrame(rows, columns=["part", "num_clips", "num_crops"])
    # Parquet counts an empty or null list as one value, so with clip_len 1 a clip without crops
    # gets no note.
    bad = frame["num_crops"] != frame["num_clips"] * clip_len
    text = f"{{part}}: {{num_clips}} clips hold {{num_crops}} crops, not {clip_len} each"
    return frame.assign(wrong_crops=notes(frame, bad, text))
