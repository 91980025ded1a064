"""Jobs run unchanged on a running Ray head: ``ray job submit --working-dir . -- python -m ...``."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from emotion.synth.corpus import write_corpus
from tests.helpers.paths import ROOT
from tests.helpers.ports import free_ports

pytestmark = pytest.mark.large

BIN = Path(sys.executable).parent
START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Head:
    """A running Ray head.

    Attributes:
        url: address for submitted jobs.
        env: environment variables of a user who may submit.
    """

    url: str
    env: dict[str, str]


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A head with 2 CPUs on loopback that asks for a token; all its processes end with the test."""
    port, dashboard, client, agent, metrics = free_ports(5)
    folder = tempfile.mkdtemp(prefix="ray-")  # short: paths of Unix sockets end at 107 bytes
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    env |= {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = [
        str(BIN / "ray"), "start", "--head", "--block", "--num-cpus=2",
        "--node-ip-address=127.0.0.1", f"--port={port}", f"--temp-dir={folder}",
        "--include-dashboard=true", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}",
        f"--ray-client-server-port={client}", f"--dashboard-agent-listen-port={agent}",
        f"--metrics-export-port={metrics}",
    ]  # fmt: skip
    log = Path(folder) / "head.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            command, env=env, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    started = Head(f"http://127.0.0.1:{dashboard}", env)
    try:
        wait_until_up(started, process, log)
        yield started
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_up(head: Head, process: subprocess.Popen[bytes], log: Path) -> None:
    token = {"Authorization": f"Bearer {head.env['RAY_AUTH_TOKEN']}"}
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            request = urllib.request.Request(f"{head.url}/api/jobs/", headers=token)
            with urllib.request.urlopen(request, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    raise AssertionError(f"no Ray head after {START_TIMEOUT_S} s: {log.read_text()[-2000:]}")


def submit(head: Head, *arguments: str) -> str:
    """Submit one job as a user does, wait for its end, and return its log."""
    command = [
        str(BIN / "ray"), "job", "submit", "--address", head.url, "--working-dir", ".",
        "--", "python", "-m", *arguments,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=head.env, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def test_a_job_runs_on_a_head(head: Head, tmp_path: Path) -> None:
    corpus, dataset = tmp_path / "corpus", tmp_path / "dataset"
    labels = write_corpus(corpus, subjects=1, seed=1, workers=1, labels=("happy", "sad"))
    log = submit(
        head, "jobs.build_dataset", "--videos", str(corpus), "--labels", str(labels), "--out",
        str(dataset), "--detector", "dlib",
    )  # fmt: skip
    assert "plan: 2 videos, " in log
    counts = json.loads((dataset / "_SUCCESS").read_text())["counts"]
    assert counts["videos"] == 2
    assert counts["clips"] >= 2


def test_a_failing_job_fails_the_submission(head: Head, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    with pytest.raises(AssertionError, match=r"error: .*gone"):
        submit(
            head, "jobs.build_dataset", "--videos", gone, "--labels", f"{gone}.csv", "--out",
            str(tmp_path / "out"),
        )  # fmt: skip
