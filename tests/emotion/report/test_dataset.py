"""The page of a dataset: numbers counted by hand, for any number of parts, in bounded memory."""

from __future__ import annotations

import random
from typing import Any

import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.report.balance import class_rows, split_rows, subject_numbers
from emotion.report.dataset import dataset_page, dataset_report, stage_bars
from emotion.report.tally import TALLY_COLUMNS, Tally, read_tally
from emotion.storage import Group
from schemas.tables import DATASETS
from tests.helpers.pages import parsed
from tests.helpers.parted import write_parts
from tests.helpers.tiny_dataset import (
    CROP,
    LABELS,
    SPEC,
    Rows,
    a_video,
    add,
    clean,
    tables_of,
    write_dataset,
)

ENTRY = {"shard_id": "0-0", "counts": {"videos": 3, "rejects": 1}, "video_s": 90.0, "wall_s": 10.0}


def tally_of(rows: Rows) -> Tally:
    tally = Tally()
    for name, table in tables_of(rows).items():
        tally.add(name, Group("memory", 0, table.select(list(TALLY_COLUMNS[name]))))
    return tally


def page_of(rows: Rows, **changes: Any) -> str:
    options: dict[str, Any] = {
        "labels": LABELS,
        "spec": SPEC.to_json(),
        "crops": [],
        "worst": [],
        "entries": [],
        "versions": {"python": "3.11.7"},
        "title": "tiny",
    }
    return dataset_page(tally_of(rows), **options | changes)


def mixed() -> Rows:
    """Two good videos, one without a face, one incomplete video, two unreadable ones."""
    rows = clean()
    first = rows["videos"][0]
    blank = {"num_faces": 0, "num_tracks": 0, "num_identities": 0, "num_clips": 0}
    rows["videos"].append(first | blank | {"video_id": "v3", "reason": "no_face"})
    pair = {"num_tracks": 3, "num_identities": 2, "num_clips": 0, "reason": "short_tracks"}
    who = {"subject_id": "cora", "split": "val", "codec": "vp9", "width": 640, "height": 360}
    rows["videos"].append(first | pair | who | {"video_id": "v4", "complete": False})
    for uri, reason, at_s, at_byte in (
        ("v4.mp4", "truncated", 1.5, None),
        ("v5.mp4", "truncated", None, None),
        ("v6.mp4", "corrupt", None, 4096),
    ):
        row: dict[str, Any] = {"video_id": uri[:2], "uri": uri, "stage": "decode", "reason": reason}
        row |= {"detail": f"<{uri} broke>", "offset_s": at_s, "offset_bytes": at_byte}
        rows["rejects"].append(row)
    return rows


def test_the_page_counts_stages_and_what_was_left_out() -> None:
    page = parsed(page_of(mixed()))
    assert "4 videos 2.0 s of video 3 subjects 6 frames sampled 6 faces 2 tracks" in page.text
    assert "2 clips 3 left out" in page.text
    # 4 videos and 4 rejects, of which one is both.
    assert "listed or labelled 7 · 100.0% read 4 · 57.1% with faces 3 · 42.9%" in page.text
    assert "with tracks 3 · 42.9% with clips 2 · 28.6%" in page.text
    assert "truncated decode 2 50.0% 50.0% v4.mp4 <v4.mp4 broke>" in page.text
    assert "corrupt decode 1 25.0% 100.0% v6.mp4" in page.text
    assert "missing plan 1 25.0% – gone.mp4" in page.text
    assert "1 of the videos above is incomplete: used up to the fault" in page.text
    assert "no_face 1 · 50.0% short_tracks 1 · 50.0%" in page.text


