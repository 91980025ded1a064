"""The label table: a CSV file with one row per video."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from emotion import storage
from emotion.errors import InputError
from emotion.splits import SPLITS

REQUIRED = ("uri", "subject_id", "label")
OPTIONAL = ("split", "fold", "corpus")


@dataclass(frozen=True)
class LabelRow:
    """One row of the label table.

    Attributes:
        uri: path of the video relative to ``videos_root`` if it is below it, else its address.
        subject_id: name of the person; never empty.
        label: as written, or empty; not checked against a label set.
        split: train, val or test; None if empty.
        fold: as written; None if empty.
        corpus: as written; None if empty.
        extra: text of each additional column, in order.
    """

    uri: str
    subject_id: str
    label: str
    split: str | None
    fold: str | None
    corpus: str | None
    extra: dict[str, str]


@dataclass(frozen=True)
class LabelTable:
    """Rows of a label table, and the names of its additional columns."""

    rows: tuple[LabelRow, ...]
    extra_columns: tuple[str, ...]


def read_label_table(uri: str, *, videos_root: str) -> LabelTable:
    """Read a whole label table; see ``open_label_table``.

    Raises:
        InputError: as ``open_label_table``, and if the table has no rows.
    """
    with open_label_table(uri, videos_root=videos_root) as (columns, rows):
        table = LabelTable(tuple(rows), columns)
    if not table.rows:
        raise InputError(f"label table {uri} has a header and no rows")
    return table


@contextlib.contextmanager
def open_label_table(
    uri: str, *, videos_root: str
) -> Iterator[tuple[tuple[str, ...], Iterator[LabelRow]]]:
    """Open a label table and read it row by row, so that memory does not grow with its length.

    Args:
        uri: address of a CSV with a header. Columns: uri, subject_id, label, optionally split,
            fold and corpus, and any additional ones.
        videos_root: folder of the videos; uris of rows are relative to it.

    Yields:
        The names of the additional columns, and an iterator over the rows.

    Raises:
        InputError: if the file does not exist, is not UTF-8 text, or lacks a required column or
            names a column twice; while the rows are read, if a row has no uri, no subject_id or
            an unknown split.
    """
    try:
        file = storage.open_input(uri)
    except (FileNotFoundError, IsADirectoryError) as err:
        raise InputError(f"label table {uri} does not exist") from err
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        try:
            reader = csv.DictReader(text, restkey=None)
            columns = tuple(name.strip() for name in reader.fieldnames or ())
            missing = [name for name in REQUIRED if name not in columns]
            if missing:
                lacks = ", ".join(missing)
                raise InputError(f"label table {uri} lacks column {lacks}; it has {columns}")
            if len(set(columns)) != len(columns):
                raise InputError(f"label table {uri} names a column twice: {columns}")
            reader.fieldnames = list(columns)
            extra = tuple(c for c in columns if c not in REQUIRED + OPTIONAL)
            yield extra, _rows(reader, uri, videos_root, extra)
        except UnicodeDecodeError as err:
            raise InputError(f"label table {uri} is not UTF-8 text: {err}") from err


def _rows(
    reader: csv.DictReader[str], uri: str, videos_root: str, extra: tuple[str, ...]
) -> Iterator[LabelRow]:
    for number, raw in enumerate(reader, start=2):
        row = {k: (v or "").strip() for k, v in raw.items() if k is not None}
        for name in ("uri", "subject_id"):
            if not row[name]:
                raise InputError(f"label table {uri}, line {number}: {name} is empty")
        split = row.get("split") or None
        if split is not None and split not in SPLITS:
            raise InputError(
                f"label table {uri}, line {number}: split is {split!r}, it must be one of "
                f"{', '.join(SPLITS)} or empty"
            )
        yield LabelRow(
            uri=storage.relative_to(storage.join(videos_root, row["uri"]), videos_root),
            subject_id=row["subject_id"],
            label=row["label"],
            split=split,
            fold=row.get("fold") or None,
            corpus=row.get("corpus") or None,
            extra={name: row[name] for name in extra},
        )
