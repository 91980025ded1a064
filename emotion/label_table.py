"""The label table: a CSV file with one row per video."""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from emotion import storage
from emotion.errors import InputError
from emotion.splits import SPLITS

REQUIRED = ("uri", "subject_id", "label")
OPTIONAL = ("split", "fold", "corpus")
MOST_SHOWN = 20
"""Number of column names that an error shows."""


@dataclass(frozen=True)
class LabelRow:
    """One row of the label table.

    Attributes:
        uri: name of the video below ``videos_root``, see ``storage.name_below``: equal for all
            spellings of a file.
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
        InputError: if the file does not exist, is not CSV in UTF-8, lacks a required column or
            names a column twice; while the rows are read, if a row has no uri, no subject_id, an
            unknown split, more fields than the header, or a quotation mark that is not closed.
    """
    try:
        file = storage.open_input(uri)
    except (FileNotFoundError, IsADirectoryError) as err:
        raise InputError(f"label table {uri} does not exist") from err
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        if file.read(4) == b"PK\x03\x04":
            raise InputError(f"label table {uri} is a workbook (.xlsx); save it as CSV UTF-8")
        file.seek(0)
        reader = csv.reader(text, strict=True)  # strict: an open quote is an error
        rows = _fields(reader, uri)
        columns = _columns(next(rows, (1, []))[1], uri)
        extra = tuple(c for c in columns if c not in REQUIRED + OPTIONAL)
        yield extra, _rows(rows, columns, uri, storage.absolute(videos_root), extra)


def _fields(reader: Any, uri: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the stripped fields of every row that is not empty.

    Raises:
        InputError: if the text is not CSV in UTF-8; the message names the row's first line.
    """
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as err:
            raise InputError(
                f"label table {uri}, line {number}: {err}. Is a quotation mark not closed? A "
                'quotation mark inside a field is written twice ("")'
            ) from err
        except UnicodeDecodeError as err:
            raise InputError(
                f"label table {uri} is not UTF-8 text: {err}; save it as CSV UTF-8"
            ) from err
        if fields is None:
            return
        if fields:
            yield number, [field.strip() for field in fields]


def _header_hint(columns: Sequence[str], missing: Sequence[str]) -> str:
    """Return what may be wrong with a header that lacks columns.

    >>> _header_hint(["uri;subject_id;label"], ["uri"])
    "; it seems to be divided by ';': save it with commas"
    >>> _header_hint(["URI", "Subject_ID"], ["uri", "subject_id"])
    '; write the names in small letters'
    """
    text = "".join(columns)
    if "\0" in text:
        return "; it seems to be UTF-16: save it as CSV UTF-8"
    if columns and columns[0].lower().startswith(("sep=", "#")):
        return "; its first line must be the header: remove what stands before it"
    if split := next((mark for mark in ";\t|" if mark in text), ""):
        return f"; it seems to be divided by {split!r}: save it with commas"
    has_all = {name.lower() for name in columns} >= set(missing)
    return "; write the names in small letters" if has_all else ""


def _columns(header: Sequence[str], uri: str) -> tuple[str, ...]:
    """Return the names of the columns; a column without a name is called by its place.

    >>> _columns(["", "uri", "subject_id", "label"], "labels.csv")
    ('column_1', 'uri', 'subject_id', 'label')

    Raises:
        InputError: if a required column is missing, a name is there twice or cannot be printed.
    """
    columns = tuple(name or f"column_{n}" for n, name in enumerate(header, start=1))
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        shown = ", ".join(map(repr, columns[:MOST_SHOWN]))
        raise InputError(
            f"label table {uri} lacks column {', '.join(missing)}; it has {shown or 'no header'}"
            f"{_header_hint(columns, missing)}"
        )
    for name, count in Counter(columns).items():
        if count > 1:
            raise InputError(f"label table {uri} names a column twice: {name!r}")
        if not name.isprintable():
            raise InputError(
                f"label table {uri}: the column name {name!r} has a character that cannot be "
                "printed; rename the column"
            )
    return columns


def _rows(
    rows: Iterator[tuple[int, list[str]]],
    columns: tuple[str, ...],
    uri: str,
    videos_root: str,
    extra: tuple[str, ...],
) -> Iterator[LabelRow]:
    for number, fields in rows:
        if any(fields[len(columns) :]):
            raise InputError(
                f"label table {uri}, line {number}: {len(fields)} fields, the header has "
                f"{len(columns)}; put a field with a comma in quotation marks"
            )
        row = dict(zip_longest(columns, fields[: len(columns)], fillvalue=""))
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
            uri=storage.name_below(videos_root, row["uri"]),
            subject_id=row["subject_id"],
            label=row["label"],
            split=split,
            fold=row.get("fold") or None,
            corpus=row.get("corpus") or None,
            extra={name: row[name] for name in extra},
        )
