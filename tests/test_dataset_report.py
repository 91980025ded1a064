"""The page of a dataset: its numbers by hand, in any number of parts, in bounded memory."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.report.balance import class_rows, split_rows, subject_numbers
from emotion.report.charts import Histogram, histogram, stepped
from emotion.report.crops import CLIP_COLUMNS, Candidates, Crop, Place, load_crops, read_crops
from emotion.report.dataset import contact_sheet, dataset_page, dataset_report, stage_bars
from emotion.report.grouped import Grouped
from emotion.report.parts import Group, read_groups
from emotion.report.sample import Sample
from emotion.report.tally import COLUMNS, Tally, read_tally
from emotion.report.throughput import throughput
from schemas.tables import CLIPS, DATASETS, rows_table
from tests.pages import parsed
from tests.tiny_dataset import (
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
        tally.add(name, Group("memory", 0, table.select(list(COLUMNS[name]))))
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
    """Two good videos, one without a face, one that broke off and was kept, two that were not."""
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
    assert "1 of the videos above broke off and was kept" in page.text
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
    assert "no shard has been done" in page.text
    assert "No clip at all: neutral, happy." in page.text
    assert "gave a clip" not in page.text


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
    """Videos of seven subjects whose numbers all differ."""
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


def write_parts(uri: str, tables: dict[str, pa.Table], *, num_parts: int, group_rows: int) -> None:
    for name, table in tables.items():
        step = -(-table.num_rows // num_parts)
        for part in range(num_parts):
            sink = io.BytesIO()
            pq.write_table(table.slice(part * step, step), sink, row_group_size=group_rows)
            storage.write_bytes(f"{uri}/{name}/part-{part:04d}.parquet", sink.getvalue())


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


def test_a_sample_keeps_all_while_it_can() -> None:
    sample = Sample(max_values=4)
    sample.add(pa.chunked_array([[3.0, None, float("nan")], [1.0, float("inf")]]))
    sample.add(pa.chunked_array([pa.array([], pa.float32())]))
    assert (sample.count, sample.values.tolist()) == (2, [3.0, 1.0])


@pytest.mark.parametrize("step", [1, 7, 100, 1000], ids=lambda step: f"{step} at a time")
def test_a_sample_does_not_depend_on_the_pieces(step: int) -> None:
    whole, pieces = Sample(max_values=50), Sample(max_values=50)
    values = np.arange(1000.0)
    whole.add(pa.chunked_array([values]))
    for first in range(0, 1000, step):
        pieces.add(pa.chunked_array([values[first : first + step]]))
    assert sorted(pieces.values) == sorted(whole.values)
    assert (len(set(whole.values)), whole.count) == (50, 1000)


def test_a_sample_is_uniform_and_follows_its_seed() -> None:
    """Each tenth of the stream gives a tenth of the sample, within four standard deviations."""
    found = []
    for seed in (0, 1):
        sample = Sample(max_values=10_000, seed=seed)
        for first in range(0, 1_000_000, 50_000):
            sample.add(pa.chunked_array([np.arange(first, first + 50_000)]))
        tenths, _ = np.histogram(sample.values, bins=10, range=(0, 1_000_000))
        assert tenths.sum() == 10_000 and abs(tenths - 1000).max() < 4 * np.sqrt(900)
        found.append(set(sample.values))
    assert len(found[0] & found[1]) < 300  # chance alone gives 100


def test_groups_add_up_over_pieces() -> None:
    """Enough groups to be merged on the way; pandas adds them up at once."""
    draw = np.random.default_rng(3)
    keys, amounts = draw.integers(0, 30_000, 200_000), draw.integers(0, 9, 200_000)
    table = pa.table({"key": keys, "amount": amounts})
    grouped = Grouped(["key"], ["amount"])
    for first in range(0, 200_000, 4096):
        grouped.add(table.slice(first, 4096))
    expected = table.to_pandas().groupby("key").amount.agg(["size", "sum"])
    found = grouped.table()
    assert found is not None
    assert found["key"].to_pylist() == expected.index.tolist()
    assert found["rows"].to_pylist() == expected["size"].tolist()
    assert found["amount"].to_pylist() == expected["sum"].tolist()


def test_groups_keep_nulls_apart() -> None:
    grouped = Grouped(["codec"], ["n"])
    assert grouped.rows() == [] and grouped.largest(3) == [] and grouped.table() is None
    grouped.add(pa.table({"codec": [None, "b", "a", "b"], "n": pa.array([1, None, 2, 3])}))
    assert grouped.rows() == [
        {"codec": "a", "rows": 1, "n": 2},
        {"codec": "b", "rows": 2, "n": 3},
        {"codec": None, "rows": 1, "n": 1},
    ]
    assert [row["codec"] for row in grouped.largest(2)] == ["b", "a"]


def clips_table(*rows: tuple[str, str, float], label: str = "happy") -> pa.Table:
    """Clips of (name, subject, quality), each of its own video, whose middle crop has its name."""
    base = clean()["clips"][0] | {"label": label}
    made = [
        base
        | {"clip_id": name, "video_id": f"v-{name}", "subject_id": subject, "quality": quality}
        | {"crops": [b"first", f"middle {name}".encode(), b"last"]}
        for name, subject, quality in rows
    ]
    return rows_table(made, CLIPS)


def test_crops_are_the_middle_ones_of_the_chosen_clips(store: str) -> None:
    """Five clips of one label in row groups of two, over two parts; one per subject first."""
    table = clips_table(
        ("c0", "a", 0.5), ("c1", "a", 0.9), ("c2", "b", 0.1), ("c3", "a", 0.7), ("c4", "c", 0.6)
    )
    write_parts(store, {"clips": table}, num_parts=2, group_rows=2)
    chosen = read_crops(f"{store}/clips", per_label=4)
    assert [(crop.clip_id, crop.subject_id, crop.jpeg) for crop in chosen] == [
        ("c1", "a", b"middle c1"),
        ("c4", "c", b"middle c4"),
        ("c2", "b", b"middle c2"),
        ("c3", "a", b"middle c3"),
    ]


def test_only_the_chosen_crops_are_read(tmp_path: Path) -> None:
    """The crops of every other row group are overwritten with junk, which no reader survives."""
    names = [(f"c{n}", f"s{n}", n / 10) for n in range(8)]
    write_parts(str(tmp_path), {"clips": clips_table(*names)}, num_parts=1, group_rows=2)
    path = tmp_path / "clips" / "part-0000.parquet"
    metadata, data = pq.read_metadata(path), bytearray(path.read_bytes())
    for number in range(3):  # all but the last row group, which holds the two best
        group = metadata.row_group(number)
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema.startswith("crops"):
                start = column.dictionary_page_offset or column.data_page_offset
                data[start : start + column.total_compressed_size] = (
                    b"\xff" * column.total_compressed_size
                )
    path.write_bytes(data)
    with pytest.raises(OSError):
        pq.read_table(path)
    chosen = read_crops(str(tmp_path / "clips"), per_label=2)
    assert [crop.clip_id for crop in chosen] == ["c7", "c6"]


def brute_worst(places: list[Place], count: int) -> list[str]:
    """The worst clip of each video by sorting all of them."""
    first: dict[str, Place] = {}
    for place in sorted(places, key=lambda p: (p.quality, p.clip_id)):
        first.setdefault(place.video_id, place)
    return [place.clip_id for place in list(first.values())[:count]]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_candidates_are_those_of_sorting_everything(seed: int) -> None:
    """Whatever the order: the same faces, one per subject, the worst as by a full sort."""
    draw = random.Random(seed)
    rows = [
        {
            "clip_id": f"c{n:04d}",
            "video_id": f"v{draw.randrange(80)}",
            "subject_id": f"s{draw.randrange(60)}",
            "label": draw.choice(LABELS),
            "quality": draw.randrange(40) / 40,  # many are equal
        }
        for n in range(1000)
    ]
    shown, worst = [], []
    for order in (rows, rows[::-1], draw.sample(rows, len(rows))):
        candidates = Candidates(per_label=5, num_worst=9)
        for first in range(0, 1000, 64):
            table = pa.Table.from_pylist(order[first : first + 64])
            candidates.add(Group("p", first, table))
        shown.append([place.clip_id for place in candidates.shown()])
        worst.append([place.clip_id for place in candidates.worst()])
        for label in LABELS:
            subjects = [p.subject_id for p in candidates.shown() if p.label == label]
            assert len(subjects) == len(set(subjects)) == 5
    places = [Place("p", 0, 0, **row) for row in rows]  # type: ignore[arg-type]
    assert worst == [brute_worst(places, 9)] * 3
    assert {tuple(sorted(names)) for names in shown} == {tuple(sorted(shown[0]))}


def test_no_crop_is_asked_for() -> None:
    assert load_crops([]) == []
    candidates = Candidates(per_label=2, num_worst=0)
    candidates.add(Group("p", 0, clips_table(("c0", "a", 0.5)).select(list(CLIP_COLUMNS))))
    assert candidates.worst() == []


def test_the_contact_sheet_keeps_label_order() -> None:
    crops = [Crop(label, name, "s", 0.5, CROP) for label, name in (("b", "1"), ("a", "2"))]
    sheet = contact_sheet([*crops, Crop("b", "3", "s", 0.5, CROP)], ("a", "none", "b"))
    assert [(label, [face.clip_id for face in faces]) for label, faces in sheet] == [
        ("a", ["2"]),
        ("b", ["1", "3"]),
    ]


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


@pytest.mark.parametrize(
    "walls, speed, slowest",
    [
        ([], None, []),
        ([0.0], None, ["0"]),
        ([2.0, 8.0, 2.0], 2.5, ["1", "0", "2"]),
        ([1.0] * 4 + [3.0] * 3, 70 / 13, ["4", "5", "6", "0", "1"]),
    ],
    ids=["no shard", "no time", "three", "seven, five are named"],
)
def test_throughput(walls: list[float], speed: float | None, slowest: list[str]) -> None:
    entries = [
        {"shard_id": str(n), "counts": {}, "video_s": 10.0, "wall_s": wall}
        for n, wall in enumerate(walls)
    ]
    found = throughput(entries)
    assert found.speed == (None if speed is None else pytest.approx(speed))
    assert [shard.shard_id for shard in found.slowest] == slowest


@pytest.mark.parametrize(
    "check, expected",
    [
        (lambda h: (h.low, h.num_below), (1.0, 1)),
        (lambda h: (h.p5, h.median, h.p95), (5.0, 50.0, 95.0)),
        (lambda h: (h.num_values, h.num_drawn), (5000, 101)),
        (lambda h: (h.edges[0], h.edges[-1], len(h.edges)), (1.0, 99.0, 25)),
        (lambda h: h.median_at, 0.5),
    ],
    ids=["from the 1st percentile", "percentiles", "of a sample", "edges", "the median's place"],
)
def test_a_histogram_of_a_sample(check: Callable[[Histogram], object], expected: object) -> None:
    found = histogram("x", np.arange(101.0), cut_low=True, num_values=5000)
    assert check(found) == expected


def test_small_numbers_are_counted_one_by_one() -> None:
    assert stepped([], last=1) == (("0", 0), ("1 or more", 0))


MEASURE = """
import pathlib, sys
from emotion.report.tally import read_tally
tally = read_tally(sys.argv[1])
print(tally.rows["faces"], tally.samples["blur"].count, len(tally.samples["blur"].values))
status = pathlib.Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_faces(tmp_path: Path) -> None:
    """Five million faces cost no more than half a million, but for 32 MB of noise."""
    peaks = []
    for name, num_faces in (("small", 500_000), ("large", 5_000_000)):
        uri = str(tmp_path / name)
        write_dataset(uri, tables_of(clean()))
        one = tables_of(clean())["faces"].slice(0, 1)
        for part in range(num_faces // 500_000):
            faces = one.take(np.zeros(500_000, np.int64))
            noise = np.random.default_rng(part).random(500_000, np.float32)
            faces = faces.set_column(faces.column_names.index("blur"), "blur", pa.array(noise))
            path = tmp_path / name / "faces" / f"part-{part}.parquet"
            pq.write_table(faces, path, row_group_size=4096, compression="zstd")
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, uri], capture_output=True, text=True, check=True
        )
        counted, peak_mb = done.stdout.splitlines()
        assert counted.split()[0] == str(num_faces) and counted.split()[2] == "200000"
        peaks.append(float(peak_mb))
    assert peaks[1] < peaks[0] + 32, f"MB at the peak: {peaks}"


def test_row_groups_come_in_order(store: str) -> None:
    table = clips_table(*[(f"c{n}", "a", 0.5) for n in range(5)])
    write_parts(store, {"clips": table}, num_parts=2, group_rows=2)
    groups = [
        (g.part.rsplit("/", 1)[-1], g.number, g.rows["clip_id"].to_pylist())
        for g in read_groups(f"{store}/clips", ["clip_id"])
    ]
    assert groups == [
        ("part-0000.parquet", 0, ["c0", "c1"]),
        ("part-0000.parquet", 1, ["c2"]),
        ("part-0001.parquet", 0, ["c3", "c4"]),
    ]


def test_reading_a_stored_tally(store: str) -> None:
    write_dataset(store, tables_of(mixed()))
    tally = read_tally(store)
    assert tally.rows == {name: len(rows) for name, rows in mixed().items()}
    assert tally.stages == {"num_faces": 3, "num_tracks": 3, "num_clips": 2, "incomplete": 1}