def test_the_page_shows_who_is_in_the_dataset() -> None:
    html = page_of(mixed())
    page = parsed(html)
    assert "train 1 2 50.0% 1 50.0% 1.0 s" in page.text  # subjects, videos, clips, time
    assert "val 1 1 25.0% 0 0.0% 0.5 s" in page.text
    assert "all 3 4 100.0% 2 100.0% 2.0 s" in page.text
    # happy: 2 videos and the one clip in train, 1 video in val, none in test, 3 and 1 in all.
    assert "happy 2 1 100.0% 1 0 – 0 0 0.0% 3 1 50.0% 1.5 s" in page.text
    assert "3 subjects, 1 of them without a clip" in page.text
    assert "anna 2 1 1.0 s" in page.text and "cora 1 0 0.5 s" in page.text
    assert "1 of 4 videos show more than one person" in page.text
    assert "People per video 0 1 · 25.0% 1 2 · 50.0% 2 1 · 25.0% 3 0 · 0.0%" in page.text
    assert "Tracks per video 0 1 · 25.0% 1 2 · 50.0% 2 0 · 0.0% 3 1 · 25.0%" in page.text
    assert "320 × 240 3 · 75.0% 640 × 360 1 · 25.0%" in page.text
    assert "h264 3 · 75.0% vp9 1 · 25.0%" in page.text
    # Clips per subject and eight distributions; no video here has a yaw.
    assert html.count("<svg") == 8 and "head yaw, degrees no values" in page.text
    assert "face size, px: 6 values; median 44.7" in html


def test_the_page_tells_what_it_was_made_with() -> None:
    page = parsed(page_of(mixed(), entries=[ENTRY]))
    assert f"Extraction spec {SPEC.digest}" in page.text and "crop_px 16" in page.text
    assert "python 3.11.7" in page.text
    assert "1.5 minutes of video 10.0 s of work" in page.text and "9.0× real time" in page.text
    assert "0-0 3 1 1:30 min 10.0 s 9.0×" in page.text


def test_an_empty_dataset_has_a_page() -> None:
    page = parsed(page_of({name: [] for name in DATASETS}))
    assert "0 videos 0.0 s of video 0 subjects" in page.text
    assert "listed or labelled 0 · 0.0%" in page.text
    assert "no values" in page.text and "no clips" in page.text and "no subjects" in page.text
    assert "no shard is finished" in page.text
    assert "Labels without a clip: neutral, happy." in page.text
    assert "was read has a clip" not in page.text


def test_rejects_alone_have_a_page() -> None:
    rows: Rows = {name: [] for name in DATASETS}
    page = parsed(page_of(rows | {"rejects": clean()["rejects"]}))
    assert "listed or labelled 1 · 100.0% read 0 · 0.0%" in page.text
    assert "missing plan 1 100.0%" in page.text


def test_a_label_outside_the_set_is_shown_last() -> None:
    table = class_rows(tally_of(add(clean(), a_video("v9", "dora", "angry", "fold-1"))), LABELS)
    assert table.splits == ("train", "val", "test", "fold-1", "all")
    assert [label for label, _, _ in table.rows] == ["neutral", "happy", "angry"]
    assert [c.num_clips for c in table.rows[2][1]] == [0, 0, 0, 1, 1]


def test_split_rows_count_each_subject_once() -> None:
    both = add(clean(), a_video("v3", "anna", "neutral", "test"))  # anna is in train too
    rows = [
        (r.split, r.num_subjects, r.num_videos, r.num_clips) for r in split_rows(tally_of(both))
    ]
    assert rows == [("train", 1, 1, 1), ("val", 0, 0, 0), ("test", 2, 2, 2), ("all", 2, 3, 3)]


