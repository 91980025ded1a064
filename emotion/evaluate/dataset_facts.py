"""Columns of a dataset's videos by which an evaluation can be sliced."""

from __future__ import annotations

from emotion import storage
from emotion.errors import InputError
from emotion.versions import check_schema_version


def check_dataset(dataset_uri: str) -> None:
    """Check that a folder is a dataset of this schema version.

    Raises:
        InputError: if it has no config.json, or one of another schema version.
    """
    uri = storage.join(dataset_uri, "config.json")
    if not storage.exists(uri):
        raise InputError(
            f"--dataset {dataset_uri} has no config.json; name a folder that jobs.build_dataset "
            "made"
        )
    check_schema_version(storage.read_json(uri), dataset_uri, flag="dataset")


def dataset_facts(dataset_uri: str) -> dict[str, dict[str, str]]:
    """Return measured columns by which an evaluation can be sliced: by uri, then by name.

    They are ``video_fps``, ``video_height``, ``video_codec``, ``face_px`` (mean size of the tracked
    faces, pixels) and ``light`` (mean luma of the sampled frames, 0 to 255). A missing value is an
    empty text.

    Raises:
        InputError: if there is no dataset.
    """
    videos = storage.read_tables(
        storage.join(dataset_uri, "videos"),
        columns=["video_id", "uri", "fps", "height", "codec"],
    ).to_pylist()
    light = _means(dataset_uri, "frames", "brightness")
    sizes = _means(dataset_uri, "tracks", "mean_size_px")
    facts_by_uri = {}
    for row in videos:
        facts = {
            "video_fps": row["fps"] and f"{row['fps']:.3f}",
            "video_height": row["height"],
            "video_codec": row["codec"],
            "light": light.get(row["video_id"]),
            "face_px": sizes.get(row["video_id"]),
        }
        facts_by_uri[row["uri"]] = {
            name: "" if value is None else str(value) for name, value in facts.items()
        }
    return facts_by_uri


def _means(dataset_uri: str, table: str, column: str) -> dict[str, str]:
    """Return the mean of a column by video_id, as text; empty if the table has no part."""
    uri = storage.join(dataset_uri, table)
    if not storage.list_files(uri, suffixes=(".parquet",)):
        return {}
    rows = storage.read_tables(uri, columns=["video_id", column])
    means = rows.group_by("video_id").aggregate([(column, "mean")])
    pairs = zip(means["video_id"].to_pylist(), means[f"{column}_mean"].to_pylist(), strict=True)
    return {str(name): f"{value:.2f}" for name, value in pairs if value is not None}
