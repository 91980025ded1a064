"""Scoring on Ray: the rows of scoring in processes, and live counters."""

import re
import time
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
import ray

from emotion.labels import LABELS
from jobs.score import main
from schemas.scores import score_tables
from tests.helpers.scoring import assert_same, comparable, rows, score

pytestmark = pytest.mark.usefixtures("local_ray")


def assert_same_scores(out: Path, expected: Path) -> None:
    """Check that all tables of two score sets are equal."""
    assert len(rows(out, "videos")) >= 2
    for table in score_tables(LABELS):
        assert_same(comparable(out, table), comparable(expected, table))


def test_rows_are_those_of_processes(
    corpus: Path, package: Path, scores: Path, tmp_path: Path
) -> None:
    """Compare also shards of one video, and batches that cross the shards."""
    small = ["--batch-size", "3", "--shard-minutes", "0.02"]
    assert score(corpus, package, tmp_path / "out", "--runner", "ray", *small) == 0
    assert_same_scores(tmp_path / "out", scores)


def test_chunks_are_those_of_processes(corpus: Path, package: Path, tmp_path: Path) -> None:
    """Cut every video of more than 1.8 s into chunks, which different workers read."""
    cut = ["--chunk-minutes", "0.02"]
    for runner in ("ray", "processes"):
        out = tmp_path / runner
        assert score(corpus / "videos/s0", package, out, *cut, "--runner", runner) == 0
        chunks = pq.read_table(out / "_ledger/plan-0000.parquet")["num_chunks"].to_pylist()
        assert min(chunks) > 1
    assert_same_scores(tmp_path / "ray", tmp_path / "processes")


def test_stored_clips_are_those_of_processes(
    dataset: Path, package: Path, scores: Path, tmp_path: Path
) -> None:
    given = ["--from-dataset", str(dataset), "--package", str(package)]
    assert main([*given, "--out", str(tmp_path / "out"), "--runner", "ray"]) == 0
    assert_same_scores(tmp_path / "out", scores)


def test_prometheus_can_read_along(corpus: Path, package: Path, tmp_path: Path) -> None:
    """Read the counters of this driver's runs from Ray's agent."""
    assert score(corpus / "videos/s0", package, tmp_path / "out", "--runner", "ray") == 0
    node = ray.nodes()[0]  # type: ignore[no-untyped-call]
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    wanted, text, began = len(rows(tmp_path / "out", "videos")), "", time.monotonic()
    while time.monotonic() - began < 60 and "video_emotion_score_videos" not in text:
        time.sleep(1)
        text = httpx.get(address, trust_env=False).text
    counted = re.findall(r"^ray_video_emotion_score_videos\S* ([0-9.]+)", text, re.MULTILINE)
    assert sum(map(float, counted)) >= wanted, text[:2000]
