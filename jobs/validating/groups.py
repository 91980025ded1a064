"""Validation of a dataset in groups of shards, one group at a time.

All rows of a video are in the parts of one shard. So a rule on rows, on videos or on keys between
tables needs only one shard at a time. To bound the memory, a group is cut into pieces of whole
shards. A shard that is too large for one piece is cut into pieces of whole videos.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.validate import result
from emotion.validate.crops import sample_crops
from emotion.validate.derived import STORED
from emotion.validate.footers import Footer, footer_of
from emotion.validate.result import ValidationReport
from emotion.validate.suites import Declared
from schemas.tables import DATASETS

GROUP_MB = 64
"""Default size of a group: stored size of its frames, faces and tracks in MB of 10^6 bytes."""
MAX_ROWS = 200_000
"""Default maximum of the number of faces and of the number of frames in a piece."""
_SIZED = ("frames", "faces", "tracks")
Parts = Mapping[str, Mapping[str, int]]
"""Size of each part in bytes, by table and file name."""


@dataclass(frozen=True)
class Piece:
    """Rows that are validated together.

    Attributes:
        parts: file names of the parts, the same in the folder of every table.
        keep: condition that selects rows; None selects all rows.
    """

    parts: tuple[str, ...]
    keep: pc.Expression | None = None


def list_parts(dataset_uri: str) -> dict[str, dict[str, int]]:
    """Return the sizes in bytes of a dataset's parts, by table and file name; open no file."""
    parts: dict[str, dict[str, int]] = {}
    for name in DATASETS:
        files = storage.list_files(storage.join(dataset_uri, name), suffixes=(".parquet",))
        parts[name] = {file.name: file.size_bytes for file in files}
    return parts


def cut_groups(parts: Parts, *, max_mb: float = GROUP_MB) -> list[list[str]]:
    """Return groups of part names with at most ``max_mb`` of frames, faces and tracks per group.

    A larger shard is the only one of its group.

    >>> sizes = {"a": 600_000, "b": 500_000, "c": 500_000, "d": 3_000_000}
    >>> cut_groups({"faces": sizes, "clips": {"d": 9}}, max_mb=1)
    [['a'], ['b', 'c'], ['d']]
    """
    groups: list[list[str]] = []
    held = 0
    for part in sorted({part for names in parts.values() for part in names}):
        size = sum(parts.get(name, {}).get(part, 0) for name in _SIZED)
        if not groups or held + size > max_mb * 1e6:
            groups.append([])
            held = 0
        groups[-1].append(part)
        held += size
    return groups


def read_footers(dataset_uri: str, parts: Parts) -> list[Footer]:
    """Read the Parquet footers of all parts, but no rows.

    Raises:
        InputError: if a part is not Parquet.
    """
    footers = []
    for name, files in parts.items():
        for part in files:
            uri = storage.join(dataset_uri, name, part)
            with storage.open_parquet(uri) as parquet:
                footers.append(footer_of(name, part, parquet))
    return footers


def validate_group(
    dataset_uri: str, parts: Parts, *, declared: Declared, max_rows: int = MAX_ROWS
) -> tuple[ValidationReport, dict[str, int]]:
    """Check all rules on rows and videos for the parts of some shards.

    If columns or types are wrong, no rows are read.

    Args:
        dataset_uri: the dataset folder.
        parts: sizes of the parts of these shards, by table and file name.
        declared: settings of the dataset with which the rows must agree.
        max_rows: maximum number of faces, and of frames, that are in memory at a time.

    Returns:
        The report, and the number of rows of each table.
    """
    from jobs.validating import expectations  # imports Great Expectations: seconds

    footers = read_footers(dataset_uri, parts)
    counts = {name: sum(f.num_rows for f in footers if f.dataset == name) for name in DATASETS}
    reports = [expectations.validate_footers(footers, clip_len=declared.clip_len)]
    if reports[0].success:
        for piece in cut_pieces(dataset_uri, footers, max_rows=max_rows):
            tables = read_piece(dataset_uri, parts, piece)
            reports.append(expectations.validate_tables(tables, declared=declared))
        crops = sample_crops(dataset_uri, sorted(parts["clips"]), crop_px=declared.crop_px)
        reports.append(expectations.validate_crops(crops, crop_px=declared.crop_px))
    return result.merged(reports), counts


def cut_pieces(dataset_uri: str, footers: Sequence[Footer], *, max_rows: int) -> Iterator[Piece]:
    """Yield pieces with at most ``max_rows`` faces and frames; a larger video is one piece."""
    rows: dict[str, int] = {}
    for footer in footers:
        num_rows = footer.num_rows if footer.dataset in _SIZED else 0
        rows[footer.part] = max(rows.get(footer.part, 0), num_rows)
    held: list[str] = []
    for part, number in rows.items():
        if held and sum(rows[name] for name in held) + number > max_rows:
            yield Piece(tuple(held))
            held = []
        if number > max_rows:
            yield from _cut_shard(dataset_uri, part, max_rows=max_rows)
        else:
            held.append(part)
    if held:
        yield Piece(tuple(held))


def _cut_shard(dataset_uri: str, part: str, *, max_rows: int) -> Iterator[Piece]:
    """Yield pieces of whole videos of one shard.

    The last piece also has rows whose video_id is not in the table videos.
    """
    columns = ["video_id", "num_frames", "num_faces"]
    uri = storage.join(dataset_uri, "videos", part)
    videos = storage.read_part(uri, columns).to_pandas().fillna(0)
    cost = videos[["num_frames", "num_faces"]].max(axis=1).tolist()
    batches: list[list[str]] = []
    held = math.inf
    for video_id, rows in zip(videos["video_id"].tolist(), cost, strict=True):
        if held + rows > max_rows:
            batches.append([])
            held = 0.0
        batches[-1].append(str(video_id))
        held += rows
    field = pc.field("video_id")
    for batch in batches[:-1]:
        yield Piece((part,), field.isin(pa.array(batch, pa.string())))
    before = pa.array([name for batch in batches[:-1] for name in batch], pa.string())
    yield Piece((part,), ~field.isin(before) | field.is_null())


def read_piece(dataset_uri: str, parts: Parts, piece: Piece) -> dict[str, pa.Table]:
    """Return the rows of a piece by table, without image bytes."""
    tables = {}
    for name, schema in DATASETS.items():
        columns = STORED[name]
        held = [
            storage.read_part(storage.join(dataset_uri, name, part), columns, keep=piece.keep)
            for part in piece.parts
            if part in parts[name]
        ]
        empty = schema.empty_table().select(columns)
        tables[name] = pa.concat_tables([empty, *(table.cast(empty.schema) for table in held)])
    return tables


def of_group(parts: Parts, group: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the sizes of the parts of one group, by table and file name.

    >>> of_group({"clips": {"a": 1, "b": 2}, "faces": {"b": 3}}, ["a"])
    {'clips': {'a': 1}, 'faces': {}}
    """
    kept = set(group)
    return {n: {p: size for p, size in files.items() if p in kept} for n, files in parts.items()}
