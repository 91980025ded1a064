"""A build on several Ray nodes, one of which dies in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster

from tests.faults import (
    NUM_VIDEOS,
    Job,
    build_arguments,
    done_shards,
    read_dataset,
    wait_for,
    write_archive,
)

STORE_BYTES = 100 * 2**20


def add_worker(cluster: Cluster) -> Any:
    """A further node of one CPU."""
    return cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head without CPUs, as in ray_cluster.yaml."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES},
    )
    try:
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def test_a_node_dies_and_another_joins(cluster: Cluster, corpus: Path, tmp_path: Path) -> None:
    archive, out = str(write_archive(corpus, tmp_path / "archive")), str(tmp_path / "out")
    dying, _ = add_worker(cluster), add_worker(cluster)
    options = ("--address", cluster.address)
    with Job(["jobs.build_dataset", *build_arguments(archive, out, *options)]) as running:
        wait_for(lambda: done_shards(out) or running.process.poll() is not None)
        assert running.process.poll() is None, running.log
        cluster.remove_node(dying, allow_graceful=False)
        assert len(done_shards(out)) < NUM_VIDEOS
        add_worker(cluster)
        assert running.wait() == 0, running.log
    alone = str(tmp_path / "alone")
    with Job(["jobs.build_dataset", *build_arguments(archive, alone)]) as local:
        assert local.wait() == 0, local.log
    found = read_dataset(out)
    assert len(found["videos"]) == NUM_VIDEOS
    assert found == read_dataset(alone)
