"""Samples, groups and sums of a report: equal for any division into pieces, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion.report.charts import Histogram, histogram, stepped
from emotion.report.grouped import Grouped
from emotion.report.sample import Sample
from emotion.report.throughput import throughput
from tests.helpers.tiny_dataset import clean, tables_of, write_dataset


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
    assert len(found[0] & found[1]) < 300  # by chance about 100


def test_groups_add_up_over_pieces() -> None:
    """Check so many groups that they are merged several times, against pandas."""
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
    grouped.add(pa.table({"codec": [None, "b", "a", "b"], "n": pa.array([None, None, 2, 3])}))
    assert grouped.rows() == [
        {"codec": "a", "rows": 1, "n": 2},
        {"codec": "b", "rows": 2, "n": 3},
        {"codec": None, "rows": 1, "n": 0},
    ]
    assert [row["codec"] for row in grouped.largest(2)] == ["b", "a"]


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
    found = stepped([(0, 4), (2, 1), (3, 5), (9, 1)], last=2)
    assert found == (("0", 4), ("1", 0), ("2 or more", 7))


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
    """Five million faces need at most 32 MB more memory than half a million."""
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
