"""Each expectation catches its own defect in a dataset of two videos, and nothing else is said."""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Collection

import pyarrow as pa
import pytest

from emotion.errors import REASONS
from schemas.derived import Footer
from schemas.expectations import EXAMPLES, checks, run_checks, validate_footers, validate_tables
from schemas.tables import DATASETS, with_columns
from schemas.validation import Result, ValidationReport
from tests.tiny_dataset import CLIP_LEN, LABELS, Rows, a_video, add, clean, tables_of

V2_SHA = hashlib.sha256(b"v2").hexdigest()


def validated(rows: Rows, *, only: Collection[str] = ()) -> ValidationReport:
    """Every suite, or for speed those of the datasets in ``only``."""
    tables = tables_of(rows)
    if not only:
        return validate_tables(tables, labels=LABELS, clip_len=CLIP_LEN, reject_reasons=REASONS)
    found = checks(tables, labels=LABELS, clip_len=CLIP_LEN, reject_reasons=REASONS)
    return run_checks([check for check in found if check[0] in only])


def put(table: str, column: str, value: object, *, row: int = 0) -> Callable[[Rows], None]:
    def plant(rows: Rows) -> None:
        rows[table][row][column] = value

    return plant


def both(*plants: Callable[[Rows], None]) -> Callable[[Rows], None]:
    def plant(rows: Rows) -> None:
        for one in plants:
            one(rows)

    return plant


def repeat(table: str, **changed: object) -> Callable[[Rows], None]:
    def plant(rows: Rows) -> None:
        rows[table].append(copy.deepcopy(rows[table][0]) | changed)

    return plant


def test_the_clean_dataset_passes() -> None:
    report = validated(clean())
    assert report.failed == ()
    assert report.success
    assert {r.dataset for r in report.results} == {*DATASETS, "subjects", "contents"}


def test_no_rejects_and_a_video_without_faces_are_valid() -> None:
    rows = clean()
    rows["rejects"] = []
    rows["videos"].append(
        rows["videos"][1]
        | {"video_id": "v3", "uri": "v3.mp4", "content_sha256": "c" * 64, "num_frames": 0}
        | {"num_faces": 0, "num_tracks": 0, "num_clips": 0, "reason": "no_face"}
    )
    assert validated(rows).failed == ()


def test_an_empty_dataset_fails_for_having_no_videos() -> None:
    report = validated({name: [] for name in DATASETS})
    assert report.failed == (Result("videos", "there is at least one video", False, 1, ("0",)),)


