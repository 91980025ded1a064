"""A build that is killed or cut off: the same command again ends in the same tables."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from botocore.exceptions import EndpointConnectionError

from emotion import storage
from emotion.errors import InputError
from emotion.extract.detect import spec_for
from jobs import _lock, _output
from jobs._cli import expected_line
from jobs._probe import probe_chunk
from jobs.build_dataset import main
from schemas.tables import DATASETS
from tests.faults import (
    NUM_VIDEOS,
    Job,
    Proxy,
    Tables,
    build_arguments,
    done_shards,
    kill_one,
    read_dataset,
    wait_for,
    write_archive,
)

CUT_S, BLINK_S = 10.0, 3.0


@pytest.fixture(scope="module")
def archive(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(corpus, tmp_path_factory.mktemp("archive"))


def job(archive: str, out: str, *options: str, endpoint: str | None = None) -> Job:
    env = {"AWS_ENDPOINT_URL": endpoint} if endpoint else None
    return Job(["jobs.build_dataset", *build_arguments(archive, out, *options)], env=env)


@pytest.fixture(scope="module")
def expected(archive: Path, tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> Tables:
    """The tables of a run that nothing disturbed."""
    out = str(tmp_path_factory.mktemp("expected") / "out")
    assert main(build_arguments(str(archive), out)) == 0
    tables = read_dataset(out)
    assert len(tables["videos"]) == NUM_VIDEOS
    assert len(tables["clips"]) >= NUM_VIDEOS
    return tables


def parts(out: str, shards: list[str]) -> dict[str, str]:
    """The version (time of change, ETag) of every part and entry of ``shards``."""
    found = {}
    for folder in (*DATASETS, "_ledger/done"):
        for file in storage.list_files(f"{out}/{folder}"):
            if any(shard in file.uri for shard in shards):
                found[file.uri] = file.version
    return found


def kill_driver(running: Job, _: Proxy | None) -> None:
    running.process.kill()


def kill_worker(running: Job, _: Proxy | None) -> None:
    kill_one(running, running.workers)


def kill_raylet(running: Job, _: Proxy | None) -> None:
    kill_one(running, running.raylets)


def cut_storage(_: Job, proxy: Proxy | None, *, for_s: float) -> None:
    assert proxy is not None
    proxy.cut()
    time.sleep(for_s)
    proxy.mend()


FAULTS: dict[str, Callable[[Job, Proxy | None], None]] = {
    "driver": kill_driver,
    "worker": kill_worker,
    "raylet": kill_raylet,
    "storage": partial(cut_storage, for_s=CUT_S),
    "blink": partial(cut_storage, for_s=BLINK_S),
}


def hurt(
    archive: str,
    out: str,
    fault: str,
    *,
    after: int,
    wait_s: float,
    proxy: Proxy | None = None,
    options: Sequence[str] = (),
) -> int:
    """Break a run some time after its ``after``-th shard; run again until it is whole.

    Returns:
        The runs that it took. Every later run finds what the runs before finished, and leaves it.
    """
    endpoint = proxy.url if proxy else None
    with job(archive, out, *options, endpoint=endpoint) as running:
        wait_for(lambda: len(done_shards(out)) >= after or running.process.poll() is not None)
        time.sleep(wait_s)
        FAULTS[fault](running, proxy)
        code = running.wait()
    runs = 1
    while code != 0:
        assert runs < 3
        before = parts(out, done_shards(out))
        with job(archive, out, *options, endpoint=endpoint) as running:
            code, runs = running.wait(), runs + 1
            assert code == 0, running.log
        now = parts(out, done_shards(out))
        assert before == {uri: now[uri] for uri in before}
    return runs


@pytest.mark.parametrize("fault", ["driver", "worker", "raylet"])
def test_killed_and_run_again(archive: Path, expected: Tables, tmp_path: Path, fault: str) -> None:
    out = str(tmp_path / "out")
    runs = hurt(str(archive), out, fault, after=2, wait_s=0.2)
    assert runs == (1 if fault == "worker" else 2)  # Ray replaces a worker by itself
    assert read_dataset(out) == expected


@pytest.fixture
def bucket(archive: Path, s3: str) -> str:
    """A bucket that holds the archive."""
    for path in archive.rglob("*.*"):
        storage.write_bytes(f"{s3}/videos/{path.relative_to(archive)}", path.read_bytes())
    return s3


def test_storage_that_is_away_for_a_while_is_waited_for(
    bucket: str, s3_server: str, expected: Tables
) -> None:
    with Proxy(s3_server) as proxy:
        runs = hurt(f"{bucket}/videos", f"{bucket}/out", "blink", after=1, wait_s=0.1, proxy=proxy)
    assert runs == 1
    assert read_dataset(f"{bucket}/out") == expected


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_twenty_random_moments(
    archive: Path, bucket: str, s3_server: str, expected: Tables, tmp_path: Path, number: int
) -> None:
    """Every fault on videos whole and in segments, in a folder and, after eight rounds, on S3."""
    rng = random.Random(number)
    fault = ("driver", "worker", "raylet", "storage")[number // 2 % 4]
    on_s3 = fault == "storage" or number // 8 % 2 == 1
    root, out = (f"{bucket}/videos", f"{bucket}/out") if on_s3 else (str(archive), f"{tmp_path}/o")
    # Every video is a long one where that begins at 1.8 s.
    options = ("--segment-minutes", "0.02") if number % 2 else ()
    after, wait_s = rng.randrange(NUM_VIDEOS), rng.choice((0.0, rng.uniform(0, 3)))
    with Proxy(s3_server) as proxy:
        hurt(
            root,
            out,
            fault,
            after=after,
            wait_s=wait_s,
            options=options,
            proxy=proxy if on_s3 else None,
        )
    assert read_dataset(out) == expected


@pytest.mark.slow
def test_storage_that_does_not_come_back(
    bucket: str, s3_server: str, expected: Tables, tmp_path: Path
) -> None:
    """One line within the time that a storage is waited for; no video is blamed."""
    out = f"{bucket}/out"
    with Proxy(s3_server) as proxy:
        with job(f"{bucket}/videos", out, endpoint=proxy.url) as running:
            wait_for(lambda: done_shards(out))
            proxy.cut()
            assert running.wait(150) == 2
            errors = [line for line in running.log.splitlines() if "rror" in line]
            assert "Traceback" not in running.log
        proxy.mend()
        assert errors[-1].startswith("error: Could not connect to the endpoint URL")
        with job(f"{bucket}/videos", out, endpoint=proxy.url) as running:
            assert running.wait() == 0, running.log
    assert read_dataset(out) == expected


@pytest.mark.slow
def test_a_probe_without_storage_blames_no_video(
    bucket: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker meets the fault again, and stops for it; the plan is made without the time."""
    with Proxy(s3_server) as proxy:
        proxy.cut()
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        asked = pa.table({"video_id": ["v"], "uri": ["a.mp4"]})
        found = probe_chunk(asked, f"{bucket}/videos").to_pylist()
    assert found == [{"video_id": "v", "duration_s": None, "seekable": None}]


