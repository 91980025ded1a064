"""A build that is killed or cut off: the same command again ends in the same tables."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from emotion import storage
from emotion.extract.detect import spec_for
from jobs.build_dataset import main
from jobs.ledger import output
from jobs.ledger.probe import probe_table
from tests.helpers.faults import (
    NUM_VIDEOS,
    Job,
    Tables,
    build_arguments,
    done_shards,
    read_dataset,
    wait_for,
    write_archive,
)
from tests.helpers.hurting import hurt
from tests.helpers.proxy import Proxy

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def archive(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(corpus, tmp_path_factory.mktemp("archive"))


def job(
    archive: str,
    out: str,
    endpoint: str | None = None,
    *,
    runner: str = "processes",
    options: Sequence[str] = (),
) -> Job:
    env = {"AWS_ENDPOINT_URL": endpoint} if endpoint else None
    given = build_arguments(archive, out, "--runner", runner, *options)
    return Job(["jobs.build_dataset", *given], env=env)


@pytest.fixture(scope="module")
def expected(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of a run that nothing disturbed."""
    out = str(tmp_path_factory.mktemp("expected") / "out")
    assert main(build_arguments(str(archive), out, "--runner", "processes")) == 0
    tables = read_dataset(out)
    assert len(tables["videos"]) == NUM_VIDEOS
    assert len(tables["clips"]) >= NUM_VIDEOS
    return tables


@pytest.mark.parametrize(
    "runner, fault",
    [
        ("ray", "driver"),
        ("ray", "worker"),
        ("ray", "raylet"),
        ("processes", "driver"),
        ("processes", "worker"),
    ],
)
def test_killed_and_run_again(
    archive: Path, expected: Tables, tmp_path: Path, runner: str, fault: str
) -> None:
    out = str(tmp_path / "out")
    start = partial(job, str(archive), out, runner=runner)
    runs = hurt(start, out, fault, after=2, wait_s=0.2)
    assert runs == (1 if fault == "worker" else 2)  # a worker is replaced in the same run
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
        start = partial(job, f"{bucket}/videos", f"{bucket}/out")
        runs = hurt(start, f"{bucket}/out", "blink", after=1, wait_s=0.1, proxy=proxy)
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
    runner = "ray" if fault == "raylet" else rng.choice(("ray", "processes"))
    on_s3 = fault == "storage" or number // 8 % 2 == 1
    root, out = (f"{bucket}/videos", f"{bucket}/out") if on_s3 else (str(archive), f"{tmp_path}/o")
    # Every video is a long one where that begins at 1.8 s.
    options = ("--chunk-minutes", "0.02") if number % 2 else ()
    after, wait_s = rng.randrange(NUM_VIDEOS), rng.choice((0.0, rng.uniform(0, 3)))
    with Proxy(s3_server) as proxy:
        start = partial(job, root, out, runner=runner, options=options)
        hurt(start, out, fault, after=after, wait_s=wait_s, proxy=proxy if on_s3 else None)
    assert read_dataset(out) == expected


@pytest.mark.parametrize("place", ["folder", pytest.param("s3", marks=pytest.mark.slow)])
def test_a_suspended_run_keeps_its_output_and_goes_on(
    archive: Path, bucket: str, expected: Tables, tmp_path: Path, place: str
) -> None:
    on_s3 = place == "s3"
    root, out = (f"{bucket}/videos", f"{bucket}/out") if on_s3 else (str(archive), f"{tmp_path}/o")
    with job(root, out) as first:
        wait_for(lambda: done_shards(out))
        first.process.send_signal(signal.SIGSTOP)
        with job(root, out) as second:
            assert second.wait() == 2
            last = second.log.splitlines()[-1]
            assert last.startswith(f"error: another run (process {first.process.pid} on ")
        first.process.send_signal(signal.SIGCONT)
        assert first.wait() == 0, first.log
    assert read_dataset(out) == expected