@pytest.mark.parametrize(
    "clips, largest, smallest, without, top_share",
    [
        ([], [], [], 0, None),
        ([3], ["s00"], [], 0, 1.0),
        ([1, 2, 3, 4, 5, 0, 9], ["s06", "s04", "s03", "s02", "s01"], ["s05", "s00"], 1, 9 / 24),
        ([10] + [1] * 19, ["s00", "s01", "s02", "s03", "s04"], 5, 0, 11 / 29),
    ],
    ids=["no subject", "one", "seven", "twenty: the largest tenth is two"],
)
def test_subjects_by_clips(
    clips: list[int], largest: list[str], smallest: list[str] | int, without: int, top_share: float
) -> None:
    rows: Rows = {name: [] for name in DATASETS}
    for number, count in enumerate(clips):
        video = a_video(f"v{number}", f"s{number:02d}", "happy", "train")["videos"][0]
        rows["videos"].append(video | {"num_clips": count})
    found = subject_numbers(tally_of(rows))
    assert [row.subject_id for row in found.largest] == largest
    last = [row.subject_id for row in found.smallest]
    assert (len(last) if isinstance(smallest, int) else last) == smallest
    assert found.num_without_clips == without
    assert found.top_share == (None if top_share is None else pytest.approx(top_share))


def many_videos(count: int) -> Rows:
    """Return videos of seven subjects with different numbers."""
    draw = random.Random(1)
    rows: Rows = {name: [] for name in DATASETS}
    for number in range(count):
        one = a_video(f"v{number:03d}", f"s{number % 7}", LABELS[number % 2], "train")
        one["videos"][0] |= {"duration_s": draw.uniform(1, 99), "fps": draw.uniform(10, 60)}
        for face in one["faces"]:
            face |= {"size_px": draw.uniform(20, 200), "yaw_deg": draw.gauss(0, 20)}
        one["clips"][0] |= {"quality": draw.random(), "crops": [CROP, b"middle", CROP]}
        rows = add(rows, one)
    return rows


def test_a_report_over_many_parts_equals_the_one_over_one(store: str) -> None:
    tables = tables_of(add(mixed(), many_videos(40)))
    pages = []
    for name, num_parts, group_rows in (("one", 1, 10**6), ("many", 13, 2)):
        uri = f"{store}/{name}/dataset"
        write_dataset(uri, tables, shard_id="gone")  # for spec.json and config.json
        for table in tables:
            storage.remove(f"{uri}/{table}/part-gone.parquet")
        write_parts(uri, tables, num_parts=num_parts, group_rows=group_rows)
        pages.append(dataset_report(uri, entries=[ENTRY]))
    assert pages[0] == pages[1]
    page = parsed(pages[0])
    assert "44 videos" in page.text and "126 faces" in page.text and "42 clips" in page.text
    assert len(page.addresses) == 2 * 12 + 24  # of 21 clips of a label, and the worst


def test_a_report_without_a_table_names_it(store: str) -> None:
    write_dataset(store, tables_of(clean()))
    storage.remove(f"{store}/faces/part-0.parquet")
    with pytest.raises(InputError, match="faces holds no Parquet file"):
        dataset_report(store)


def test_faces_carry_their_quality_and_clip(store: str) -> None:
    rows = clean()
    rows["clips"][0]["quality"] = 0.25
    write_dataset(store, tables_of(rows))
    page = parsed(dataset_report(store))
    assert page.alts == [
        "neutral: subject bert, clip v2/0/0",
        "happy: subject anna, clip v1/0/0",
        "quality 0.250: happy, clip v1/0/0",
        "quality 0.900: neutral, clip v2/0/0",
    ]
    assert "quality below 0.3 0.4 0.5 0.6 0.7 0.8 0.9 clips 1 1 1 1 1 1 1" in page.text


def test_stages_of_a_tally_that_saw_nothing() -> None:
    assert [(bar.count, bar.share) for bar in stage_bars(Tally())] == [(0, 0.0)] * 5


def test_reading_a_stored_tally(store: str) -> None:
    write_dataset(store, tables_of(mixed()))
    tally = read_tally(store)
    assert tally.rows == {name: len(rows) for name, rows in mixed().items()}
    assert tally.stages == {"num_faces": 3, "num_tracks": 3, "num_clips": 2, "incomplete": 1}
