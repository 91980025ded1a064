"""Any corpus: a CSV or Parquet table with columns of any name, or a folder per label."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from emotion import storage
from emotion.corpora.archive import Archive, find, no_pictures, what_is_there
from emotion.corpora.table import KNOWN_COLUMNS, Clip, Found, Unused
from emotion.errors import InputError

SPLIT_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "development": "val",
    "test": "test", "testing": "test", "tst": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
RESERVED = (*KNOWN_COLUMNS, "source_label")


@dataclass(frozen=True)
class Columns:
    """Which column says what; an empty name: there is none.

    Attributes:
        uri: path of the video below the root, with or without its ending, or an absolute address.
        label: the label.
        subject: the person; without it each video is its own subject.
        split: train, val or test, or a word for one.
        fold: kept as written.
    """

    uri: str
    label: str
    subject: str
    split: str
    fold: str


def table(archive: Archive, uri: str, *, columns: Columns) -> Found:
    """A CSV (UTF-8, with a header) or Parquet table with a row per video.

    Columns that ``columns`` does not name are kept; one that is named as a label table's own column
    gets ``source_`` before it. An absolute address outside the root is taken as it is.

    Raises:
        InputError: no such table, no such column, a row without a video or a subject, an unknown
            word for a split, or no video of the table below the root.
    """
    names, rows = _read(uri)
    wanted = [
        n for n in (columns.uri, columns.label, columns.subject, columns.split, columns.fold) if n
    ]
    missing = [n for n in wanted if n not in names]
    if missing:
        raise InputError(f"{uri} lacks column {', '.join(missing)}; it has {', '.join(names)}")
    kept = {n: f"source_{n}" if n in RESERVED else n for n in names if n not in wanted}
    clips: list[Clip] = []
    unused = no_pictures(archive)
    listed: list[str] = []
    for number, row in enumerate(rows, start=2):
        where = f"{uri}, row {number}"
        listed.append(row[columns.uri])
        if not row[columns.uri]:
            raise InputError(f"{where}: {columns.uri} is empty")
        path = _resolve(archive, row[columns.uri])
        if path is None:
            unused.append(Unused(row[columns.uri], "missing"))
        elif not row[columns.label]:
            unused.append(Unused(path, "no_label"))
        else:
            extra = {new: row[old] for old, new in kept.items()}
            clips.append(_table_clip(path, row, columns, extra, where))
    if not clips:
        raise InputError(
            f"{uri} names no labelled video below {archive.root}: looked for "
            f"{', '.join(listed[:3]) or 'nothing, it has no rows'}, {what_is_there(archive)}"
        )
    used = {c.uri for c in clips} | {u.path for u in unused}
    unused += [Unused(p, "not_listed") for p in archive.videos if p not in used]
    return Found(tuple(clips), tuple(unused))


def _read(uri: str) -> tuple[list[str], Iterator[dict[str, str]]]:
    """Column names, and the rows as stripped text; what is null is empty."""
    try:
        data = storage.read_bytes(uri)
    except (FileNotFoundError, IsADirectoryError) as err:
        raise InputError(f"--table {uri} does not exist") from err
    try:
        if data.startswith(b"PAR1"):
            found = pq.read_table(pa.BufferReader(data))
            return found.column_names, (_as_text(row) for row in found.to_pylist())
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    except (pa.ArrowException, UnicodeDecodeError) as err:
        raise InputError(f"--table {uri} is neither UTF-8 CSV nor Parquet: {err}") from err
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    return names, (_as_text({name: row[name] for name in names}) for row in reader)


def _as_text(row: dict[str, object]) -> dict[str, str]:
    return {name: "" if value is None else str(value).strip() for name, value in row.items()}


def _resolve(archive: Archive, uri: str) -> str | None:
    """Where the video is: below the root, else the absolute address, else nowhere."""
    relative = storage.relative_to(uri, archive.root).removeprefix("./")
    if relative.startswith("/") or "://" in relative:
        return relative
    if relative in archive.path_set:
        return relative
    return next(iter(find(archive, relative)), None)


def _table_clip(
    path: str, row: dict[str, str], columns: Columns, extra: dict[str, str], where: str
) -> Clip:
    subject = (
        row[columns.subject] if columns.subject else PurePosixPath(path).with_suffix("").as_posix()
    )
    if not subject:
        raise InputError(f"{where}: {columns.subject} is empty")
    word = row[columns.split] if columns.split else ""
    split = SPLIT_WORDS.get(word.lower())
    if word and split is None:
        raise InputError(f"{where}: split {word!r} is not one of {', '.join(SPLIT_WORDS)}")
    fold = row[columns.fold] if columns.fold else ""
    return Clip(path, subject, row[columns.label], split, fold or None, extra)


def folders(archive: Archive, *, subject_pattern: str) -> Found:
    """``happy/anna_01.mp4``: the folder is the label; ``train/happy/...`` tells the split too.

    Args:
        archive: the videos.
        subject_pattern: a regular expression that is searched in the path below the root; its first
            group, or else all it matches, is the subject. Empty: each video is its own subject.

    Raises:
        InputError: the pattern is no regular expression.
    """
    try:
        pattern = re.compile(subject_pattern)
    except re.error as err:
        raise InputError(f"--subject-pattern {subject_pattern!r}: {err}") from err
    clips: list[Clip] = []
    unused = no_pictures(archive)
    for path in archive.videos:
        *above, label, _ = ("", *PurePosixPath(path).parts)
        match = pattern.search(path)
        subject = (match.group(1 if pattern.groups else 0) or "") if match else ""
        if not subject_pattern:
            subject = PurePosixPath(path).with_suffix("").as_posix()
        if not label or label.lower() in SPLIT_WORDS:
            unused.append(Unused(path, "no_label"))
        elif not subject:
            unused.append(Unused(path, "no_subject"))
        else:
            splits = [SPLIT_WORDS[n.lower()] for n in above if n.lower() in SPLIT_WORDS]
            clips.append(Clip(path, subject, label, splits[-1] if splits else None))
    return Found(tuple(clips), tuple(unused))
