"""Scoring that is killed or loses its storage: the same command again gives the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from emotion import storage
from emotion.labels import LABELS
from jobs.score import main
from schemas.scores import score_tables
from tests.helpers.faults import NUM_VIDEOS, Job, Tables, read_dataset, write_archive
from tests.helpers.hurting import hurt
from tests.helpers.proxy import Proxy

pytestmark = pytest.mark.large

TABLES = score_tables(LABELS)
ANSWERS = ("confidence", "margin", "entropy")


def arguments(videos: str, package: str, out: str, *options: str) -> list[str]:
    """Return the flags of a run with a shard per video."""
    given = ["--videos", videos, "--package", package, "--out", out, "--shard-minutes", "0.02"]
    return [*given, *options]


def job(
    videos: str,
    package: str,
    out: str,
    endpoint: str | None = None,
    *,
    runner: str = "processes",
    options: Sequence[str] = (),
) -> Job:
    env = {"AWS_ENDPOINT_URL": endpoint} if endpoint else None
    given = arguments(videos, package, out, "--runner", runner, *options)
    return Job(["jobs.score", *given], env=env)


@pytest.fixture(scope="module")
def archive(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return twelve videos and three text files with the names of videos."""
    root = write_archive(corpus, tmp_path_factory.mktemp("archive"))
    for name in ("a.mp4", "1/b.mkv", "c.webm"):
        (root / name).write_text("I am text")
    return root


@pytest.fixture(scope="module")
def expected(archive: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Return the tables of a run without faults."""
    out = str(tmp_path_factory.mktemp("expected") / "out")
    assert main(arguments(str(archive), str(package), out, "--runner", "processes")) == 0
    return rounded(read_dataset(out, TABLES))


def rounded(tables: Tables) -> Tables:
    """Return tables with answers to five digits: their last bits depend on the batches."""

    def plain(name: str, value: Any) -> Any:
        answer = name in ANSWERS or name.startswith(("prob_", "share_"))
        return round(value, 5) if answer and value is not None else value

    return {
        table: [{name: plain(name, value) for name, value in row.items()} for row in rows]
        for table, rows in tables.items()
    }


def test_a_fifth_of_the_archive_is_broken_and_every_file_is_accounted_for(
    expected: Tables, archive: Path
) -> None:
    listed = {str(p.relative_to(archive)) for p in archive.rglob("*.*")} - {"labels.csv"}
    read = [row["uri"] for row in expected["videos"]]
    left_out = [row["uri"] for row in expected["rejects"]]
    assert len(read) == NUM_VIDEOS
    assert sorted([*read, *left_out]) == sorted(listed)
    assert {row["reason"] for row in expected["rejects"]} == {"not_a_video"}


@pytest.mark.parametrize(
    "runner, fault",
    [
        ("ray", "driver"),
        pytest.param("ray", "worker", marks=pytest.mark.slow),
        pytest.param("ray", "raylet", marks=pytest.mark.slow),
        ("processes", "driver"),
        ("processes", "worker"),
    ],
)
def test_killed_and_run_again(
    archive: Path, package: Path, expected: Tables, tmp_path: Path, runner: str, fault: str
) -> None:
    out = str(tmp_path / "out")
    start = partial(job, str(archive), str(package), out, runner=runner)
    # A raylet is to be killed while there is work left, and all shards take a second or two.
    early = fault == "raylet"
    runs = hurt(start, out, fault, after=0 if early else 1, wait_s=0.0, begun=early)
    assert runs == (1 if fault == "worker" else 2)  # a worker is replaced in the same run
    assert rounded(read_dataset(out, TABLES)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["driver", "worker"])
def test_killed_while_long_videos_are_in_chunks(
    archive: Path, package: Path, expected: Tables, tmp_path: Path, fault: str
) -> None:
    out = str(tmp_path / "out")
    options = ("--chunk-minutes", "0.02")
    start = partial(job, str(archive), str(package), out, runner="ray", options=options)
    hurt(start, out, fault, after=1, wait_s=0.1)
    assert rounded(read_dataset(out, TABLES)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["blink", "storage"])
def test_storage_that_is_away(
    archive: Path, package: Path, expected: Tables, s3: str, s3_server: str, fault: str
) -> None:
    for path in archive.rglob("*.*"):
        storage.write_bytes(f"{s3}/videos/{path.relative_to(archive)}", path.read_bytes())
    with Proxy(s3_server) as proxy:
        start = partial(job, f"{s3}/videos", str(package), f"{s3}/out")
        hurt(start, f"{s3}/out", fault, after=1, wait_s=0.1, proxy=proxy)
    assert rounded(read_dataset(f"{s3}/out", TABLES)) == expected