DEFECTS: list[tuple[str, Callable[[Rows], None], str, str]] = [
    # table, what is wrong, words of the expectation, words of an example
    ("videos", put("videos", "uri", None), "uri is never null", ""),
    ("videos", put("videos", "uri", "v2.mp4"), "uri is there once", "v2.mp4"),
    ("videos", put("videos", "content_sha256", "abc"), "content_sha256 is 64 hex digits", "abc"),
    ("videos", put("videos", "content_sha256", None), "content_sha256 is never null", ""),
    ("videos", repeat("videos", uri="x.mp4"), "video_id is there once", "d"),
    ("videos", put("videos", "label", None), "label is never null", ""),
    ("videos", put("videos", "split", "dev"), "split is one of train, val, test", "dev"),
    ("videos", put("videos", "size_bytes", 0), "size_bytes is at least 1", "0"),
    ("videos", put("videos", "duration_s", 0.0), "duration_s is above 0", "0"),
    ("videos", put("videos", "duration_s", float("inf")), "duration_s is above 0", "inf"),
    ("videos", put("videos", "fps", -1.0), "fps is above 0 and at most 1000", "-1"),
    ("videos", put("videos", "fps", 5000.0), "fps is above 0 and at most 1000", "5000"),
    ("videos", put("videos", "num_tracks", -1), "num_tracks is at least 0", "-1"),
    ("videos", put("videos", "num_clips", 2), "num_clips is the number", "is 2, clips has 1"),
    ("videos", put("videos", "num_frames", 4), "num_frames is the number", "frames has 3"),
    ("videos", put("videos", "num_faces", 2), "num_faces is the number", "faces has 3"),
    ("videos", put("videos", "reason", "no_face"), "either clips or a reason", "1 clips"),
    ("videos", put("videos", "width", 0), "width is at least 1", "0"),
    ("videos", put("videos", "height", None), "height is never null", ""),
    ("frames", put("frames", "pts_s", None), "pts_s is never null", ""),
    ("frames", put("frames", "pts_s", -0.1), "pts_s is at least 0", "-0.1"),
    ("frames", put("frames", "pts_s", 0.125, row=2), "pts_s grows strictly", " frame 2"),
    ("frames", put("frames", "frame_index", -1), "frame_index is at least 0", "-1"),
    ("frames", repeat("frames", pts_s=0.1), "a frame_index is there once", "frame_index 0"),
    ("frames", repeat("frames", video_id="v9"), "every frame's video is in videos", "v9"),
    ("frames", put("frames", "n_faces", -1), "n_faces is at least 0", "-1"),
    ("frames", put("frames", "brightness", 256.0), "brightness is at least 0", "256"),
    ("frames", put("frames", "blur", -1.0), "blur is at least 0", "-1"),
    ("faces", put("faces", "face_id", None), "face_id is never null", ""),
    ("faces", put("faces", "face_id", "v2/0/0"), "face_id is there once", "v2/0/0"),
    ("faces", put("faces", "score", 11.0), "score is at least -10 and at most 10", "11"),
    ("faces", put("faces", "roll_deg", 181.0), "roll_deg is at least -180", "181"),
    ("faces", put("faces", "yaw_deg", -181.0), "yaw_deg is at least -180", "-181"),
    ("faces", put("faces", "brightness", -1.0), "brightness is at least 0", "-1"),
    ("faces", put("faces", "blur", -1.0), "blur is at least 0", "-1"),
    ("faces", put("faces", "size_px", 0.0), "size_px is above 0", "0"),
    ("faces", put("faces", "landmarks", [1.0] * 9), "num_landmark_values is 10", "9"),
    ("faces", put("faces", "box", [10.0, 10.0, 10.0, 60.0]), "box is inside", "/0/0"),
    ("faces", put("faces", "box", [-1.5, 10.0, 50.0, 60.0]), "box is inside", "in a frame of 320"),
    ("faces", put("faces", "box", [10.0, 10.0, 321.5, 60.0]), "box is inside", "321.5"),
    ("faces", put("faces", "box", [10.0, 10.0, 50.0, 241.5]), "box is inside", "241.5"),
    ("faces", put("faces", "box", [10.0, 10.0, 50.0]), "box is inside", "nan"),
    ("faces", put("faces", "pts_s", -0.1), "pts_s is at least 0", "-0.1"),
    ("faces", put("faces", "pts_s", 0.0, row=1), "pts_s grows strictly along a track", "/1/0"),
    ("faces", put("faces", "frame_index", 7, row=2), "every face's frame is in", "no frame 7"),
    ("clips", put("clips", "clip_id", None), "clip_id is never null", ""),
    ("clips", put("clips", "clip_id", "v2/0/0"), "clip_id is there once", "v2/0/0"),
    ("clips", put("clips", "quality", None), "quality is never null", ""),
    ("clips", put("clips", "track_id", None), "track_id is never null", ""),
    ("clips", put("clips", "track_id", 5), "every clip's track is in faces", "no face on track 5"),
    ("clips", put("clips", "start_s", -0.1), "start_s is at least 0", "-0.1"),
    ("clips", put("clips", "stop_s", 0.0), "start_s is before stop_s", "0.0 and 0.0"),
    ("clips", put("clips", "pts_s", [0.0, 0.1]), "num_pts is 3", "2"),
    ("clips", put("clips", "pts_s", None), "num_pts is 3", "0"),
    ("clips", put("clips", "pts_s", [0.0, 0.2, 0.1]), "the crops' pts_s never run", "/0/0"),
    ("clips", put("clips", "num_faces", 4), "num_faces is at least 1 and at most 3", "4"),
    ("clips", put("clips", "num_faces", 0), "num_faces is at least 1 and at most 3", "0"),
    ("clips", put("clips", "quality", 1.5), "quality is at least 0 and at most 1", "1.5"),
    ("clips", put("clips", "box", [0.0, 0.0, 400.0, 60.0]), "box is inside", "400"),
    ("clips", put("clips", "label", "neutral"), "a clip's label is its video's", "is neutral"),
    ("clips", put("clips", "split", "val"), "a clip's split is its video's", "split is val"),
    ("clips", put("clips", "subject_id", "bert"), "a clip's subject_id is its video's", "bert"),
    ("clips", put("clips", "fold", "1"), "a clip's fold is its video's", "fold is 1"),
    ("rejects", put("rejects", "reason", "boring"), "reason is one of missing", "boring"),
    ("rejects", put("rejects", "reason", None), "reason is never null", ""),
    ("rejects", put("rejects", "uri", None), "uri is never null", ""),
    ("rejects", put("rejects", "stage", None), "stage is never null", ""),
    ("contents", put("videos", "content_sha256", V2_SHA), "the same bytes", "is in test and"),
    ("subjects", put("videos", "subject_id", "bert"), "every subject is in", "bert is in test and"),
]  # fmt: skip


@pytest.mark.parametrize("dataset", [*DATASETS, "subjects", "contents"])
def test_each_defect_is_caught_and_nothing_else(dataset: str) -> None:
    """Every defect of one table in a video of its own, all at once: one run of the suite."""
    rows = clean()
    expected: Counter[str] = Counter()
    for number, (where, plant, words, _) in enumerate(DEFECTS):
        if where == dataset:
            spoilt = a_video(f"d{number}", f"s{number}", "happy", "train")
            spoilt["rejects"] = [dict(rows["rejects"][0])]
            plant(spoilt)
            rows = add(rows, spoilt)
            expected[words] += 2 if " once" in words else 1
    report = validated(rows, only=[dataset])
    found = {words: r for words in expected for r in report.failed if words in r.expectation}
    assert {words: result.unexpected for words, result in found.items()} == expected
    assert {id(result) for result in found.values()} == {id(result) for result in report.failed}
    for where, _, words, example in DEFECTS:
        if where == dataset and expected[words] <= EXAMPLES:
            assert example in " | ".join(found[words].examples)


