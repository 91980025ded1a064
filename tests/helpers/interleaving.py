"""Builds in one process whose reader is a stub, with kills, suspensions and outages at random.

A fault strikes at one of the writes of a run, before or after it. A killed run writes nothing any
more. A suspended run goes on after another run has taken over its lock and ended. The code of plan,
lock, ledger, commit, revision and audit is the real one; nothing is decoded, and Ray does not run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion import storage
from emotion.errors import EmotionError, VideoError
from emotion.extract.detect import spec_for
from emotion.extract.walk import VideoSummary
from emotion.validate.result import ValidationReport
from jobs.building import items
from jobs.building import run as building
from jobs.building import worker as work
from jobs.building.options import Config
from jobs.common.faults import check_fault
from jobs.ledger import lock, output, plan_parts
from jobs.ledger.plan_files import ledger_files
from jobs.ledger.shards import ShardRef
from jobs.ledger.stored_plan import PROBED
from jobs.reading.shard_reader import End, TableRow
from schemas.tables import DATASETS, VIDEO_COLUMNS

WRITES = ("write_bytes", "put_file", "create_bytes", "remove")
LABEL_NAMES = ("happy", "sad", "angry")


class KillError(BaseException):
    """End of a process; no clean-up of it reaches the storage."""


@dataclass
class Fault:
    """Event that strikes one run.

    Attributes:
        kind: "kill", "outage", "suspend", or "none".
        at: number of the write, from 0.
        after: True: the write is done before.
        meanwhile: function that is called while the run is suspended.
        num_writes: number of the run's writes so far.
        is_dead: True after a kill.
    """

    kind: str = "none"
    at: int = 0
    after: bool = False
    meanwhile: Callable[[], object] = field(default=lambda: None)
    num_writes: int = 0
    is_dead: bool = False


class Writes:
    """The writes of the running build, with its fault; runs may be nested."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._runs: list[Fault] = []
        for name in WRITES:
            real: Callable[..., Any] = getattr(storage, name)
            for module in (storage, storage.objects, storage.contents, storage.parquet):
                if vars(module).get(name) is real:
                    patch.setattr(module, name, self._wrapped(real))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*given: Any) -> Any:
            if not self._runs:
                return real(*given)
            fault = self._runs[-1]
            if fault.is_dead:
                raise KillError
            fault.num_writes += 1
            if fault.num_writes - 1 != fault.at or fault.kind == "none":
                return real(*given)
            done = real(*given) if fault.after else None
            self._strike(fault)
            return done if fault.after else real(*given)

        return write

    @staticmethod
    def _strike(fault: Fault) -> None:
        if fault.kind == "kill":
            fault.is_dead = True
            raise KillError
        if fault.kind == "outage":
            raise ConnectionResetError(104, "reset")
        fault.meanwhile()

    def during(self, fault: Fault, run: Callable[[], int]) -> int:
        """Run a build with a fault; return its exit code, or -9 after a kill."""
        self._runs.append(fault)
        try:
            return run()
        except KillError:
            return -9
        except (EmotionError, ConnectionResetError):
            return 2
        finally:
            self._runs.pop()


class StubReader:
    """Reader of files that say how many frames and clips they hold, or that they are bad."""

    def __init__(self, reading: Any, _: bytes | None) -> None:
        self._root = reading.root

    def shard(self, ref: ShardRef) -> Iterator[TableRow | End]:
        for video in ref.rows():
            summary, video_id = VideoSummary(), str(video["video_id"])
            try:
                uri = storage.join(self._root, str(video["uri"]))
                now = storage.stat(uri)
                if (now.size_bytes, now.version) != (video["size_bytes"], video["etag"]):
                    raise VideoError("changed", "other bytes")
                kind, clips = storage.read_bytes(uri).decode().split()
                summary.num_clips = summary.num_frames = int(clips)
                summary.facts.codec = "stub"
                for number in range(int(clips)):
                    for table in ("frames", "clips"):
                        yield TableRow(video, table, _row(table, video_id, number))
                if kind == "bad":  # after some of its rows
                    raise VideoError("corrupt", "says so")
                yield End(video, summary, storage.sha256(uri))
            except VideoError as err:
                yield End(video, summary, error=err)
            except FileNotFoundError:
                yield End(video, summary, error=VideoError("missing", "gone"))


def _row(table: Any, video_id: str, number: int) -> dict[str, object]:
    repeated = VIDEO_COLUMNS.get(table, ())
    row: dict[str, object] = {n: None for n in DATASETS[table].names if n not in repeated}
    row["video_id"] = video_id
    return row | (
        {"frame_index": number} if table == "frames" else {"clip_id": f"{video_id}/{number}"}
    )


