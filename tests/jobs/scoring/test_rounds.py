"""Shards whose end got lost are read again; a run never ends well without the end of a shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from emotion import storage
from emotion.errors import InputError
from emotion.report.run_metrics import RunTotals
from jobs.ledger.shards import ShardRef
from jobs.scoring import stream
from jobs.scoring.rows import SCORED_ROWS, end_row
from tests.helpers.crashing import crash_environment
from tests.helpers.faults import Job
from tests.helpers.tiny_shards import a_ref


class Stream:
    """Stand-in for a dataset of Ray Data: the ends of some shards."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def iter_batches(self, **_: object) -> Iterator[pa.Table]:
        for name in self._names:
            row = end_row(name, videos=[], rejects=[], num_faces=0).drop_columns(["crops"])
            added = {
                field: pa.nulls(1, SCORED_ROWS.field(field).type) for field in ("probs", "steps")
            }
            columns = {**dict(zip(row.column_names, row.columns, strict=True)), **added}
            yield pa.table(columns | {"busy_s": pa.array([0.0])}, schema=SCORED_ROWS)


class Commits:
    """Stand-in for the committing actors."""

    def __init__(self, *_: object) -> None:
        self.started: list[str] = []
        made.append(self)

    def __enter__(self) -> Commits:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, shard_id: str, _: object) -> None:
        self.started.append(shard_id)

    def count_finished(self, *, wait: bool = False) -> None:
        pass


made: list[Commits] = []


@pytest.mark.parametrize(
    "answers, says",
    [
        ([["a", "c"], ["b"]], None),
        ([["a", "b"], [], []], "1 shards were read 3 times .* their end \\(c\\)"),
    ],
    ids=["second round", "never"],
)
def test_a_shard_without_an_end_is_read_again(
    answers: list[list[str]], says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def scored_rows(refs: Sequence[ShardRef], _: object) -> Stream:
        asked.append([ref.shard_id for ref in refs])
        return Stream(answers[len(asked) - 1])

    monkeypatch.setattr(stream, "scored_rows", scored_rows)
    monkeypatch.setattr(stream, "room_for_models", lambda _: 2)
    monkeypatch.setattr(stream, "_Commits", Commits)
    refs = [a_ref(name) for name in "abc"]
    settings: Any = SimpleNamespace(dataset="D")
    if says is None:
        stream.score_shards(settings, refs, settings, settings, RunTotals())
        assert asked == [["a", "b", "c"], ["b"]]
        assert sorted(made[-1].started) == ["a", "b", "c"]
    else:
        with pytest.raises(InputError, match=says):
            stream.score_shards(settings, refs, settings, settings, RunTotals())
        assert len(asked) == stream.MAX_ROUNDS


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["ray", "processes"])
@pytest.mark.parametrize("verb", ["score", "build"])
def test_a_file_that_aborts_its_reader_costs_itself(
    verb: str, runner: str, corpus: Path, package: Path, tmp_path: Path
) -> None:
    """The third of six videos in one shard aborts the reader, and then the first look."""
    out = tmp_path / "out"
    (tmp_path / "site").mkdir()
    env = crash_environment(tmp_path / "site", "s1/happy.mp4")
    videos = ["--videos", str(corpus), "--out", str(out), "--shard-minutes", "9"]
    videos += ["--runner", runner]
    more = {
        "score": ["jobs.score", "--package", str(package)],
        "build": ["jobs.build_dataset", "--labels", f"{corpus}/labels.csv", "--detector", "dlib"],
    }[verb]
    with Job([*more, *videos], env=env) as running:
        assert running.wait() == 0, running.log
    rejects = storage.read_tables(f"{out}/rejects").to_pylist()
    assert [(r["uri"], r["reason"]) for r in rejects] == [("videos/s1/happy.mp4", "crashed")]
    read = storage.read_tables(f"{out}/videos").to_pylist()
    assert len({row["uri"] for row in read}) == len(read) == 5