def test_two_runs_at_once(archive: Path, expected: Tables, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    with job(str(archive), out) as first:
        wait_for((tmp_path / "out/_ledger/lock.json").exists)
        with job(str(archive), out) as second:
            assert second.wait() == 2
            last = second.log.splitlines()[-1]
        assert last.startswith(f"error: another run (process {first.process.pid} on ")
        assert first.wait() == 0
    assert read_dataset(out) == expected


# What is said of a fault


@pytest.mark.parametrize(
    "raised, line",
    [
        (KeyError("a"), None),
        (FileNotFoundError(2, "gone"), None),
        (InputError("--out is full"), "--out is full"),
        (ConnectionResetError(104, "reset"), "[Errno 104] reset"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (
            EndpointConnectionError(endpoint_url="http://s3"),
            'Could not connect to the endpoint URL: "http://s3"',
        ),
    ],
    ids=["bug", "bug with a file", "input", "connection", "disk", "S3"],
)
def test_what_is_a_fault_and_what_a_bug(raised: Exception, line: str | None) -> None:
    assert expected_line(raised) == line


def test_a_fault_in_a_worker_is_one_line(
    archive: Path, tmp_path: Path, local_ray: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    _output.claim(str(out), spec=spec_for("dlib"), config={})
    (out / "clips").write_text("where a folder must be")
    assert main(build_arguments(str(archive), str(out))) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: cannot write into {out}/clips: ")
    assert error.endswith("; the same command again does what is left")
    assert done_shards(str(out)) == []


def test_a_lock_whose_answer_was_lost_is_held(tmp_path: Path) -> None:
    """The storage wrote it and the answer did not come: the client writes again, and is refused."""
    uri = str(tmp_path / "lock.json")
    mine = {"run": "r", "host": "h", "boot": "b", "pid": os.getpid(), "started": "1", "beat": 0}
    _lock._take(uri, mine, str(tmp_path))
    _lock._take(uri, mine, str(tmp_path))
    assert storage.read_json(uri) == mine