class Archive:
    """Folder of stub videos with a label table, which changes at random."""

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.root, self._rng, self._labels = root, rng, dict[str, str]()
        root.mkdir()
        for _ in range(rng.randint(3, 8)):
            self._put()
        self._write_table()

    def _put(self) -> None:
        name = f"{len(list(self.root.iterdir())):03d}-{self._rng.randrange(10**6)}.mp4"
        self._fill(name)
        self._labels[name] = self._rng.choice(LABEL_NAMES)

    def _fill(self, name: str) -> None:
        kind = "bad" if self._rng.random() < 0.2 else "good"
        # padding: another size, so that a change is seen within one tick of the clock
        text = f"{kind} {self._rng.randint(0, 3)}" + " " * self._rng.randrange(10**4)
        (self.root / name).write_text(text)

    def _write_table(self) -> None:
        lines = [f"{name},s{name[:3]},{label}" for name, label in sorted(self._labels.items())]
        (self.root / "labels.csv").write_text("\n".join(["uri,subject_id,label", *lines]) + "\n")

    def change(self) -> None:
        """Add, remove, replace or relabel some videos."""
        for _ in range(self._rng.randint(1, 3)):
            name = self._rng.choice(sorted(self._labels))
            kind = self._rng.choice(("add", "remove", "replace", "relabel"))
            if kind == "add":
                self._put()
            elif kind == "remove" and len(self._labels) > 1:
                (self.root / name).unlink()
                del self._labels[name]
            elif kind == "replace":
                self._fill(name)
            else:
                self._labels[name] = self._rng.choice(LABEL_NAMES)
        self._write_table()


def stub_build(patch: pytest.MonkeyPatch, rng: random.Random, *, in_thread: bool = False) -> None:
    """Replace decoding, workers and validation; a lock is taken over at once.

    Unless ``in_thread``, the next part of a plan is made when the work on the last one has ended,
    so that a seed always gives the same order of writes.
    """

    def durations(_: str, fresh: Path, out: Path, *, runner: str, address: None) -> None:
        ids = pq.read_table(fresh, columns=["video_id"])["video_id"].to_pylist()
        rows = [{"video_id": i, "duration_s": 1.0, "seekable": True} for i in ids]
        pq.write_table(pa.Table.from_pylist(rows, schema=PROBED), out)

    def do_items(
        _: None, first: Sequence[Any], joins: Sequence[Any], settings: Any, __: None
    ) -> None:
        worker = work.BuildWorker(settings, None)
        for item in rng.sample(list(first), len(first)):
            check_fault(worker(item)["fault"])
        assert not joins

    if not in_thread:
        patch.setattr(building, "ahead", lambda waves: waves)
        patch.setattr(plan_parts, "FIRST_PART", rng.choice((2, 10_000)))
        patch.setattr(plan_parts, "NEXT_PART", 3)
    # A plan in parts is otherwise only made of remote archives.
    patch.setattr(building, "is_planned_whole", lambda _, out: bool(ledger_files(out, "plan")))
    patch.setattr(building, "probe_durations", durations)
    patch.setattr(items, "do_items", do_items)
    patch.setattr(building, "open_runner", lambda *_, **__: nullcontext())
    patch.setattr(building, "import_ahead", lambda: None)
    patch.setattr(building, "choose_detector", lambda _: (spec_for("dlib"), None))
    patch.setattr(building, "validate", lambda *_, **__: ValidationReport(()))
    patch.setattr(building, "dataset_report", lambda *_, **__: "")
    patch.setattr(work, "ShardReader", StubReader)
    patch.setattr(lock, "BEAT_S", 1e6)
    patch.setattr(lock, "_is_dead", lambda *_: True)


def drive(archive: Archive, out: Path, *, shard_minutes: float) -> int:
    """Run jobs.build_dataset on the stub; return its exit code."""
    root = str(archive.root)
    return building.run(
        Config(
            videos=root, labels=f"{root}/labels.csv", out=str(out), detector="dlib",
            shard_minutes=shard_minutes, max_retire=1.0,
        )
    )  # fmt: skip


def tables(out: Path) -> dict[str, list[str]]:
    """Return the rows of every table as sorted texts."""
    return {
        name: sorted(map(str, storage.read_tables(f"{out}/{name}").to_pylist()))
        for name in DATASETS
    }


def is_complete(out: Path) -> bool:
    return (out / output.SUCCESS).exists()
