"""The page of a dataset: how much there is, of whom, how it looks, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotion import storage
from emotion.report.charts import bars, histogram
from emotion.report.crops import Crop, read_crops
from emotion.report.page import data_uri, name_of, render

SPLITS = ("train", "val", "test")
CROPS_PER_LABEL = 6
COLUMNS = {
    "videos": ["subject_id", "label", "split", "duration_s", "num_clips", "reason"],
    "frames": ["n_faces"],
    "faces": ["size_px", "blur"],
    "clips": ["subject_id", "label", "split", "quality"],
    "rejects": ["reason"],
}
"""What the page reads of each table."""


@dataclass(frozen=True)
class SplitRow:
    """One line of the split table."""

    split: str
    num_subjects: int
    num_videos: int
    num_clips: int
    duration_s: float


def dataset_report(dataset_uri: str) -> str:
    """Read a dataset, complete or about to be, and render its page.

    Raises:
        InputError: if a table has no part.
        FileNotFoundError: if spec.json or config.json is missing.
    """
    tables = {
        name: storage.read_tables(storage.join(dataset_uri, name), columns=list(columns))
        for name, columns in COLUMNS.items()
    }
    config = storage.read_json(storage.join(dataset_uri, "config.json"))
    spec = storage.read_json(storage.join(dataset_uri, "spec.json"))
    crops = read_crops(storage.join(dataset_uri, "clips"), per_label=CROPS_PER_LABEL)
    return dataset_page(
        tables, labels=config["labels"], spec=spec, crops=crops, title=name_of(dataset_uri)
    )


def dataset_page(
    tables: Mapping[str, pa.Table],
    *,
    labels: Sequence[str],
    spec: Mapping[str, Any],
    crops: Sequence[Crop],
    title: str,
) -> str:
    """Render the page from tables in memory.

    Args:
        tables: the five tables, with at least ``COLUMNS``; any may be empty.
        labels: the label set, in order.
        spec: the extraction spec's values.
        crops: faces to show.
        title: name of the dataset.
    """
    videos, clips, faces = tables["videos"], tables["clips"], tables["faces"]
    rejected = Counter(tables["rejects"]["reason"].to_pylist())
    no_clip = Counter(videos["reason"].drop_null().to_pylist())
    return render(
        "dataset.html",
        title=title,
        totals={name: table.num_rows for name, table in tables.items()},
        num_subjects=pc.count_distinct(videos["subject_id"]).as_py(),
        duration_s=pc.sum(videos["duration_s"]).as_py() or 0.0,
        rejects=bars(rejected.most_common()),
        no_clip=bars(no_clip.most_common()),
        splits=split_rows(videos, clips),
        classes=class_rows(videos, clips, labels),
        split_names=SPLITS,
        histograms=[
            histogram("video duration, s", _numbers(videos["duration_s"])),
            histogram("face size, px", _numbers(faces["size_px"])),
            histogram("face sharpness (variance of Laplacian)", _numbers(faces["blur"])),
            histogram("clip quality, 0 to 1", _numbers(clips["quality"])),
        ],
        sheet=contact_sheet(crops, labels),
        spec=sorted(spec.items()),
    )


def split_rows(videos: pa.Table, clips: pa.Table) -> list[SplitRow]:
    """How much lies in each split."""
    rows = []
    for split in SPLITS:
        mine = videos.filter(pc.equal(videos["split"], split))
        rows.append(
            SplitRow(
                split=split,
                num_subjects=pc.count_distinct(mine["subject_id"]).as_py(),
                num_videos=mine.num_rows,
                num_clips=pc.sum(pc.equal(clips["split"], split)).as_py() or 0,
                duration_s=pc.sum(mine["duration_s"]).as_py() or 0.0,
            )
        )
    return rows


def class_rows(
    videos: pa.Table, clips: pa.Table, labels: Sequence[str]
) -> list[tuple[str, list[tuple[int, int]]]]:
    """Each label with its (videos, clips) per split and, last, in all."""
    counted = [_by_class(table) for table in (videos, clips)]
    rows = []
    for label in labels:
        cells = [(counted[0][label, split], counted[1][label, split]) for split in SPLITS]
        rows.append((label, [*cells, (sum(v for v, _ in cells), sum(c for _, c in cells))]))
    return rows


def _by_class(table: pa.Table) -> Counter[tuple[str, str]]:
    pairs = zip(table["label"].to_pylist(), table["split"].to_pylist(), strict=True)
    return Counter(pairs)


def contact_sheet(
    crops: Sequence[Crop], labels: Sequence[str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Labels that have crops, each with (clip id, image address)."""
    sheet = []
    for label in labels:
        mine = [(c.clip_id, data_uri(c.jpeg, mime="image/jpeg")) for c in crops if c.label == label]
        if mine:
            sheet.append((label, mine))
    return sheet


def _numbers(column: pa.ChunkedArray) -> Any:
    return column.drop_null().to_numpy()
