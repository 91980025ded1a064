"""The faces that a report shows, and the row groups that it reads for them."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion.report.crops import CLIP_COLUMNS, Candidates, Crop, Place, load_crops
from emotion.report.dataset import contact_sheet
from emotion.storage import Group, read_groups
from schemas.tables import CLIPS, rows_table
from tests.helpers.parted import write_parts
from tests.helpers.tiny_dataset import CROP, LABELS, clean


def clips_table(*rows: tuple[str, str, float], label: str = "happy") -> pa.Table:
    """Return a clip and a video for each (name, subject, quality); the middle crop is the name."""
    base = clean()["clips"][0] | {"label": label}
    made = [
        base
        | {"clip_id": name, "video_id": f"v-{name}", "subject_id": subject, "quality": quality}
        | {"crops": [b"first", f"middle {name}".encode(), b"last"]}
        for name, subject, quality in rows
    ]
    return rows_table(made, CLIPS)


def read_crops(clips_uri: str, *, per_label: int) -> list[Crop]:
    """Return the middle crops of at most ``per_label`` clips of each label."""
    candidates = Candidates(per_label=per_label, num_worst=0)
    for group in read_groups(clips_uri, CLIP_COLUMNS):
        candidates.add(group)
    return load_crops(candidates.shown())


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
    """Overwrite the crops of the other row groups with bytes that cannot be read."""
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
    """Return the worst clip of each video by sorting all clips."""
    first: dict[str, Place] = {}
    for place in sorted(places, key=lambda p: (p.quality, p.clip_id)):
        first.setdefault(place.video_id, place)
    return [place.clip_id for place in list(first.values())[:count]]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_candidates_are_those_of_sorting_everything(seed: int) -> None:
    """In any order of rows: the same faces, one per subject, the worst as by a full sort."""
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
