"""Facts of a dataset's clips without their crops: person, corpus, light, size of the face."""

from __future__ import annotations

from collections import Counter
from typing import Any

from emotion import storage
from emotion.evaluate.dataset_facts import dataset_facts
from emotion.evaluate.val_figures import ClipColumns
from emotion.package.seen import Seen, make_seen

_VIDEO_COLUMNS = ["video_id", "uri", "corpus", "split", "content_sha256"]
SLICED = ("corpus", "light", "face_px")
"""Columns by which the val figures of a package are sliced, if the dataset has them."""


def read_corpora(dataset_uri: str) -> dict[str, int]:
    """Return the number of videos by corpus; empty if no video has a corpus."""
    counts = Counter(row["corpus"] for row in _videos(dataset_uri) if row["corpus"])
    return dict(sorted(counts.items()))


def read_clips(dataset_uri: str, *, split: str) -> dict[str, ClipColumns]:
    """Return the subject and the facts of each clip of a split, by clip_id."""
    videos = {row["video_id"]: row for row in _videos(dataset_uri)}
    measured = dataset_facts(dataset_uri) if videos else {}
    columns = {
        video_id: {"corpus": row["corpus"] or "", **measured.get(row["uri"], {})}
        for video_id, row in videos.items()
    }
    names = ["clip_id", "video_id", "subject_id", "split"]
    rows = storage.read_tables(storage.join(dataset_uri, "clips"), columns=names).to_pylist()
    return {
        row["clip_id"]: ClipColumns(row["subject_id"], columns.get(row["video_id"], {}))
        for row in rows
        if row["split"] == split
    }


def read_seen(dataset_uri: str) -> Seen | None:
    """Return the people and files of train and val; None if they are too many to name.

    A view of jobs.crossval names no files.
    """
    learnt = ("train", "val")
    clips = storage.read_tables(
        storage.join(dataset_uri, "clips"), columns=["subject_id", "split"]
    ).to_pylist()
    return make_seen(
        {row["subject_id"] for row in clips if row["split"] in learnt},
        (row["content_sha256"] for row in _videos(dataset_uri) if row["split"] in learnt),
    )


def split_videos(dataset_uri: str, split: str) -> frozenset[str]:
    """Return the video_ids of a split; empty for a view of jobs.crossval, which has only clips."""
    return frozenset(row["video_id"] for row in _videos(dataset_uri) if row["split"] == split)


def _videos(dataset_uri: str) -> list[dict[str, Any]]:
    """Read the rows of ``videos``; empty for a view of jobs.crossval, which has only clips."""
    uri = storage.join(dataset_uri, "videos")
    if not storage.list_files(uri, suffixes=(".parquet",)):
        return []
    rows = storage.read_tables(uri, columns=_VIDEO_COLUMNS).to_pylist()
    return list(rows)
