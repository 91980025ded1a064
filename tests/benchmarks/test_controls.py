"""Datasets of the control experiments: labels shuffled, or frames out of order."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.controls import Control, held_out_videos, write_control
from emotion.errors import InputError
from tests.helpers.drawn_dataset import write_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_dataset(tmp_path_factory.mktemp("drawn") / "dataset")
    columns = ("video_id", "subject_id", "label", "split")
    rows = [{name: row[name] for name in columns} for row in clips(root).values()]
    videos = [row | {"uri": f"{row['video_id']}.mp4", "reason": None} for row in rows]
    (root / "videos").mkdir()
    pq.write_table(pa.Table.from_pylist(videos), root / "videos/part.parquet")
    return root


def clips(root: Path) -> dict[str, dict[str, Any]]:
    return {row["clip_id"]: row for row in pq.read_table(root / "clips").to_pylist()}


def control(dataset: Path, view: Path, name: Control) -> dict[str, dict[str, Any]]:
    write_control(str(dataset), str(view), name, seed=1)
    return clips(view)


def test_without_a_control_the_clips_are_as_they_were(dataset: Path, tmp_path: Path) -> None:
    assert control(dataset, tmp_path / "view", "none") == clips(dataset)


def test_labels_are_dealt_anew_but_for_the_test_videos(dataset: Path, tmp_path: Path) -> None:
    before, after = clips(dataset), control(dataset, tmp_path / "view", "labels")
    changed = [key for key, row in after.items() if row != before[key]]
    assert len(changed) > len(before) / 3
    for key, row in after.items():
        assert row | {"label": ""} == before[key] | {"label": ""}
        assert row["split"] != "test" or row == before[key]
    labels = [Counter(row["label"] for row in rows.values()) for rows in (before, after)]
    assert labels[0] == labels[1]


def test_frames_are_out_of_order_in_every_split(dataset: Path, tmp_path: Path) -> None:
    before, after = clips(dataset), control(dataset, tmp_path / "view", "time")
    moved = [key for key, row in after.items() if row["crops"] != before[key]["crops"]]
    assert {"train", "val"} <= {after[key]["split"] for key in moved}
    for key, row in after.items():
        assert Counter(row["crops"]) == Counter(before[key]["crops"])
        assert row | {"crops": []} == before[key] | {"crops": []}


def test_the_held_out_videos_are_those_of_test(dataset: Path, tmp_path: Path) -> None:
    found = held_out_videos(str(dataset))
    assert [video.subject_id for video in found] == ["test0"] * 3
    assert sorted(video.label for video in found) == ["both", "lower", "upper"]
    with pytest.raises(InputError, match="no Parquet file"):
        held_out_videos(str(tmp_path))
