"""A build that is killed or cut off: the same command again ends in the same tables."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import EndpointConnectionError
from ray.data import from_items
from ray.exceptions import RayTaskError

from emotion import storage
from emotion.errors import InputError, VideoError
from emotion.extract.decode import Limits
from emotion.extract.detect import spec_for
from jobs import _lock
from jobs._cli import expected_line
from jobs._trial import Trial
from jobs.build_dataset import main
from schemas.tables import DATASETS
from tests.drawing import number_video
from tests.faults import (
    NUM_VIDEOS,
    Job,
    Proxy,
    Tables,
    build_arguments,
    command,
    done_shards,
    kill,
    read_dataset,
    wait_for,
    write_archive,
)

CUT_S = 10.0


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


def kill_one(running: Job, find: Callable[[], list[psutil.Process]]) -> None:
    """Kill the first of what is found; a job that ends before there is one was not hurt."""
    found = wait_for(lambda: find() or running.process.poll() is not None)
    if isinstance(found, list):
        with contextlib.suppress(psutil.NoSuchProcess):
            kill(found[0])


def cut_storage(_: Job, proxy: Proxy | None) -> None:
    assert proxy is not None
    proxy.cut()
    time.sleep(CUT_S)
    proxy.mend()


FAULTS = {
    "driver": kill_driver,
    "worker": kill_worker,
    "raylet": kill_raylet,
    "storage": cut_storage,
}


def hurt(
    archive: str, out: str, fault: str, *, after: int, wait_s: float, proxy: Proxy | None = None
) -> int:
    """Break a run some time after its ``after``-th shard; run again until it is whole.

    Returns:
        The runs that it took. Every later run finds what the runs before finished, and leaves it.
    """
    endpoint = proxy.url if proxy else None
    with job(archive, out, endpoint=endpoint) as running:
        wait_for(lambda: len(done_shards(out)) >= after or running.process.poll() is not None)
        time.sleep(wait_s)
        FAULTS[fault](running, proxy)
        code = running.wait()
    runs = 1
    while code != 0:
        assert runs < 3
        before = parts(out, done_shards(out))
        with job(archive, out, endpoint=endpoint) as running:
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
        runs = hurt(
            f"{bucket}/videos", f"{bucket}/out", "storage", after=1, wait_s=0.1, proxy=proxy
        )
    assert runs == 1
    assert read_dataset(f"{bucket}/out") == expected


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_twenty_random_moments(
    archive: Path, bucket: str, s3_server: str, expected: Tables, tmp_path: Path, number: int
) -> None:
    """Each fault five times; the folder and S3 in turn, all that cut the storage on S3."""
    rng = random.Random(number)
    fault = sorted(FAULTS)[number % 4]
    on_s3 = fault == "storage" or number // 4 % 2 == 1
    root, out = (f"{bucket}/videos", f"{bucket}/out") if on_s3 else (str(archive), f"{tmp_path}/o")
    moment = {"after": rng.randrange(NUM_VIDEOS), "wait_s": rng.choice((0, rng.uniform(0, 3)))}
    with Proxy(s3_server) as proxy:
        hurt(root, out, fault, **moment, proxy=proxy if on_s3 else None)
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
def test_a_fault_in_a_worker_is_one_line(
    local_ray: None, raised: Exception, line: str | None
) -> None:
    def fail(row: dict[str, object]) -> dict[str, object]:
        raise raised

    assert expected_line(raised) == line
    with pytest.raises(RayTaskError) as caught:
        from_items([{"a": 1}]).map(fail).take_all()
    assert expected_line(caught.value) == line


def test_a_lock_whose_answer_was_lost_is_held(tmp_path: Path) -> None:
    """The storage wrote it and the answer did not come: the client writes again, and is refused."""
    uri = str(tmp_path / "lock.json")
    mine = {"run": "r", "host": "h", "boot": "b", "pid": os.getpid(), "started": "1", "beat": 0}
    _lock._take(uri, mine, str(tmp_path))
    _lock._take(uri, mine, str(tmp_path))
    assert storage.read_json(uri) == mine


# One video that costs more than itself


def test_a_video_that_kills_its_reader_costs_itself(corpus: Path, tmp_path: Path) -> None:
    """A worker dies within a shard; the next one looks first, and there it dies again."""
    out = tmp_path / "out"
    with job(str(corpus), str(out), "--shard-minutes", "1") as running:
        wait_for(lambda: list(out.glob("_ledger/attempts/*")))
        kill_one(running, running.workers)
        kill_one(running, lambda: [p for p in running.processes() if "_trial" in command(p)])
        assert running.wait() == 0, running.log
    rejects = storage.read_tables(f"{out}/rejects").to_pylist()
    assert [(r["uri"], r["reason"]) for r in rejects] == [("videos/s0/happy.mp4", "crashed")]
    assert rejects[0]["detail"] == "reading it ended a process with exit code -9"
    videos = storage.read_tables(f"{out}/videos").to_pylist()
    assert sorted(r["uri"] for r in videos) == [
        f"videos/{name}.mp4"
        for name in ("s0/surprise", "s1/happy", "s1/surprise", "s2/happy", "s2/surprise")
    ]
    assert list(out.glob("_ledger/attempts/*")) == []


def test_a_video_that_takes_too_long_costs_itself(
    corpus: Path, tmp_path: Path, local_ray: None
) -> None:
    root = tmp_path / "videos"
    shutil.copytree(corpus / "videos/s0", root)
    number_video(root / "long.mp4", 4000, hw=(720, 1280))
    (root / "labels.csv").write_text(
        "uri,subject_id,label\nhappy.mp4,s,happy\nlong.mp4,s,happy\nsurprise.mp4,s,surprise\n"
    )
    out = str(tmp_path / "out")
    assert main(build_arguments(str(root), out, "--max-wall-s", "6", "--shard-minutes", "9")) == 0
    rejects = storage.read_tables(f"{out}/rejects").to_pylist()
    assert [(r["uri"], r["reason"]) for r in rejects] == [("long.mp4", "timeout")]
    videos = storage.read_tables(f"{out}/videos").to_pylist()
    assert sorted(r["uri"] for r in videos) == ["happy.mp4", "surprise.mp4"]


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file that is never read to its end: a pipe that nobody writes to."""
    path = tmp_path / "endless.mp4"
    os.mkfifo(path)
    return path


def test_a_trial_outlives_what_it_looks_at(corpus: Path, tmp_path: Path, endless: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    good = corpus / "videos/s0/happy.mp4"
    with Trial(spec_for("dlib"), None, limits=Limits(max_wall_s=60)) as trial:
        trial.look(tmp_path / "text.mp4")  # whatever is wrong with it, it can be looked at
        trial.look(good)
        first = trial.process
        assert first is not None
        threading.Timer(0.5, first.kill).start()
        with pytest.raises(VideoError, match="exit code -9") as caught:
            trial.look(endless)
        assert caught.value.reason == "crashed"
        trial.look(good, start=0, stop=4)
        second = trial.process
        assert second is not None
    assert second.poll() is not None  # ended with the block


def test_a_trial_of_an_endless_file_ends_in_time(endless: Path) -> None:
    with Trial(spec_for("dlib"), None, limits=Limits(max_wall_s=1)) as trial:
        began = time.monotonic()
        with pytest.raises(VideoError, match="limit of 1 s") as caught:
            trial.look(endless)
        assert 1 <= time.monotonic() - began < 10
    assert caught.value.reason == "timeout"