BROAD: list[tuple[Callable[[Rows], None], set[tuple[str, str]]]] = [
    # a key or a copied value that is wrong is seen from several sides
    (
        both(put("videos", "label", "bored"), put("clips", "label", "bored")),
        {
            ("videos", "label is one of neutral, happy"),
            ("clips", "label is one of neutral, happy"),
        },
    ),
    (
        put("videos", "video_id", None),
        {
            ("videos", "video_id is never null"),
            *[
                ("videos", f"num_{name} is the number of the video's rows in {name}")
                for name in ("clips", "frames", "faces")
            ],
            *[
                (f"{name}s", f"every {name}'s video is in videos")
                for name in ("frame", "face", "clip")
            ],
        },
    ),
    (
        put("videos", "reason", "tired"),
        {
            ("videos", "reason is one of no_face, short_tracks"),
            ("videos", "a video has either clips or a reason for having none"),
        },
    ),
    (
        repeat("faces", face_id="f", video_id="v9"),
        {
            ("faces", "every face's video is in videos"),
            ("faces", "every face's frame is in frames"),
        },
    ),
    (
        put("clips", "video_id", "v9"),
        {
            ("videos", "num_clips is the number of the video's rows in clips"),
            ("clips", "every clip's video is in videos"),
            ("clips", "every clip's track is in faces"),
        },
    ),
]


@pytest.mark.parametrize("plant, expected", BROAD)
def test_a_defect_that_several_expectations_see(
    plant: Callable[[Rows], None], expected: set[tuple[str, str]]
) -> None:
    rows = clean()
    plant(rows)
    report = validated(rows, only={dataset for dataset, _ in expected})
    assert {(r.dataset, r.expectation) for r in report.failed} == expected


@pytest.mark.parametrize(
    "box",
    [[0.0, 0.0, 320.0, 240.0], [-1.0, -1.0, 321.0, 241.0], [0.0, 0.0, 0.5, 0.5]],
    ids=["the whole frame", "one pixel beyond", "small"],
)
def test_a_box_within_the_tolerance_is_inside(box: list[float]) -> None:
    rows = clean()
    rows["faces"][0]["box"] = box
    assert validated(rows, only=["faces"]).failed == ()


def test_detections_without_a_track_are_valid_and_bound_to_no_order() -> None:
    rows = clean()
    for number in (1, 2):
        rows["faces"].append(rows["faces"][0] | {"face_id": f"x{number}", "track_id": None})
    rows["videos"][0]["num_faces"] = 5
    assert validated(rows).failed == ()


def footers(*, clip_crops: int = 6, **schemas: pa.Schema) -> list[Footer]:
    found = DATASETS | schemas
    return [
        Footer(name, "part-0.parquet", found[name], 2, clip_crops if name == "clips" else 0)
        for name in DATASETS
    ]


VIDEOS, FRAMES = DATASETS["videos"], DATASETS["frames"]
WITH_EXTRA = with_columns(VIDEOS, ["skin_tone"])
NULL_FOLD = VIDEOS.set(VIDEOS.get_field_index("fold"), pa.field("fold", pa.null()))
SHORT_FRAMES = FRAMES.remove(FRAMES.get_field_index("blur"))


@pytest.mark.parametrize(
    "found, expected",
    [
        (footers(), ""),
        (footers(videos=WITH_EXTRA), ""),
        (footers(clip_crops=7), "part-0.parquet: 2 clips hold 7 crops, not 3 each"),
        (footers(videos=NULL_FOLD), "videos/part-0.parquet: fold is null, not string"),
        (footers(frames=SHORT_FRAMES), "frames/part-0.parquet: column blur is missing"),
        (
            footers(frames=with_columns(FRAMES, ["x"])),
            "frames/part-0.parquet: column x is not declared",
        ),
        (footers()[:-1], "rejects/ holds no Parquet part"),
    ],
    ids=["clean", "label column", "crops", "all null", "missing", "surprise", "no part"],
)
def test_the_columns_and_crops_of_parts(found: list[Footer], expected: str) -> None:
    report = validate_footers(found, clip_len=CLIP_LEN)
    assert [e for r in report.failed for e in r.examples] == ([expected] if expected else [])
    assert report.success == (not expected)


def test_a_report_is_plain_json() -> None:
    rows = clean()
    rows["clips"][0]["quality"] = 3.0
    value = validated(rows, only=["clips"]).to_json()
    assert value["success"] is False
    assert [r for r in value["results"] if not r["success"]] == [
        {
            "dataset": "clips",
            "expectation": "quality is at least 0 and at most 1",
            "success": False,
            "unexpected": 1,
            "examples": ["3.0"],
        }
    ]
