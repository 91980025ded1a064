"""The one Parquet reader: columns by name, row groups, batches, and the bytes that it fetches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from s3fs import S3File

from emotion import storage
from emotion.errors import InputError
from emotion.storage.parquet import in_order

TEXT = ["clip_id", "label"]


def clips(num_rows: int, *, crop_bytes: int = 8) -> pa.Table:
    """Return rows of two text columns around a column of lists of random bytes."""
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "clip_id": [f"v/{k}" for k in range(num_rows)],
            "crops": [[rng.bytes(crop_bytes) for _ in range(2)] for _ in range(num_rows)],
            "label": ["happy" if k % 3 else "sad" for k in range(num_rows)],
        },
        schema=pa.schema(
            [
                ("clip_id", pa.string()),
                ("crops", pa.list_(pa.binary())),
                ("label", pa.string()),
            ]
        ),
    )


def write_parts(store: str, folder: Path, *tables: pa.Table, group_rows: int) -> str:
    """Write each table as a part with row groups of ``group_rows``; return the table's address."""
    for number, table in enumerate(tables):
        path = folder / f"part-{number}.parquet"
        pq.write_table(table, path, row_group_size=group_rows)
        storage.put_file(path, f"{store}/clips/{path.name}")
    return f"{store}/clips"


def test_columns_come_in_the_order_asked_for(store: str, tmp_path: Path) -> None:
    uri = write_parts(store, tmp_path, clips(5), clips(0), clips(2), group_rows=2)
    table = storage.read_tables(uri, columns=["label", "clip_id"])
    assert table.column_names == ["label", "clip_id"]
    assert table["clip_id"].to_pylist() == [f"v/{k}" for k in (0, 1, 2, 3, 4, 0, 1)]
    assert storage.read_tables(uri).column_names == ["clip_id", "crops", "label"]
    groups = [(g.part[-14:], g.number, g.rows.num_rows) for g in storage.read_groups(uri, TEXT)]
    assert groups == [
        ("part-0.parquet", 0, 2),
        ("part-0.parquet", 1, 2),
        ("part-0.parquet", 2, 1),
        ("part-1.parquet", 0, 0),
        ("part-2.parquet", 0, 2),
    ]
    group = storage.read_group(f"{uri}/part-0.parquet", 1, columns=["crops", "label"])
    assert group.to_pylist() == clips(5).slice(2, 2).select(["crops", "label"]).to_pylist()
    assert storage.count_rows(f"{uri}/part-0.parquet") == 5


def test_tables_are_read_in_order_of_name(store: str) -> None:
    for name, value in (("part-1", 2), ("part-0", 1)):
        storage.write_table(f"{store}/t/{name}.parquet", pa.table({"x": [value]}))
    assert storage.read_tables(f"{store}/t").to_pydict() == {"x": [1, 2]}
    with pytest.raises(InputError, match="holds no Parquet file"):
        storage.read_tables(f"{store}/nowhere")


def test_parts_are_read_several_at_a_time_and_come_in_order(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.parquet, "READ_AHEAD", 3)
    tables = [clips(3).set_column(0, "clip_id", [[f"{k}/{n}" for n in "abc"]]) for k in range(8)]
    uri = write_parts(store, tmp_path, *tables, group_rows=2)
    wanted = [f"{k}/{n}" for k in range(8) for n in "abc"]
    parts = storage.list_parts(uri)
    read = [name for t in storage.read_parts(parts, TEXT) for name in t["clip_id"].to_pylist()]
    assert read == wanted
    groups = list(storage.groups_of(parts, TEXT))
    assert [name for g in groups for name in g.rows["clip_id"].to_pylist()] == wanted
    assert [(g.part, g.number) for g in groups] == [(p, n) for p in parts for n in (0, 1)]


def test_only_a_few_results_wait_for_a_slow_caller() -> None:
    begun: list[int] = []

    def noted(number: int) -> int:
        begun.append(number)
        return number * number

    squares = in_order(noted, range(100), 4)
    assert next(squares) == 0
    assert len(begun) <= 5
    assert list(squares) == [k * k for k in range(1, 100)]


def test_an_error_comes_in_its_place() -> None:
    def half(number: int) -> float:
        return 1 / (number - 2)

    halves = in_order(half, range(5), 3)
    assert [next(halves), next(halves)] == [-0.5, -1.0]
    with pytest.raises(ZeroDivisionError):
        next(halves)


@pytest.mark.parametrize(
    "num_rows, batch_rows, expected",
    [(0, 3, []), (7, 3, [3, 3, 1]), (6, 3, [3, 3]), (5, 9, [5]), (5, 1, [1] * 5)],
    ids=["no rows", "across row groups", "no shorter one", "one", "single rows"],
)
def test_batches_do_not_follow_the_row_groups(
    tmp_path: Path, num_rows: int, batch_rows: int, expected: list[int]
) -> None:
    uri = write_parts(str(tmp_path), tmp_path, clips(num_rows), group_rows=2)
    batches = list(storage.read_batches(f"{uri}/part-0.parquet", batch_rows, ["clip_id"]))
    assert [batch.num_rows for batch in batches] == expected
    rows = [row["clip_id"] for batch in batches for row in batch.to_pylist()]
    assert rows == clips(num_rows)["clip_id"].to_pylist()


def test_a_condition_keeps_rows(tmp_path: Path) -> None:
    uri = write_parts(str(tmp_path), tmp_path, clips(7), group_rows=2)
    part = f"{uri}/part-0.parquet"
    kept = storage.read_part(part, TEXT, keep=pc.field("label") == "sad")
    assert kept["clip_id"].to_pylist() == ["v/0", "v/3", "v/6"]
    assert storage.read_part(part, TEXT, keep=pc.field("label") == "none").num_rows == 0


def test_a_file_that_does_not_fit_is_named(store: str, tmp_path: Path) -> None:
    uri = write_parts(store, tmp_path, clips(2), group_rows=2)
    with pytest.raises(InputError, match=r"part-0\.parquet has no column split, fold"):
        storage.read_tables(uri, columns=["split", "label", "fold"])
    storage.write_bytes(f"{uri}/part-1.parquet", b"no Parquet file")
    with pytest.raises(InputError, match=r"part-1\.parquet is not a Parquet file"):
        storage.read_tables(uri, columns=TEXT)
    with pytest.raises(InputError, match="frames holds no Parquet file"):
        next(storage.read_groups(f"{store}/frames", TEXT))


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Bytes of each range request to S3."""
    sizes: list[int] = []
    fetch = S3File._fetch_range

    def counting(self: S3File, start: int, end: int) -> bytes:
        data: bytes = fetch(self, start, end)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(S3File, "_fetch_range", counting)
    yield sizes


@pytest.mark.s3
def test_text_columns_cost_a_small_share_of_the_file(
    s3: str, tmp_path: Path, fetched: list[int]
) -> None:
    uri = write_parts(s3, tmp_path, clips(512, crop_bytes=16_000), group_rows=64)
    part = f"{uri}/part-0.parquet"
    size = storage.stat(part).size_bytes
    assert size > 15 * 2**20

    assert storage.read_tables(uri, columns=TEXT).num_rows == 512
    assert sum(fetched) < size / 50

    fetched.clear()
    assert storage.count_rows(part) == 512
    assert sum(fetched) <= 2**16

    fetched.clear()
    storage.read_group(part, 3, columns=["crops"])
    assert size / 9 < sum(fetched) < size / 7

    fetched.clear()
    assert storage.read_part(part).num_rows == 512
    assert sum(fetched) < 1.01 * size
    assert len(fetched) < 16  # one request for each row group, and the footer
