"""Groups of shards: cut by size and validated alone, they add up to the result of one group."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from emotion import storage
from emotion.errors import REASONS
from emotion.validate.crops import crop_problem, sample_crops
from emotion.validate.result import ValidationReport, from_json
from emotion.validate.suites import Declared
from jobs.validating.groups import cut_pieces, list_parts, read_footers, validate_group
from jobs.validating.validate import validate
from schemas.tables import DATASETS
from tests.helpers.tiny_dataset import (
    CLIP_LEN,
    CROP,
    LABELS,
    SPEC,
    Rows,
    a_video,
    add,
    clean,
    plan_of,
    tables_of,
    write_dataset,
)

pytestmark = pytest.mark.large

DECLARED = Declared(LABELS, CLIP_LEN, CLIP_LEN, SPEC.crop_px, REASONS)


def spoilt_video(name: str) -> Rows:
    """Return a video with three defects: a quality of 3, a face without track, a GIF as a crop."""
    rows = a_video(name, name, "happy", "train")
    rows["clips"][0]["quality"] = 3.0
    rows["clips"][0]["crops"] = [CROP, b"GIF89a", CROP]
    rows["faces"][1]["identity_id"] = None
    return rows


def write_shards(uri: str, *, number: int) -> None:
    """Write ``number`` shards of two videos; the second one has defects."""
    empty: Rows = {name: [] for name in DATASETS}
    for k in range(number):
        fine = clean() if k == 0 else a_video(f"f{k}", f"f{k}", "neutral", "train")
        rows = add(empty, fine, spoilt_video(f"s{k}"))
        write_dataset(uri, tables_of(rows), shard_id=str(k))
        plan = plan_of(rows, shard_id=str(k))
        storage.write_table(storage.join(uri, "_ledger", f"plan-{k:04d}.parquet"), plan)


def test_groups_give_the_report_of_one_group(store: str) -> None:
    write_shards(store, number=3)
    one = validate(store)
    several = validate(store, group_mb=1e-6, runner="processes")
    assert several == one
    assert {(r.dataset, r.expectation, r.unexpected) for r in one.failed} == {
        ("clips", "quality is at least 0 and at most 1", 3),
        ("faces", "identity_id is null exactly where track_id is", 3),
        ("crops", "a crop is a JPEG of 16 x 16 pixels", 3),
    }
    report = storage.read_json(storage.join(store, "validation", "report.json"))
    assert report["counts"]["faces"] == 21
    assert from_json(report) == one


@pytest.mark.parametrize("max_rows", [1, 6, 9, 1000])
def test_pieces_of_any_size_give_the_same_report(tmp_path: Path, max_rows: int) -> None:
    """Cut shards of 9 and 6 faces into videos of 3 faces where ``max_rows`` is smaller."""
    write_shards(str(tmp_path), number=2)
    parts = list_parts(str(tmp_path))
    footers = read_footers(str(tmp_path), parts)
    pieces = list(cut_pieces(str(tmp_path), footers, max_rows=max_rows))
    assert len(pieces) == {1: 5, 6: 3, 9: 2, 1000: 1}[max_rows]
    whole, counts = validate_group(str(tmp_path), parts, declared=DECLARED)
    cut, _ = validate_group(str(tmp_path), parts, declared=DECLARED, max_rows=max_rows)
    assert by_rule(cut) == by_rule(whole)
    assert counts["faces"] == 15 and len(whole.failed) == 3


def by_rule(report: ValidationReport) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the numbers of checked rows and of rows that break the rule, by rule."""
    return {(r.dataset, r.expectation): (r.elements, r.unexpected) for r in report.results}


def test_rows_of_an_unknown_video_are_not_lost_when_a_shard_is_cut(tmp_path: Path) -> None:
    rows = clean()
    rows["faces"][0]["video_id"], rows["faces"][1]["video_id"] = "v9", None
    write_dataset(str(tmp_path), tables_of(rows))
    parts = list_parts(str(tmp_path))
    for max_rows in (1, 1000):
        report, _ = validate_group(str(tmp_path), parts, declared=DECLARED, max_rows=max_rows)
        unknown = [r for r in report.failed if r.expectation == "every face's video is in videos"]
        assert [(r.elements, r.unexpected) for r in unknown] == [(6, 2)]


def jpeg(height: int, width: int) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1])


GREY = bytes(cv2.imencode(".jpg", np.full((16, 16), 90, np.uint8))[1])


@pytest.mark.parametrize(
    "data, problem",
    [
        (b"", "no bytes"),
        (None, "no bytes"),
        (CROP, None),
        (b"GIF89a", "6 bytes that are no JPEG"),
        (CROP[:-10], "a JPEG that breaks off"),
        (b"\xff\xd8 and \xff\xd9", "a JPEG that does not decode"),
        (jpeg(16, 20), "20 x 16 pixels in 3 channels"),
        (jpeg(32, 32), "32 x 32 pixels in 3 channels"),
        (GREY, "16 x 16 pixels in 1 channels"),
    ],
    ids=["empty", "null", "good", "gif", "cut", "noise", "wide", "large", "grey"],
)
def test_crops(data: bytes | None, problem: str | None) -> None:
    assert crop_problem(data, crop_px=16) == problem


def test_the_first_and_the_last_clip_are_always_sampled(tmp_path: Path) -> None:
    """Sample 16 clips of 20 parts of 5 clips; the second sample is the same."""
    rows: Rows = {name: [] for name in DATASETS}
    for k in range(5):
        rows = add(rows, a_video(f"v{k}", "anna", "happy", "train"))
    for part in range(20):
        for row in rows["clips"]:
            row["clip_id"] = f"{part:02d}/{row['video_id']}"
        storage.write_table(str(tmp_path / f"clips/part-{part:02d}.parquet"), clips_of(rows))
    parts = [f"part-{k:02d}.parquet" for k in range(20)]
    crops = sample_crops(str(tmp_path), parts, crop_px=16)
    clip_ids = crops["clip_id"].drop_duplicates().tolist()
    assert (clip_ids[0], clip_ids[-1]) == ("00/v0", "19/v4")
    assert len(clip_ids) == 16 and len(crops) == 48 and crops["problem"].isna().all()
    assert sample_crops(str(tmp_path), parts, crop_px=16).equals(crops)
    assert sample_crops(str(tmp_path), parts[:1], crop_px=16)["clip_id"].nunique() == 5
    assert sample_crops(str(tmp_path), [], crop_px=16).empty


def clips_of(rows: Rows) -> pa.Table:
    return tables_of(rows)["clips"]


def test_a_group_counts_its_rows(tmp_path: Path) -> None:
    write_dataset(str(tmp_path), tables_of(clean()))
    parts = json.loads(json.dumps(list_parts(str(tmp_path))))
    assert all(list(files) == ["part-0.parquet"] for files in parts.values())
    _, counts = validate_group(str(tmp_path), parts, declared=DECLARED)
    assert counts == {
        "videos": 2, "frames": 6, "faces": 6, "tracks": 2, "clips": 2, "rejects": 1,
    }  # fmt: skip
