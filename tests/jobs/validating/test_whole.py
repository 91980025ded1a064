"""Rules across the whole dataset: each reports its own defect, on disk and on S3."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emotion import storage
from emotion.validate.result import Result
from jobs.validating.groups import list_parts
from jobs.validating.whole import validate_whole
from schemas.tables import DATASETS
from tests.helpers.tiny_dataset import (
    LABELS,
    Rows,
    a_video,
    add,
    clean,
    embedding_of,
    plan_of,
    tables_of,
    write_dataset,
)

Shards = dict[str, Rows]
ANNA = embedding_of("anna")
V2_SHA = hashlib.sha256(b"v2").hexdigest()


def shards() -> Shards:
    """Return two shards: four videos of three subjects, both labels in train, one reject."""
    first = add(clean(), a_video("v3", "anna", "neutral", "train"))
    empty: Rows = {name: [] for name in DATASETS}
    return {"0": first, "1": add(empty, a_video("v4", "carl", "happy", "val"))}


def write(uri: str, dataset: Shards, *, retired: list[dict[str, str]] | None = None) -> None:
    for shard_id, rows in dataset.items():
        write_dataset(uri, tables_of(rows), shard_id=shard_id)
        plan = plan_of(shards()[shard_id], shard_id=shard_id)
        storage.write_table(storage.join(uri, "_ledger", f"plan-000{shard_id}.parquet"), plan)
    if retired:
        table = pa.Table.from_pylist(retired)
        storage.write_table(storage.join(uri, "_ledger", "retired-0002.parquet"), table)


def whole(uri: str, *, max_reject_share: float = 0.5) -> list[Result]:
    """Validate a dataset and return the rules that are broken."""
    report = validate_whole(uri, list_parts(uri), labels=LABELS, max_reject_share=max_reject_share)
    assert len(report.results) == 21
    return [result for result in report.results if not result.success]


def test_clean_shards_pass(store: str) -> None:
    write(store, shards())
    assert whole(store) == []


def put(shard: str, table: str, row: int = 0, **values: object) -> Callable[[Shards], None]:
    def plant(dataset: Shards) -> None:
        dataset[shard][table][row] |= values

    return plant


def moved(table: str) -> Callable[[Shards], None]:
    def plant(dataset: Shards) -> None:
        dataset["0"][table].append(dataset["1"][table].pop())

    return plant


def none(dataset: Shards) -> None:
    for rows in dataset.values():
        for name in ("videos", "frames", "faces", "tracks", "clips"):
            rows[name].clear()
    dataset["0"]["rejects"] = [_reject(row, "truncated") for row in _planned()]


def lost(dataset: Shards) -> None:
    dataset["1"] = {name: [] for name in DATASETS}


def twice(dataset: Shards) -> None:
    dataset["1"]["videos"].append(copy.deepcopy(dataset["0"]["videos"][0]) | {"uri": "other.mp4"})


def unplanned(dataset: Shards) -> None:
    dataset["1"] = add(dataset["1"], a_video("v9", "dora", "happy", "val"))


def both(*, complete: bool) -> Callable[[Shards], None]:
    def plant(dataset: Shards) -> None:
        dataset["0"]["videos"][0]["complete"] = complete
        dataset["0"]["rejects"].append(_reject(_planned()[0], "truncated"))

    return plant


def _planned() -> list[dict[str, object]]:
    return [dict(row) for rows in shards().values() for row in rows["videos"]]


def _reject(video: dict[str, object], reason: str, stage: str = "decode") -> dict[str, object]:
    known = {"video_id": video["video_id"], "uri": video["uri"], "stage": stage, "reason": reason}
    return known | {"detail": "", "offset_s": None, "offset_bytes": None}


def left_out(reason: str, number: int) -> Callable[[Shards], None]:
    def plant(dataset: Shards) -> None:
        for k in range(number):
            row = _reject({"video_id": None, "uri": f"x{k}.mp4"}, reason, "plan")
            dataset["0"]["rejects"].append(row)

    return plant


def rare(dataset: Shards) -> None:
    """Make one of eleven train clips neutral: less than 20% of its even share, a half."""
    clip = dataset["0"]["clips"][0]
    dataset["0"]["clips"] += [dict(clip) for _ in range(9)]


def alike(distance: float) -> Callable[[Shards], None]:
    """Put Carl's face at ``distance`` from Anna's: a turn of a unit vector by 2 asin(d / 2)."""

    def plant(dataset: Shards) -> None:
        one = np.array(embedding_of("anna"))
        other = np.array(embedding_of("dora"))
        other -= (other @ one) * one
        other /= np.linalg.norm(other)
        angle = 2 * np.arcsin(distance / 2)
        turned = np.cos(angle) * one + np.sin(angle) * other
        dataset["1"]["tracks"][0]["embedding"] = [float(v) for v in turned]

    return plant


TEXT = "no two subjects of different splits have faces nearer than "
DEFECTS: list[tuple[str, Callable[[Shards], None], list[tuple[str, str, str]]]] = [
    ("no video", none, [
        ("error", "there is at least one video", "videos has no row"),
        ("warning", "every label has a clip in train", "happy has no clip in train"),
        ("warning", "train and val have videos", "train has no video"),
        ("error", "at most 50% of the labelled videos", "4 of 4 videos are left out"),
    ]),
    ("video twice", twice, [("error", "video_id is there once", "v1 is there 2 times")]),
    ("uri twice", put("1", "videos", uri="v1.mp4"),
     [("error", "uri is there once", "v1.mp4 is there 2 times")]),
    *[(name, moved(name),
       [("error", f"a video's rows in {name} are", f"v4 is in {name}/part-0.parquet")])
      for name in ("frames", "faces", "tracks", "clips")],
    ("lost", lost, [
        ("error", "every planned video is in videos or", "v4.mp4 is in neither"),
        ("warning", "train and val have videos", "val has no video"),
    ]),
    ("unplanned", unplanned, [("error", "every video was planned", "v9.mp4 is in no plan")]),
    ("whole and rejected", both(complete=True),
     [("error", "a complete video is not in rejects", "v1.mp4 is complete, and in rejects")]),
    ("partial and rejected", both(complete=False), []),
    ("partial and silent", put("0", "videos", complete=False),
     [("error", "a video that is not complete is in rejects", "v1.mp4 is not complete")]),
    ("subject in two splits", put("1", "videos", subject_id="anna"),
     [("error", "every subject is in one split", "anna is in train and val")]),
    ("bytes in two splits", put("1", "videos", content_sha256=V2_SHA),
     [("error", "the same bytes are in one split only", f"{V2_SHA} is in test and val")]),
    ("label not in train", put("0", "clips", 2, label="happy"),
     [("warning", "every label has a clip in train", "neutral has no clip in train")]),
    ("no video in val", put("1", "videos", split="test"),
     [("warning", "train and val have videos", "val has no video")]),
    ("rare label", rare,
     [("warning", "no label has less than 20%", "neutral has 1 of 11")]),
    ("many left out", left_out("missing", 4),
     [("error", "at most 50% of the labelled", "5 of 9 videos are left out")]),
    ("half left out", left_out("missing", 3), []),
    ("many without a label", left_out("unlabelled", 9), []),
    ("one person, two names", alike(0.05), [
        ("error", f"{TEXT}0.1", "anna in train (2 videos) and carl in val (1 video): 0.05 apart"),
        ("warning", TEXT, "anna in train (2 videos) and carl in val (1 video): 0.05 apart"),
    ]),
    ("lookalikes", alike(0.2), [("warning", TEXT, "anna in train (2 videos) and carl in val")]),
    ("strangers", alike(0.6), []),
]  # fmt: skip


@pytest.mark.parametrize(
    "plant, expected", [row[1:] for row in DEFECTS], ids=[row[0] for row in DEFECTS]
)
def test_each_defect_is_caught_and_nothing_else(
    tmp_path: Path, plant: Callable[[Shards], None], expected: list[tuple[str, str, str]]
) -> None:
    dataset = shards()
    plant(dataset)
    write(str(tmp_path), dataset)
    broken = whole(str(tmp_path))
    assert len(broken) == len(expected)
    for result, (severity, words, example) in zip(broken, expected, strict=True):
        assert result.severity == severity and words in result.expectation
        assert example in " | ".join(result.examples)


def test_defects_are_seen_on_s3_too(s3: str) -> None:
    dataset = shards()
    for plant in (twice, moved("faces"), alike(0.05), left_out("missing", 1)):
        plant(dataset)
    write(s3, dataset)
    assert [result.dataset for result in whole(s3, max_reject_share=0.1)] == [
        "videos", "faces", "rejects", "identities", "identities",
    ]  # fmt: skip


def test_a_retired_video_is_not_missed(tmp_path: Path) -> None:
    dataset = shards()
    lost(dataset)
    write(str(tmp_path), dataset, retired=[{"shard_id": "1", "video_id": "v4"}])
    assert [result.examples for result in whole(str(tmp_path))] == [("val has no video",)]


def test_without_a_plan_no_video_is_unplanned(tmp_path: Path) -> None:
    write_dataset(str(tmp_path), tables_of(shards()["0"]))
    assert [result.examples for result in whole(str(tmp_path))] == [("val has no video",)]
