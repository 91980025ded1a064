"""Names of the people of videos, which a user writes into a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from emotion import storage
from emotion.errors import InputError
from emotion.predict.spans import NO_NAMES, Names, person

STORED = "names.csv"
"""File of the names beside the tables of a score set."""
COLUMNS = ("uri", "person", "name")

ArchiveNames = Mapping[str, Names]
"""Names of people by the uri of their video."""
NOBODY: ArchiveNames = MappingProxyType({})


def read_names(content: bytes, *, source: str) -> dict[str, dict[int, str]]:
    """Read a file of names.

    It has the columns uri, person (a number from 1, or "person 2") and name. Two people of a video
    may have one name: then exports treat them as one person.

    Args:
        content: bytes of the file, CSV in UTF-8.
        source: name of the file, for error messages.

    Raises:
        InputError: if a column is missing, or a row has no name or no person, or repeats a person.

    >>> read_names(b"uri,person,name\\na.mp4,2,Anna\\n", source="names.csv")
    {'a.mp4': {1: 'Anna'}}
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise InputError(f"{source} is not UTF-8 text: {err}") from err
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise InputError(f"{source} has no column {missing[0]}; it must have {', '.join(COLUMNS)}")
    names: dict[str, dict[int, str]] = {}
    for row in rows:
        where = f"{source}, line {rows.line_num}"
        uri, who, name = (row[column] or "" for column in COLUMNS)
        number = re.fullmatch(r"(?:person )?([1-9][0-9]{0,8})", who.strip())
        if number is None:
            raise InputError(f"{where}: person is {who!r}; it must be a number from 1")
        if not name.strip():
            raise InputError(f"{where}: person {number[1]} of {uri} has no name")
        of_video = names.setdefault(uri, {})
        if (identity := int(number[1]) - 1) in of_video:
            raise InputError(f"{where}: person {number[1]} of {uri} is named twice")
        of_video[identity] = name.strip()
    return names


def check_names(names: ArchiveNames, num_people: Iterable[tuple[str, int]], *, source: str) -> None:
    """Check that every named person exists.

    Args:
        names: the names.
        num_people: uri and number of people of each video.
        source: name of the file, for error messages.

    Raises:
        InputError: if a video or a person of a video does not exist.
    """
    left = dict(names)
    for uri, number in num_people:
        most = max(left.pop(uri, {-1: ""}))
        if most >= number:
            raise InputError(
                f"{source} names person {most + 1} of {uri}, which has {number:,} people"
            )
    for uri in left:
        raise InputError(f"{source} names people of {uri}, which the score set does not have")


def stored_names(scores: str) -> dict[str, dict[int, str]]:
    """Return the names that are stored in a score set; empty if none are.

    Raises:
        InputError: if the stored file is damaged.
    """
    uri = storage.join(scores, STORED)
    return read_names(storage.read_bytes(uri), source=uri) if storage.exists(uri) else {}


def with_names(table: pa.Table, names: ArchiveNames) -> pa.Table:
    """Return a table of a score set with the column ``person`` after ``identity_id``.

    A table without people, or that has the column already, is returned as it is.
    """
    columns = table.column_names
    if "identity_id" not in columns or "person" in columns:
        return table
    people = [
        None if identity is None else person(identity, names.get(uri, NO_NAMES))
        for uri, identity in zip(
            table["uri"].to_pylist(), table["identity_id"].to_pylist(), strict=True
        )
    ]
    place = columns.index("identity_id") + 1
    return table.add_column(place, "person", pa.array(people, pa.string()))
