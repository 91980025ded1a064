"""A build on several Ray nodes, one of which dies during the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotion.labels import LABELS
from jobs.build_dataset import main
from schemas.scores import score_tables
from tests.helpers.faults import (
    NUM_VIDEOS,
    Job,
    build_arguments,
    done_shards,
    read_dataset,
    wait_for,
    write_archive,
)
from tests.helpers.scoring import assert_same, rows

pytestmark = pytest.mark.large

ENV = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


class Nodes:
    """Ray nodes in a child process, apart from the Ray settings of other tests.

    Attributes:
        address: of the head.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._answer()

    def order(self, word: str) -> None:
        """Kill or add a worker node, and wait until that is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        assert self._answer() == word

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("nodes: "):
                return line.removeprefix("nodes: ").strip()
        raise AssertionError("the nodes' process has ended")


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """A head without CPUs, as in ray_cluster.yaml, and two workers of one CPU."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | ENV
    with subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.nodes"],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield Nodes(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # the nodes end at the end of their input
            process.wait(60)


def test_a_node_dies_and_another_joins(
    nodes: Nodes, corpus: Path, tmp_path: Path, local_ray: None
) -> None:
    archive, out = str(write_archive(corpus, tmp_path / "archive")), str(tmp_path / "out")
    options = ("--address", nodes.address)
    with Job(["jobs.build_dataset", *build_arguments(archive, out, *options)], env=ENV) as running:
        wait_for(lambda: done_shards(out) or running.process.poll() is not None)
        assert running.process.poll() is None, running.log
        nodes.order("kill")
        assert len(done_shards(out)) < NUM_VIDEOS
        nodes.order("add")
        assert running.wait() == 0, running.log
    alone = str(tmp_path / "alone")
    assert main(build_arguments(archive, alone)) == 0
    tables = read_dataset(out)
    assert len(tables["videos"]) == NUM_VIDEOS
    assert tables == read_dataset(alone)


def test_scores_are_the_same_on_several_nodes(
    nodes: Nodes, corpus: Path, package: Path, scores: Path, tmp_path: Path
) -> None:
    """Compares two readers and two models on two nodes with those on this machine's cores."""
    nodes.order("add")
    given = ["jobs.score", "--videos", str(corpus), "--package", str(package)]
    given += ["--shard-minutes", "0.05", "--out", str(tmp_path / "many")]
    with Job([*given, "--address", nodes.address], env=ENV) as running:
        assert running.wait() == 0, running.log
    for table in score_tables(LABELS):
        assert_same(rows(tmp_path / "many", table), rows(scores, table))
