"""What there is to do: the archive's listing joined with the label table, cut into shards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emotion import storage
from emotion.errors import InputError, Reason
from emotion.extract.decode import SUFFIXES
from emotion.label_table import LabelRow, LabelTable
from emotion.learn.splits import assign_split
from emotion.storage import FileInfo
from schemas.tables import VIDEOS

Row = dict[str, object]
MANIFEST_COLUMNS = (
    "video_id", "uri", "size_bytes", "etag",
    "subject_id", "label", "corpus", "split", "fold",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a build will read, and what it leaves out before reading.

    Attributes:
        manifest: a row per video, ``MANIFEST_COLUMNS`` and the label table's further columns.
        rejects: rows of ``schemas.tables.REJECTS``.
        extra_columns: further columns by their name in ``videos``.
    """

    manifest: tuple[Row, ...]
    rejects: tuple[Row, ...]
    extra_columns: tuple[str, ...]


def list_videos(root: str) -> list[FileInfo]:
    """The videos below ``root``, by file name ending, with ``uri`` relative to it.

    Raises:
        InputError: if there is no such folder, or no video in it.
    """
    if not storage.is_folder(root):
        raise InputError(f"--videos {root} is not a folder that can be read")
    files = storage.list_files(root, suffixes=SUFFIXES)
    if not files:
        raise InputError(f"--videos {root} holds no file that ends in {', '.join(SUFFIXES)}")
    return [replace(f, uri=storage.relative_to(f.uri, root)) for f in files]


def video_id(file: FileInfo) -> str:
    """Name of one version of an object: 16 hex digits of uri, size and version.

    >>> video_id(FileInfo("a.mp4", 10, "v1")) == video_id(FileInfo("a.mp4", 10, "v2"))
    False
    """
    text = "\n".join([file.uri, str(file.size_bytes), file.version])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def extra_column_names(names: Sequence[str]) -> tuple[str, ...]:
    """Label-table columns as named in ``videos``: a name that is taken gets ``label_`` before it.

    >>> extra_column_names(["skin_tone", "fps"])
    ('skin_tone', 'label_fps')
    """
    return tuple(f"label_{n}" if n in VIDEOS.names else n for n in names)


def reject(uri: str, reason: Reason, detail: str, *, stage: str, video: str | None = None) -> Row:
    """One row of ``rejects``."""
    return {"video_id": video, "uri": uri, "stage": stage, "reason": reason, "detail": detail}


def make_plan(root: str, table: LabelTable, labels: Sequence[str], *, seed: int) -> Plan:
    """Join the listing of ``root`` with the label table; what does not fit becomes a reject.

    A subject's split is the table's, else a stable hash of the subject (seeded by ``seed``).

    Raises:
        InputError: see ``list_videos``; also if the table gives one subject two splits.
    """
    files = {f.uri: f for f in list_videos(root)}
    columns = extra_column_names(table.extra_columns)
    _check_one_split(table)
    counts = Counter(row.uri for row in table.rows)
    manifest: list[Row] = []
    rejects: list[Row] = []
    for row in table.rows:
        file = files.pop(row.uri, None) or _stat(root, row.uri)
        if counts[row.uri] > 1:
            times = f"the label table names it {counts[row.uri]} times"
            rejects.append(reject(row.uri, "duplicate_uri", times, stage="plan"))
        elif file is None:
            where = f"not at {storage.join(root, row.uri)}"
            rejects.append(reject(row.uri, "missing", where, stage="plan"))
        elif row.label not in labels:
            which = f"{row.label!r} is not one of {', '.join(labels)}"
            rejects.append(reject(row.uri, "unknown_label", which, stage="plan"))
        else:
            manifest.append(_manifest_row(file, row, columns, seed))
    for uri in files:
        rejects.append(reject(uri, "unlabelled", "no row in the label table", stage="plan"))
    return Plan(
        tuple(sorted(manifest, key=lambda r: str(r["uri"]))),
        tuple(sorted(rejects, key=lambda r: str(r["uri"]))),
        columns,
    )


def _stat(root: str, uri: str) -> FileInfo | None:
    try:
        return replace(storage.stat(storage.join(root, uri)), uri=uri)
    except FileNotFoundError:
        return None


def _check_one_split(table: LabelTable) -> None:
    seen: dict[str, str | None] = {}
    for row in table.rows:
        if seen.setdefault(row.subject_id, row.split) != row.split:
            raise InputError(
                f"the label table puts subject {row.subject_id} into splits "
                f"{seen[row.subject_id]} and {row.split}; a subject belongs to one"
            )


def _manifest_row(file: FileInfo, row: LabelRow, columns: tuple[str, ...], seed: int) -> Row:
    known: Row = {
        "video_id": video_id(file),
        "uri": file.uri,
        "size_bytes": file.size_bytes,
        "etag": file.version,
        "subject_id": row.subject_id,
        "label": row.label,
        "corpus": row.corpus,
        "split": row.split or assign_split(row.subject_id, seed=seed),
        "fold": row.fold,
    }
    return known | dict(zip(columns, row.extra.values(), strict=True))


def cut_shards(
    rows: Sequence[Row], *, prefix: str, max_videos: int, max_bytes: int
) -> list[tuple[str, list[Row]]]:
    """Group rows, in order, into shards of bounded size with names that sort in that order.

    >>> rows = [{"size_bytes": 5}, {"size_bytes": 6}, {"size_bytes": 1}]
    >>> [(n, len(s)) for n, s in cut_shards(rows, prefix="0000", max_videos=2, max_bytes=10)]
    [('0000-000000', 1), ('0000-000001', 2)]
    """
    groups: list[list[Row]] = []
    size = 0
    for row in rows:
        size_bytes = int(str(row["size_bytes"]))
        if not groups or len(groups[-1]) >= max_videos or size + size_bytes > max_bytes:
            groups.append([])
            size = 0
        groups[-1].append(row)
        size += size_bytes
    return [(f"{prefix}-{number:06d}", group) for number, group in enumerate(groups)]
