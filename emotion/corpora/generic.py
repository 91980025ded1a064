"""Readers for any other corpus: a table (CSV or Parquet) of videos, or a folder per label."""

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
from emotion.corpora.archive import Archive, files_summary, find_videos, non_videos
from emotion.corpora.table import KNOWN_COLUMNS, Clip, CorpusClips, Unused
from emotion.errors import InputError

SPLIT_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "development": "val",
    "test": "test", "testing": "test", "tst": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
RESERVED = (*KNOWN_COLUMNS, "source_label")


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table; an empty name if the table does not have the column.

    Attributes:
        uri: column of the video: its path below the root, with or without its ending, or an
            absolute address.
        label: column of the label.
        subject: column of the person; if the name is empty, each video is its own subject.
        split: column of the split: a word of ``SPLIT_WORDS``, such as train, val or test.
        fold: column of the fold; its values are kept as written.
    """

    uri: str
    label: str
    subject: str
    split: str
    fold: str


def table(archive: Archive, uri: str, *, columns: Columns) -> CorpusClips:
    """Read a CSV (UTF-8, with a header) or Parquet table with a row per video.

    Columns that ``columns`` does not name are kept. A column whose name is in ``RESERVED``, the
    names that the label table uses itself, gets the prefix ``source_``. An absolute address outside
    the root is kept, and its existence is not checked.

    Args:
        archive: the videos.
        uri: address of the table.
        columns: names of its columns.

    Raises:
        InputError: if the table or a column does not exist, a row has no video or no subject, the
            word for a split is unknown, or no row has both a video and a label.
    """
    names, rows = _read(uri)
    used_names = [
        n for n in (columns.uri, columns.label, columns.subject, columns.split, columns.fold) if n
    ]
    missing = [n for n in used_names if n not in names]
    if missing:
        raise InputError(f"{uri} lacks column {', '.join(missing)}; it has {', '.join(names)}")
    kept = {n: f"source_{n}" if n in RESERVED else n for n in names if n not in used_names}
    clips: list[Clip] = []
    unused = non_videos(archive)
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
            f"{', '.join(listed[:3]) or 'nothing, it has no rows'}, {files_summary(archive)}"
        )
    used = {c.uri for c in clips} | {u.path for u in unused}
    unused += [Unused(p, "not_listed") for p in archive.videos if p not in used]
    return CorpusClips(tuple(clips), tuple(unused))


def _read(uri: str) -> tuple[list[str], Iterator[dict[str, str]]]:
    """Return the column names and the rows, each value as stripped text; null is empty text."""
    try:
        data = storage.read_bytes(uri)
    except (FileNotFoundError, IsADirectoryError) as err:
        raise InputError(f"--table {uri} does not exist") from err
    try:
        if data.startswith(b"PAR1"):
            table = pq.read_table(pa.BufferReader(data))
            return table.column_names, (_as_text(row) for row in table.to_pylist())
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    except (pa.ArrowException, UnicodeDecodeError) as err:
        raise InputError(f"--table {uri} is neither UTF-8 CSV nor Parquet: {err}") from err
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    return names, (_as_text({name: row[name] for name in names}) for row in reader)


def _as_text(row: dict[str, object]) -> dict[str, str]:
    return {name: "" if value is None else str(value).strip() for name, value in row.items()}


def _resolve(archive: Archive, uri: str) -> str | None:
    """Return the video's path below the root; an absolute address as it is; None if not found."""
    relative = storage.relative_to(uri, archive.root).removeprefix("./")
    if relative.startswith("/") or "://" in relative:
        return relative
    if relative in archive.path_set:
        return relative
    return next(iter(find_videos(archive, relative)), None)


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


def folders(archive: Archive, *, subject_pattern: str) -> CorpusClips:
    """Read a folder per label, such as ``happy/anna_01.mp4``.

    A folder above the label may be a word of ``SPLIT_WORDS``, as in ``train/happy/anna_01.mp4``. It
    gives the split of the video.

    Args:
        archive: the videos.
        subject_pattern: regular expression that is searched in the path below the root. The
            subject is its first group, or the whole match if it has no group. If the pattern is
            empty, each video is its own subject.

    Raises:
        InputError: if the pattern is not a valid regular expression.
    """
    try:
        pattern = re.compile(subject_pattern)
    except re.error as err:
        raise InputError(f"--subject-pattern {subject_pattern!r}: {err}") from err
    clips: list[Clip] = []
    unused = non_videos(archive)
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
    return CorpusClips(tuple(clips), tuple(unused))
