"""Faults for a running job, and the state of its output afterwards.

Processes are killed by id.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

from emotion import storage
from schemas.tables import DATASETS
from tests.helpers.paths import ROOT

NUM_VIDEOS = 12
IDS = ("video_id", "track_id", "face_id", "clip_id")
Tables = dict[str, list[dict[str, Any]]]
T = TypeVar("T")


class Job:
    """A job in a process of its own, with its own workers; killed as a whole at the end.

    All processes of the job are in one session, so that they can be listed.
    """

    def __init__(self, arguments: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short, for the paths of sockets
        self._log = self._folder / "job.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        with self._log.open("w") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=kept | {"RAY_TMPDIR": str(self._folder), **(env or {})},
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def log(self) -> str:
        """Return the output so far."""
        return self._log.read_text()

    def wait(self, timeout_s: float = 300.0) -> int:
        """Wait and return the exit code.

        Raises:
            AssertionError: if the job still runs after ``timeout_s``; the message holds its output.
        """
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s: {self.log}") from None

    def processes(self) -> list[psutil.Process]:
        """Return all processes of the job, descendants included, also those with a new parent."""
        return [p for p in psutil.process_iter() if session_of(p.pid) == self.process.pid]

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes: actors of Ray, or forks of the driver's fork server."""
        servers = [p for p in self.processes() if "multiprocessing.forkserver" in command(p)]
        ids = {p.pid for p in servers}
        forks = [p for p in servers if parent_of(p) in ids]
        return forks or [p for p in self.processes() if "MapWorker" in command(p)]

    def raylets(self) -> list[psutil.Process]:
        """Return Ray's raylet process of each node."""
        return [p for p in self.processes() if command(p).split(" ")[0].endswith("/raylet")]

    def end(self) -> None:
        """Kill the remaining processes and wait until they are gone."""
        deadline = time.monotonic() + 10
        while left := [p for p in self.processes() if command(p)]:
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if self.process.poll() is None:
                self.process.wait(10)
            assert time.monotonic() < deadline, f"cannot end {left}"
            time.sleep(0.05)
        self.process.wait(10)


def session_of(pid: int) -> int | None:
    """Return the session id of a process; None if the process has ended."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def command(process: psutil.Process) -> str:
    """Return the command line of a process; empty if the process has ended."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def parent_of(process: psutil.Process) -> int | None:
    """Return the id of a process's parent; None if the process has ended."""
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return None


def kill(process: psutil.Process) -> None:
    """Send SIGKILL to a process id."""
    process.send_signal(signal.SIGKILL)


def kill_one(running: Job, find: Callable[[], list[psutil.Process]]) -> None:
    """Kill the first process that ``find`` returns; do nothing if the job ended before."""
    found = wait_for(lambda: find() or running.process.poll() is not None)
    if isinstance(found, list):
        with contextlib.suppress(psutil.NoSuchProcess):
            kill(found[0])


def wait_for(found: Callable[[], T], *, timeout_s: float = 180.0) -> T:
    """Call repeatedly until the result is not empty.

    Raises:
        AssertionError: if it is not in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := found()):
        assert time.monotonic() < deadline, f"nothing after {timeout_s} s"
        time.sleep(0.05)
    return answer


def write_archive(corpus: Path, root: Path) -> Path:
    """Write the fixture ``corpus``'s six videos under two names each, and a label table."""
    table = (corpus / "labels.csv").read_text().splitlines()
    lines = [table[0]]
    for copy in range(2):
        shutil.copytree(corpus / "videos", root / f"{copy}/videos")
        lines += [f"{copy}/{line}" for line in table[1:]]
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def build_arguments(archive: str, out: str, *options: str) -> list[str]:
    """Return flags of the build job: one shard per video, and a detector without weights."""
    return [
        "--videos", archive, "--labels", f"{archive}/labels.csv", "--out", out,
        "--detector", "dlib", "--shard-minutes", "0.02", *options,
    ]  # fmt: skip


def done_shards(out: str) -> list[str]:
    """Return the shards that have a ledger entry."""
    files = storage.list_files(f"{out}/_ledger/done")
    return [file.uri.rsplit("/", 1)[-1].removesuffix(".json") for file in files]


def read_dataset(out: str, names: Iterable[str] = DATASETS) -> Tables:
    """Return every row of the tables in a fixed order, with the uri as video id.

    So that two storages compare, ``etag`` is left out; everything else is kept.
    """
    tables = {name: storage.read_tables(f"{out}/{name}").to_pylist() for name in names}
    uris = {row["video_id"]: row["uri"] for row in tables["videos"] + tables["rejects"]}
    for rows in tables.values():
        for row in rows:
            row.pop("etag", None)
            for key in IDS:
                if isinstance(value := row.get(key), str):
                    video_id, slash, rest = value.partition("/")
                    row[key] = uris[video_id] + slash + rest
        rows.sort(key=repr)
    return tables
