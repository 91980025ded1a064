"""Each rule reports its own defect in a small dataset, and no other rule does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

import pytest

from emotion.errors import REASONS
from emotion.validate.result import EXAMPLES, ValidationReport
from emotion.validate.suites import Declared
from jobs.validating.expectations import checks, run_checks, validate_tables
from schemas.tables import DATASETS
from tests.helpers.planted import DEFECTS, both, boxed, put, repeat
from tests.helpers.tiny_dataset import CLIP_LEN, LABELS, SPEC, Rows, a_video, add, clean, tables_of

pytestmark = pytest.mark.large

DECLARED = Declared(LABELS, CLIP_LEN, CLIP_LEN, SPEC.crop_px, REASONS)


def validated(rows: Rows, *, only: Collection[str] = ()) -> ValidationReport:
    """Run every suite, or only those of the tables in ``only``, which is faster."""
    if not only:
        return validate_tables(tables_of(rows), declared=DECLARED)
    given = checks(tables_of(rows), declared=DECLARED)
    return run_checks([check for check in given if check[0] in only])


def test_the_clean_dataset_passes() -> None:
    report = validated(clean())
    assert report.failed == report.warnings == ()
    assert report.success
    assert {r.dataset for r in report.results} == {*DATASETS}
    assert {(r.dataset, r.elements) for r in report.results} == {
        ("videos", 2), ("frames", 6), ("faces", 6), ("tracks", 2), ("clips", 2), ("rejects", 1),
    }  # fmt: skip


def test_no_rows_at_all_are_valid_for_the_suites() -> None:
    report = validated({name: [] for name in DATASETS})
    assert report.failed == () and {r.elements for r in report.results} == {0}


def test_no_rejects_and_a_video_without_faces_are_valid() -> None:
    rows = clean()
    rows["rejects"] = []
    rows["videos"].append(
        rows["videos"][1]
        | {"video_id": "v3", "uri": "v3.mp4", "content_sha256": "c" * 64, "num_frames": 0}
        | {"num_faces": 0, "num_tracks": 0, "num_identities": 0, "num_clips": 0}
        | {"reason": "no_face"}
    )
    assert validated(rows).failed == ()


def test_a_track_without_an_embedding_is_valid() -> None:
    rows = clean()
    rows["tracks"][0]["embedding"], rows["tracks"][1]["embedding"] = [], None
    assert validated(rows, only=["tracks"]).failed == ()


@pytest.mark.parametrize("dataset", DATASETS)
def test_each_defect_is_caught_and_nothing_else(dataset: str) -> None:
    """Plant each defect of a table in a video of its own, then run the suite once."""
    rows = clean()
    expected: Counter[str] = Counter()
    for number, (table, plant, words, _) in enumerate(DEFECTS):
        if table == dataset:
            spoilt = a_video(f"d{number}", f"s{number}", "happy", "train")
            spoilt["rejects"] = [dict(rows["rejects"][0])]
            plant(spoilt)
            rows = add(rows, spoilt)
            expected[words] += 2 if " once" in words else 1
    report = validated(rows, only=[dataset])
    failed = {words: r for words in expected for r in report.failed if words in r.expectation}
    assert {words: result.unexpected for words, result in failed.items()} == expected
    assert {id(result) for result in failed.values()} == {id(result) for result in report.failed}
    for table, _, words, example in DEFECTS:
        if table == dataset and expected[words] <= EXAMPLES:
            assert example in " | ".join(failed[words].examples)


BROAD: list[tuple[Callable[[Rows], None], set[tuple[str, str]]]] = [
    # several rules report a wrong key or a wrong copied value
    (
        both(*[put(name, "label", "bored") for name in ("videos", "tracks", "clips")]),
        {
            ("tracks", "label is one of neutral, happy"),
            ("videos", "label is one of neutral, happy"),
            ("clips", "label is one of neutral, happy"),
        },
    ),
    (
        put("videos", "video_id", None),
        {
            ("videos", "video_id is never null"),
            ("videos", "num_identities is the number of the video's identities"),
            *[
                ("videos", f"num_{name} is the number of the video's rows in {name}")
                for name in ("clips", "frames", "faces", "tracks")
            ],
            *[
                (f"{name}s", f"every {name}'s video is in videos")
                for name in ("frame", "face", "track", "clip")
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
            ("faces", "every tracked face's track is in tracks"),
        },
    ),
    (
        put("clips", "video_id", "v9"),
        {
            ("videos", "num_clips is the number of the video's rows in clips"),
            ("clips", "every clip's video is in videos"),
            ("clips", "every clip's track is in tracks"),
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
    boxed(box)(rows)
    rows["faces"][0]["landmarks"] = [0.2] * 10
    assert validated(rows, only=["faces"]).failed == ()


def test_detections_without_a_track_are_valid_and_bound_to_no_order() -> None:
    rows = clean()
    for number in (1, 2):
        rows["faces"].append(
            rows["faces"][0] | {"face_id": f"x{number}", "track_id": None, "identity_id": None}
        )
    rows["videos"][0]["num_faces"], rows["frames"][0]["num_faces"] = 5, 3
    assert validated(rows).failed == ()


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
            "elements": 2,
            "severity": "error",
        }
    ]