@pytest.mark.slow
@pytest.mark.parametrize("place", ["folder", "s3"])
def test_a_killed_run_goes_on_with_the_archive_as_it_is_then(
    archive: Path, s3: str, tmp_path: Path, place: str
) -> None:
    """One video is gone after the kill, and another one has other bytes: an empty box more."""
    root, out = (f"{s3}/v", f"{s3}/o") if place == "s3" else (f"{tmp_path}/v", f"{tmp_path}/o")
    for path in archive.rglob("*.*"):
        storage.write_bytes(f"{root}/{path.relative_to(archive)}", path.read_bytes())
    runs = hurt(partial(job, root, out), out, "driver", after=NUM_VIDEOS // 2, wait_s=0.1)
    assert runs == 2
    names = sorted(file.uri for file in storage.list_files(root, suffixes=(".mp4",)))
    storage.remove(names[0])
    storage.write_bytes(names[1], storage.read_bytes(names[1]) + b"\0\0\0\x08free")
    for made in (out, f"{out}-fresh"):
        with job(root, made, options=("--max-retire", "1")) as running:
            assert running.wait() == 0, running.log
    assert read_dataset(out) == read_dataset(f"{out}-fresh")


@pytest.mark.slow
def test_storage_that_does_not_come_back(
    bucket: str, s3_server: str, expected: Tables, tmp_path: Path
) -> None:
    """Printed is one line, after the retries of the storage; no video is rejected."""
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


def test_credentials_that_expire_are_one_line_and_the_next_run_goes_on(
    bucket: str, s3_server: str, expected: Tables
) -> None:
    out = f"{bucket}/out"
    with Proxy(s3_server) as proxy:
        with job(f"{bucket}/videos", out, endpoint=proxy.url) as running:
            wait_for(lambda: done_shards(out))
            proxy.refuse("ExpiredToken", "The provided token has expired.")
            assert running.wait(150) == 2
            last = running.log.splitlines()[-1]
            assert "Traceback" not in running.log
        assert last.startswith("error: ")
        assert "The provided token has expired" in last
        assert last.endswith("run the same command again to resume")
        assert 0 < len(done_shards(out)) < NUM_VIDEOS
        proxy.mend()
        with job(f"{bucket}/videos", out, endpoint=proxy.url) as running:
            assert running.wait() == 0, running.log
    assert read_dataset(out) == expected


@pytest.mark.parametrize("limit", [60_000, 200])
def test_a_disk_that_is_full_is_one_line_and_the_next_run_goes_on(
    archive: Path, tmp_path: Path, expected: Tables, limit: int
) -> None:
    """With 60,000 bytes per file the parts of clips do not fit; with 200 the plan does not."""
    out = str(tmp_path / "out")
    given = build_arguments(str(archive), out, "--runner", "processes")
    with Job(["tests.helpers.limited", str(limit), "jobs.build_dataset", *given]) as running:
        assert running.wait() == 2, running.log
        lines = running.log.splitlines()
    assert "Traceback" not in "".join(lines)
    assert lines[-1].startswith("error: [Errno 27] ")
    assert "File too large" in lines[-1]
    assert not Path(out, output.SUCCESS).exists()
    with job(str(archive), out) as running:
        assert running.wait() == 0, running.log
    assert read_dataset(out) == expected


@pytest.mark.slow
def test_a_probe_without_storage_blames_no_video(
    bucket: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planning goes on without the duration; the worker meets the fault again, and stops."""
    with Proxy(s3_server) as proxy:
        proxy.cut()
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        asked = pa.table({"video_id": ["v"], "uri": ["a.mp4"]})
        probed = probe_table(asked, f"{bucket}/videos").to_pylist()
    assert probed == [{"video_id": "v", "duration_s": None, "seekable": None}]


def test_a_fault_in_a_worker_is_one_line(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    output.claim(str(out), {}, job="jobs.build_dataset", spec=spec_for("dlib"))
    (out / "clips").write_text("where a folder must be")
    assert main(build_arguments(str(archive), str(out))) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: cannot write into {out}/clips: ")
    assert error.endswith("; run the same command again to resume")
    assert done_shards(str(out)) == []
